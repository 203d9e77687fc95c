"""The state machine of one recipient in one sequence. Pure: a row and a fact in, the changed row out.

enrolled -> due (step n) -> sent -> due (next step) or ended. `held` and `waiting` are due rows that may not go out
yet, each with its reason. What ends a sequence (bought, unsubscribed, bounced, complained) ends it in every state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from .times import later

State = Literal["due", "waiting", "held", "sending", "sent", "ended"]
Condition = Literal["always", "not_opened", "opened", "not_clicked", "clicked"]
ENDS: Final = ("bought", "unsubscribed", "bounced", "complained", "completed", "not_needed", "refused", "failed")
# Heard facts in the order they happen to a mail; a later one implies the ones before it.
HEARD: Final = ("delivered", "opened", "clicked")
SETTLED_HOURS: Final = 72
"""After this time a mail has met with what it will; the last one ends its sequence then."""


class Step(TypedDict):
    """One mail of a sequence: hours after the one before, and on what it depends."""

    delay_hours: float
    condition: Condition
    subject: str
    text: str


class Recipient(TypedDict):
    """Where one person stands in one sequence; `step` counts from 0, `heard` is what the last mail met with."""

    campaign: str
    email: str
    state: State
    step: int
    due_at: str
    segment: str
    token: str
    arm: str
    reason: str
    sent_at: str | None
    heard: dict[str, str]
    attempts: int
    restored: bool


def enrolled(campaign: str, email: str, segment: str, token: str, at: str) -> Recipient:
    """A person at the beginning of a sequence: the first mail is due."""
    return Recipient(
        campaign=campaign, email=email, state="due", step=0, due_at=at, segment=segment, token=token, arm="",
        reason="", sent_at=None, heard={}, attempts=0, restored=False,
    )  # fmt: skip


def ended(row: Recipient, reason: str) -> Recipient:
    """The sequence is over for this person; what ended it first stays."""
    return row if row["state"] == "ended" else {**row, "state": "ended", "reason": reason}


def held(row: Recipient, reason: str) -> Recipient:
    """Held back with a reason until a person restores it."""
    return row if row["state"] in ("ended", "sent") else {**row, "state": "held", "reason": reason}


def waits(row: Recipient, reason: str, until: str) -> Recipient:
    """Not now: tried again from `until` on."""
    return {**row, "state": "waiting", "reason": reason, "due_at": until}


def restored(row: Recipient, at: str) -> Recipient:
    """Taken up again by a person's word."""
    return {**row, "state": "due", "reason": "", "due_at": at, "restored": True} if row["state"] == "held" else row


def mailed(row: Recipient, at: str) -> Recipient:
    """The mail of this step went out; what was heard before belongs to an earlier one."""
    return {**row, "state": "sent", "sent_at": at, "reason": "", "heard": {}, "attempts": 0}


def hears(row: Recipient, fact: str, at: str) -> Recipient:
    """A delivery, an open or a click of the last mail. The first of each counts; order and repeats change nothing."""
    if fact not in HEARD:
        return row
    heard = dict(row["heard"])
    for implied in HEARD[: HEARD.index(fact) + 1]:
        heard[implied] = min(heard.get(implied, at), at)
    return {**row, "heard": heard}


def advanced(row: Recipient, steps: Sequence[Mapping[str, Any]], now: str) -> Recipient:
    """The next step becomes due once its time has come and its condition holds; a step that does not apply is left out.

    A condition is judged when the time has come, never before.
    """
    if row["state"] != "sent" or row["sent_at"] is None:
        return row
    upcoming = row["step"] + 1
    if upcoming >= len(steps):
        over = later(row["sent_at"], hours=SETTLED_HOURS) <= now
        return {**row, "state": "ended", "reason": "completed"} if over else row
    due = later(row["sent_at"], hours=float(steps[upcoming]["delay_hours"]))
    if due > now:
        return row
    while upcoming < len(steps) and not holds(str(steps[upcoming]["condition"]), row["heard"]):
        upcoming += 1
    if upcoming >= len(steps):
        return {**row, "state": "ended", "reason": "not_needed"}
    due = later(row["sent_at"], hours=float(steps[upcoming]["delay_hours"]))
    return row if due > now else {**row, "state": "due", "step": upcoming, "due_at": due, "arm": ""}


def holds(condition: str, heard: Mapping[str, str]) -> bool:
    """Whether a step applies after what was heard of the mail before."""
    if condition.startswith("not_"):
        return condition[4:] not in heard
    return condition == "always" or condition in heard
