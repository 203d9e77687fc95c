"""The Context: all that an agent may touch while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

from ionflux_core.domain.runs import RunTrigger as Trigger
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.sdk.parts import Accounts, Chat, Http, Llm, MemoryStore, Pages, Records
from ionflux_core.sdk.values import ArtifactRef, Decision, Outgoing, Sent

P = ParamSpec("P")
T = TypeVar("T")


class Context(Protocol):
    """What an agent may touch while it runs."""

    run_id: str
    attempt: int
    dry_run: bool
    seed: int
    task: str | None
    trigger: Trigger
    correlation_id: str
    workspace: Workspace
    brand: Brand | None
    instance_name: str | None
    inputs: dict[str, Any]
    options: dict[str, Any]
    llm: Llm
    http: Http
    memory: MemoryStore
    records: Records
    chat: Chat
    pages: Pages
    accounts: Accounts

    def now(self) -> datetime:
        """The run's own time, recorded once: the same after a resume and in a replay."""

    def step(self, name: str, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` once and journal what it returned, as plain JSON (dates, Decimals and models become text or maps).

        The key is the name, with [1], [2] ... behind it when a name comes again. After a crash or a wait the
        agent starts from the top and every finished step hands back its recorded answer without running.
        """

    def emit(self, type: str, payload: Mapping[str, Any], *, key: str | None = None) -> str:
        """Publish a platform event; it leaves with the step's transaction. The same `key` publishes once."""

    def kpi(
        self,
        name: str,
        value: float | int | None,
        *,
        unit: str = "",
        at: datetime | None = None,
        dims: Mapping[str, str] | None = None,
    ) -> None:
        """Report a figure at a business time; a later report for the same name, time and dims replaces it.

        None takes an earlier report back: the figure is not known any more.
        """

    def value(
        self,
        kind: Literal["money_made", "money_saved", "minutes_returned"],
        amount: float,
        *,
        unit: str,
        method: Literal["measured", "modelled", "estimate"],
        note: str,
        confidence: float | None = None,
    ) -> None:
        """Book what this run was worth, with how it is known.

        `confidence` (0 to 1) is how sure the agent is of the amount; leave it out where there is no ground for one.
        """

    def log(self, message: str, *, level: Literal["debug", "info", "warning", "error"] = "info", **fields: Any) -> None:
        """Write a line to the run's log."""

    def artifact(self, name: str, data: bytes | str, *, media_type: str = "text/plain") -> ArtifactRef:
        """Store a file with the run, addressed by its content."""

    def read_file(self, value: Any) -> bytes:
        """The bytes behind an input of type `file` ({sha256, name, media_type, size})."""

    def approve(
        self,
        title: str,
        *,
        body: str = "",
        data: Mapping[str, Any] | None = None,
        editable: Iterable[str] = (),
        urgency: Literal["low", "medium", "high", "critical"] = "medium",
        timeout_seconds: float | None = None,
        on_timeout: Literal["deny", "approve", "fail"] = "deny",
    ) -> Decision:
        """Ask a person. The run is parked without a thread until someone decides or the time is over."""

    def send(
        self,
        kind: str,
        target: str,
        payload: Mapping[str, Any],
        *,
        summary: str,
        key: str | None = None,
        on_uncertain: Literal["ask", "skip", "retry"] = "ask",
        estimate: float | None = None,
    ) -> Sent:
        """Act on the world outside, through the outbox: `kind` names the channel, such as `webhook` or `email`.

        A person or a policy decides first; the run is parked meanwhile. Without a connected account nothing goes out
        and the answer is `would_send`. The same `key` goes out once in the workspace; without one it is the run and
        the step. `on_uncertain` says what to do when a crash left open whether it went out; `retry` only where the
        other side honours keys, else a person is asked. `estimate` is its cost in US dollars. `secret://name` values
        are put in at the last moment. Raises when the delivery failed.
        """

    def send_many(
        self,
        kind: str,
        items: Iterable[Outgoing],
        *,
        summary: str,
        body: str = "",
        estimate: float | None = None,
        under: Decision | None = None,
    ) -> list[Sent]:
        """Send many effects of one kind under one decision; the answers in the order of the items.

        A person or a policy decides once for all of them; `body` (Markdown) tells what they are. Each is a row of the
        outbox and goes out once under its key, also when the process ends half way: what was on its way at that moment
        is `uncertain`, is not sent again by itself, and holds up no other. What fails is `failed`; nothing is raised
        for it. At most 10,000 items. `under` is what a person decided about just these in this run
        (`ctx.approve`): then nobody is asked a second time, unless the run has read words from outside.
        """

    def run_agent(self, target: str, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Start an instance (name or id) or `agent:<slug>` and hand back its outputs; AgentFailed when it fails.

        The run is parked without a thread until the child has ended. Large outputs are `{"storage_ref": ...}`.
        """

    def find_runs(self, question: str, *, limit: int = 10) -> list[dict[str, Any]]:
        """Runs whose words answer a question, newest first: run_id, agent, status, at, preview and a fragment."""

    def prompt(self, prompt_id: str, values: Mapping[str, Any] | None = None) -> str:
        """The text of a prompt of the library with these values in place; Invalid names every variable that is wrong.

        A step: a retry and a replay take the recorded text, whatever the library says by then.
        """

    def wait(self, *, seconds: float | None = None, until: datetime | None = None) -> None:
        """Park the run without a thread until the time has come."""

    def wait_for_event(
        self, topic: str, *, filter: Mapping[str, Any] | None = None, timeout_seconds: float
    ) -> dict[str, Any] | None:
        """Park the run until a matching event arrives ({type, payload, id}); None when the time is over."""
