"""What becomes of a node and of a graph, and what keeps a run from going on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ionflux_core.domain.runs import RunStatus
from ionflux_core.domain.waits import joined_waits, waits_in
from ionflux_core.runtime.parking import Parked

NodeStatus = Literal["success", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A node that has ended: how, and its outputs by name."""

    status: NodeStatus
    outputs: Mapping[str, Any] = field(default_factory=dict)

    def readable(self) -> dict[str, Any]:
        """What other nodes read of it; a node that was skipped or failed has no outputs of its own."""
        told: dict[str, Any] = {"status": self.status}
        return told | {"outputs": self.outputs} if self.status == "success" or self.outputs else told


def outputs_of(ended: Mapping[str, Ended]) -> dict[str, Any]:
    """The outputs of a graph's nodes by id; those that were skipped, or failed without any, are left out."""
    return {name: dict(each.outputs) for name, each in ended.items() if each.status == "success" or each.outputs}


class Waiting(Exception):
    """Nodes of a graph wait, and nothing else of it can go on: it is not a failure, and nobody handles it."""

    def __init__(self, waits: list[Parked]) -> None:
        super().__init__(len(waits))
        self.waits = waits

    def parked(self) -> Parked:
        """All these waits as the one the run is parked with: over as soon as the first of them is."""
        status: RunStatus = "waiting"
        if any(each.status == "awaiting_approval" for each in self.waits):
            status = "awaiting_approval"
        times: list[datetime] = [each.wake_at for each in self.waits if each.wake_at is not None]
        joined = [part for each in self.waits for part in waits_in(each.wait)]
        return Parked(status, wake_at=min(times, default=None), wait=joined_waits(joined) if joined else None)
