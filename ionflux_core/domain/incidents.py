"""Incidents: something that is not as it should be, from its first sight to its end, and when it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

IncidentStatus = Literal["open", "resolved"]

OPENED = "ionflux.alert.opened"
RESOLVED = "ionflux.alert.resolved"
BY_ITSELF = "ionflux"

# How long it is quiet after each time an open incident was told; the last one holds from then on.
_GOES_ON = timedelta(minutes=2)
_FRESH = timedelta(hours=1)
PAUSES = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(days=1))


class Incident(BaseModel):
    """One trouble. `subject` says of what; there is one open incident for a kind and a subject."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    workspace_id: str
    rule_id: str | None = None
    kind: str
    subject: str
    title: str
    detail: str = ""
    instance_id: str | None = None
    value: float | None = None
    status: IncidentStatus
    sightings: int
    opened_at: datetime
    seen_at: datetime
    told_at: datetime | None = None
    muted_until: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None

    def is_muted(self, at: datetime) -> bool:
        """Whether somebody wished to hear nothing of it for now."""
        return self.muted_until is not None and self.muted_until > at

    def is_to_be_told(self, at: datetime) -> bool:
        """Whether it is time to tell of it: at its opening, after a growing pause, and when it is over."""
        if self.status == "resolved":
            over = self.resolved_at
            # Who did not hear of its beginning need not hear of its end, nor anybody long after it.
            return self.told_at is not None and over is not None and self.told_at < over and at - over <= _FRESH
        if self.told_at is None:
            return True
        # What has just not been seen any more may be over: that it goes on is not said of it.
        goes_on = at - self.seen_at <= _GOES_ON
        return goes_on and at - self.told_at >= pause_after(self.opened_at, self.told_at)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A rule's condition holds now, for one subject."""

    rule_id: str
    kind: str
    subject: str
    title: str
    detail: str
    value: float | None
    instance_id: str | None = None
    run_id: str | None = None


def pause_after(opened_at: datetime, told_at: datetime) -> timedelta:
    """How long nothing is said after an incident was told: the pause grows with what has been told before.

    It follows from the two times alone, so that a restart or another process goes on where the last one was.
    """
    passed = told_at - opened_at
    reached = timedelta(0)
    for pause in PAUSES:
        reached += pause
        if passed < reached:
            return pause
    return PAUSES[-1]
