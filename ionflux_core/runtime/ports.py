"""What the runner needs from outside itself, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ionflux_core.domain.runs import Run, RunStatus
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.llm.breaker import Breakers
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Connection, Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog
    from ionflux_core.channels.base import Channel
    from ionflux_core.llm.base import Model
    from ionflux_core.memory import Memory
    from ionflux_core.outbound import Outbound
    from ionflux_core.redaction import Redactor


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


class Dispatcher(Protocol):
    """How accepted runs reach a worker: the local threads by default, a broker where many machines share the work."""

    def notify(self) -> None:
        """A run is pending: wake a worker if one sleeps."""

    def interrupt(self, run_id: str, wish: str) -> None:
        """Tell the worker that holds a run: `cancel` or `pause`. Unknown runs are someone else's."""

    def place(self) -> AbstractContextManager[Place | None]:
        """Room for a run in the calling thread; None when all of it is taken, and the queue has to do."""


@dataclass(frozen=True)
class Ports:
    """The runner's surroundings. Everything heavy is a function, called on first use."""

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
    spending: Spending | None = None
    breakers: Breakers = field(default_factory=Breakers)
    channels: Mapping[str, Channel] = field(default_factory=dict)


def engine_of(config: Mapping[str, Any]) -> str:
    """The model a run's configuration chose, as `provider:name`."""
    return str((config.get("stack") or {}).get("model") or "local:local-1")
