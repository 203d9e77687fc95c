"""What the runner needs from outside itself, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ionflux_core.domain.runs import RunStatus
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog
    from ionflux_core.llm.base import Model
    from ionflux_core.memory import Memory
    from ionflux_core.outbound import Outbound
    from ionflux_core.redaction import Redactor


class Dispatcher(Protocol):
    """How accepted runs reach a worker: the local threads by default, a broker where many machines share the work."""

    def notify(self) -> None:
        """A run is pending: wake a worker if one sleeps."""

    def interrupt(self, run_id: str, wish: str) -> None:
        """Tell the worker that holds a run: `cancel` or `pause`. Unknown runs are someone else's."""


class Silent:
    """A dispatcher for processes that only look on: nothing is executed here."""

    def notify(self) -> None:
        """Nobody to wake: another process polls the queue."""

    def interrupt(self, run_id: str, wish: str) -> None:
        """Nobody to tell: the worker meets the wish at its next heartbeat."""


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
    moved: Callable[[str, RunStatus], None]
    heard: Callable[[str, str], bool]
    published: Callable[[], None]


def engine_of(config: Mapping[str, Any]) -> str:
    """The model a run's configuration chose, as `provider:name`."""
    return str((config.get("stack") or {}).get("model") or "local:local-1")
