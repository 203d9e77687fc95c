"""Questions to people in lists: their lines, how lists are narrowed, and how an agent's drafts were received."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from ionflux_core.domain.runs import Approval, Urgency

# The most pressing first: lists are sorted in this order.
URGENCIES: Final[tuple[Urgency, ...]] = tuple(reversed(get_args(Urgency)))
REMIND_AFTER: Final[dict[Urgency, timedelta]] = {
    "critical": timedelta(minutes=15),
    "high": timedelta(hours=1),
    "medium": timedelta(hours=24),
    "low": timedelta(hours=72),
}
View = Literal["open", "decided"]


class ApprovalLine(Approval):
    """A question with the agent that asks it."""

    instance_id: str | None = None
    instance_name: str | None = None
    definition_slug: str = ""


class ApprovalFilter(BaseModel):
    """How a list of questions is narrowed; `agent` is an instance's id or a definition's slug."""

    model_config = ConfigDict(extra="forbid")

    agent: str | None = None
    urgency: Urgency | None = None


class Acceptance(BaseModel):
    """How people received an agent's drafts. The rate is the share approved without an edit; None before the first."""

    model_config = ConfigDict(frozen=True)

    unedited: int = 0
    edited: int = 0
    denied: int = 0

    @property
    def decided(self) -> int:
        """How many drafts people have decided over."""
        return self.unedited + self.edited + self.denied

    @property
    def rate(self) -> float | None:
        """Accepted unedited over decided, 0 to 1."""
        return self.unedited / self.decided if self.decided else None


def remind_at(asked: Approval) -> datetime:
    """When people are reminded of a question: by its urgency, and at the latest when half of its time is over."""
    due = asked.created_at + REMIND_AFTER[asked.urgency]
    if asked.expires_at is None:
        return due
    return min(due, asked.created_at + (asked.expires_at - asked.created_at) / 2)
