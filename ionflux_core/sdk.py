"""All that an agent author imports: the Context given to `run(ctx, inputs)`, and the errors an agent may raise.

An agent is a folder `agents/<slug>/` with an `agent.yaml` and an `agent.py` that defines

    def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]: ...

`inputs` are the resolved inputs (defaults < workspace < brand < YAML < run time); the answer maps output keys
of the manifest to values. Work that costs time or touches anything outside belongs into `ctx.step`: a finished
step is journaled and never runs again, not after a crash, a retry, an approval or a wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypedDict, TypeVar, Unpack

from ionflux_core.domain.prompts import Image, Message, Tool, ToolCall
from ionflux_core.domain.runs import RunTrigger as Trigger
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.errors import AgentFailed, Invalid, IonfluxError, NotFound, Unavailable

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "AgentFailed",
    "ArtifactRef",
    "Brand",
    "Completion",
    "Context",
    "Decision",
    "Image",
    "Invalid",
    "IonfluxError",
    "Message",
    "NotFound",
    "Record",
    "Retry",
    "Sent",
    "Tool",
    "ToolCall",
    "Trigger",
    "Unavailable",
    "Workspace",
    "not_computed",
]

P = ParamSpec("P")
T = TypeVar("T")


class Retry(IonfluxError):
    """Raise this when the same step may well succeed later; the run is retried after `after_seconds`."""

    code = "retry"
    status = 503

    def __init__(self, message: str, *, after_seconds: float = 5.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.after_seconds = after_seconds


def not_computed(reason: str) -> dict[str, str]:
    """The value of an output that cannot be known from what is there; never a guess in its place."""
    return {"not_computed": reason}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person answered; `edits` holds the editable fields as the person left them."""

    approved: bool
    by: str | None = None
    comment: str | None = None
    edits: dict[str, Any] = field(default_factory=dict)
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an effect. `edits` holds what a person changed before it went out.

    `would_send`: no account is connected, or the run is a dry one. `denied`: a person or a policy said no.
    `uncertain`: nobody knows, and the agent wished not to ask. `failed`: a person gave it up.
    """

    status: Literal["sent", "would_send", "denied", "failed", "uncertain"]
    effect_id: str
    by: str | None = None
    comment: str | None = None
    edits: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A stored file: its content hash, name, media type and size in bytes."""

    sha256: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One row of an agent's own collection; `at` is business time in UTC."""

    key: str
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer with the engine that made it ({kind: local|llm, name, version, seed}).

    `data` is the answer as the schema asked for it. Tokens and cost are those of all turns it took; the cost is None
    where no price is known.
    """

    text: str
    engine: dict[str, Any]
    tokens_in: int
    tokens_out: int
    cost_micros: int | None
    finish_reason: str = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    data: Any = None

    @property
    def message(self) -> Message:
        """The answer as a turn of the conversation, for the next question."""
        return Message("assistant", self.text, tool_calls=self.tool_calls)


class Asking(TypedDict, total=False):
    """How a model is asked; everything may be left out.

    `messages`: the conversation before the prompt. `images`: shown with the prompt. `tools`: what it may ask for; its
    wishes come back in `tool_calls` and nothing is done by itself. `schema`: a pydantic model or a JSON schema that
    `data` of the answer will fit; a model that misses it is told so once. `models`: `provider:name` in the order they
    are to be tried, in place of the configured one. `pinned`: the first of them or none.
    """

    messages: Iterable[Message]
    system: str | None
    max_tokens: int
    temperature: float | None
    tools: Iterable[Tool]
    schema: type[BaseModel] | Mapping[str, Any] | None
    images: Iterable[Image]
    models: Iterable[str]
    pinned: bool


class Records(Protocol):
    """The instance's own collections (`tables` in the manifest): small JSON rows with a key and a time.

    What is written is seen by the agent's own reads at once, and stored with the transaction of its step: a step
    that fails or is cut off leaves no row behind. Read inside of a step, too: a replay knows what a step returned, and
    nothing of what was read between steps.
    """

    def put(self, collection: str, key: str, data: Mapping[str, Any], *, at: datetime | None = None) -> None:
        """Insert or replace one row."""

    def put_many(self, collection: str, rows: Iterable[tuple[str, Mapping[str, Any], datetime]]) -> int:
        """Insert or replace rows of (key, data, at) in one transaction; the number of rows."""

    def get(self, collection: str, key: str) -> Record | None:
        """The row with this key, or None."""

    def find(
        self,
        collection: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        prefix: str = "",
        limit: int = 100_000,
        newest_first: bool = False,
    ) -> list[Record]:
        """Rows with since <= at < until whose key starts with `prefix`, by time."""

    def delete(self, collection: str, key: str) -> bool:
        """Remove one row; False when it was not there."""


class Llm(Protocol):
    """The model the configuration chose; without a key the local engine, labelled as such.

    Every answer is a step; every attempt at one, failed or not, is a call of the run.
    """

    def complete(self, prompt: str = "", **how: Unpack[Asking]) -> Completion:
        """One answer."""

    def stream(
        self, prompt: str = "", *, on_text: Callable[[str], None] | None = None, **how: Unpack[Asking]
    ) -> Completion:
        """One answer, shown on the run's page while it is being written.

        `on_text` is given every piece; it starts over with a new attempt, and is not called for a recorded answer.
        """

    def embed(self, texts: Iterable[str], *, model: str | None = None) -> list[list[float]]:
        """One vector for each text, of the workspace's embedding model; vectors of two models cannot be compared."""


class HttpResponse(Protocol):
    """What an outside server answered."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case."""

    @property
    def content(self) -> bytes:
        """The body."""

    def json(self) -> Any:
        """The body read as JSON; Invalid when it is not."""


class Http(Protocol):
    """The guarded way out: no private addresses, limits on size and time, journaled as a call of the run."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> HttpResponse:
        """One request; header values may be `secret://name` references."""


class Recalled(Protocol):
    """One memory that came back, with its likeness to the query (cosine, -1 to 1)."""

    @property
    def text(self) -> str:
        """The remembered text."""

    @property
    def score(self) -> float:
        """Cosine similarity to the query."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was stored beside the text."""


class MemoryStore(Protocol):
    """The instance's vector memory, in the namespace its configuration resolved to."""

    def remember(self, text: str, metadata: Mapping[str, Any] | None = None, *, id: str | None = None) -> str:
        """Store a text; the same id replaces. Returns the id."""

    def recall(self, query: str, *, limit: int = 5) -> list[Recalled]:
        """The nearest texts, best first."""


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
    ) -> None:
        """Book what this run was worth, with how it is known."""

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

    def wait(self, *, seconds: float | None = None, until: datetime | None = None) -> None:
        """Park the run without a thread until the time has come."""

    def wait_for_event(
        self, topic: str, *, filter: Mapping[str, Any] | None = None, timeout_seconds: float
    ) -> dict[str, Any] | None:
        """Park the run until a matching event arrives ({type, payload, id}); None when the time is over."""
