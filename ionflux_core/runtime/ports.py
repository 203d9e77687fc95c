"""What the runner needs from outside itself, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from ionflux_core.domain.runs import Run, RunStatus
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.errors import NotFound, Unavailable
from ionflux_core.llm.breaker import Breakers
from ionflux_core.measures import Measures
from ionflux_core.sdk import Said
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Connection, Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog
    from ionflux_core.channels.base import Channel
    from ionflux_core.connectors.base import Access
    from ionflux_core.fluxgraph.document import Code
    from ionflux_core.llm.base import Model
    from ionflux_core.memory import Memory
    from ionflux_core.outbound import Outbound
    from ionflux_core.redaction import Redactor
    from ionflux_core.telemetry import Traces


Stepped = Callable[[str, str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class Spending(Protocol):
    """Money for calls: reserved before each one, settled after it, given back when it failed."""

    def reserve(self, run: Run, key: str, micros: int | None, *, service: str) -> str | None:
        """Set aside at most `micros` (millionths of a US dollar; None: no price is known) for one attempt of a call.

        The reservation's id, None when there is nothing to reserve; BudgetReached when a budget does not allow it. The
        same `key` reserves once.
        """

    def settle(self, reservation: str | None, micros: int | None) -> None:
        """The call was made and cost this much; None gives everything back."""


class Place(Protocol):
    """Room for one run in the thread of a caller who waits for its answer."""

    def lease(self, connection: Connection, row: dict[str, Any]) -> dict[str, Any] | None:
        """The columns of a run that is about to be inserted, leased to this place; None when a limit forbids it."""

    def execute(self, row: dict[str, Any]) -> Run | None:
        """Execute the leased run here, once it is inserted: the run as it ended, or None when it was parked."""


class Rooms(Protocol):
    """Where agents speak and write: the chat and the pages of a workspace."""

    def post(
        self, run: Run, channel: str, text: str, thread: str | None, proposal: Mapping[str, Any] | None, key: str
    ) -> str:
        """Post once under a key; the message's id."""

    def messages(
        self, workspace_id: str, channel: str, thread: str | None, since: datetime | None, limit: int
    ) -> list[Said]:
        """What was said in a channel or a thread that everybody may see, oldest first."""

    def write_page(
        self, run: Run, title: str, blocks: Sequence[Mapping[str, Any]], key: str, parent: str | None, icon: str
    ) -> str:
        """The page under a key, made or written anew; its id."""


class Accounts(Protocol):
    """The accounts workspaces have connected."""

    def connected(self, workspace_id: str, connector: str) -> bool:
        """Whether there is a working account of this kind."""

    def read(self, workspace_id: str, connector: str, what: str, arguments: Mapping[str, Any]) -> Any:
        """One reading of a connected account, as plain JSON."""

    def access(self, workspace_id: str, connector: str, name: str = "") -> Access:
        """The account of this kind, by its name where there are several; NotFound when none is connected."""


class Dispatcher(Protocol):
    """How accepted runs reach a worker: the local threads by default, a broker where many machines share the work."""

    def notify(self) -> None:
        """A run is pending: wake a worker if one sleeps."""

    def interrupt(self, run_id: str, wish: str) -> None:
        """Tell the worker that holds a run: `cancel` or `pause`. Unknown runs are someone else's."""

    def place(self) -> AbstractContextManager[Place | None]:
        """Room for a run in the calling thread; None when all of it is taken, and the queue has to do."""


def _no_children(run: Run, target: str, inputs: Mapping[str, Any], key: str) -> dict[str, Any]:
    raise Unavailable("No other agent can be started here.", hint="Start the run in a workspace.")


def _no_prompts(workspace_id: str, prompt_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    raise Unavailable("There is no prompt library here.", hint="Start the run in a workspace.")


def _no_program(run: Run, code: Code, inputs: Mapping[str, Any], seconds: float) -> Any:
    raise Unavailable("There is no sandbox here.", hint="See docs/sandbox.md.", code="sandbox_missing")


class _NoRooms:
    """Stands where there is neither chat nor canvas."""

    def post(self, *_: Any) -> str:
        """Refuses."""
        raise Unavailable("There is no chat here.", hint="Start the run in a workspace.")

    def messages(self, *_: Any) -> list[Said]:
        """Refuses."""
        raise Unavailable("There is no chat here.", hint="Start the run in a workspace.")

    def write_page(self, *_: Any) -> str:
        """Refuses."""
        raise Unavailable("There are no pages here.", hint="Start the run in a workspace.")


class _NoAccounts:
    """Stands where no account can be connected."""

    def connected(self, *_: Any) -> bool:
        """None is."""
        return False

    def read(self, workspace_id: str, connector: str, *_: Any) -> Any:
        """Says that there is none."""
        raise NotFound(f"No {connector} account is connected.", hint="Connect one in Settings, Accounts.")

    def access(self, workspace_id: str, connector: str, *_: Any) -> Access:
        """Says that there is none."""
        raise NotFound(f"No {connector} account is connected.", hint="Connect one in Settings, Accounts.")


@dataclass(frozen=True)
class Ports:
    """The runner's surroundings. Everything heavy is a function, called on first use.

    `child` checks a run that a run asks for and gives its row; `prompt` fills one of the library and gives {text,
    version}; `program` runs one of a flow; `seen` is told by run id which step has begun, and what a model has
    written so far.
    """

    db: Database
    files: ArtifactFiles
    catalog: Catalog
    workspace: Callable[[str], Workspace]
    brand: Callable[[str, str], Brand | None]
    model: Callable[[str, str], Model]
    outbound: Callable[[str], Outbound]
    memory: Callable[[], Memory]
    secret: Callable[[str, str], str]
    redactor: Callable[[str], Redactor]
    moved: Callable[[str, RunStatus, Run | None], None]
    heard: Callable[[str, str], bool]
    published: Callable[[], None]
    child: Callable[[Run, str, Mapping[str, Any], str], dict[str, Any]] = _no_children
    find_runs: Callable[[str, str, int], list[dict[str, Any]]] = lambda *_: []
    prompt: Callable[[str, str, Mapping[str, Any]], dict[str, Any]] = _no_prompts
    program: Callable[[Run, Code, Mapping[str, Any], float], Any] = _no_program
    seen: Callable[[str, str, str], None] = lambda *_: None
    rooms: Rooms = field(default_factory=_NoRooms)
    accounts: Accounts = field(default_factory=_NoAccounts)
    spending: Spending | None = None
    breakers: Breakers = field(default_factory=Breakers)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    measures: Measures = field(default_factory=Measures)
    traces: Traces | None = None


def engine_of(config: Mapping[str, Any]) -> str:
    """The model a run's configuration chose, as `provider:name`."""
    return str((config.get("stack") or {}).get("model") or "local:local-1")
