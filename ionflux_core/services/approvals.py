"""Approvals: what agents ask of people, and the answers; a run goes on from its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.approvals import (
    URGENCIES,
    Acceptance,
    ApprovalFilter,
    ApprovalLine,
    View,
    remind_at,
)
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.runs import Approval
from ionflux_core.errors import Conflict, Invalid, NotFound, Problem
from ionflux_core.ids import new_id, now
from ionflux_core.storage import approvals as rows
from ionflux_core.storage import audit, events, outbox, runs
from ionflux_core.storage.engine import Connection, Database

REMINDER = "ionflux.approval.reminder"


@dataclass(frozen=True, slots=True)
class Questions:
    """One page of questions; `cursor` asks for the next one."""

    approvals: list[ApprovalLine]
    cursor: str | None


class Approvals:
    """Use-cases around approvals."""

    def __init__(
        self, db: Database, announce: Callable[[], None], published: Callable[[], None] = lambda: None
    ) -> None:
        self._db = db
        self._announce = announce
        self._published = published
        self.hidden: Callable[[str, Any], Any] = lambda _, value: value

    def pending(self, workspace_id: str, *, limit: int = 50) -> list[Approval]:
        """Open questions, oldest first."""
        with self._db.read() as connection:
            return rows.pending(connection, workspace_id, limit=limit)

    def find(
        self,
        workspace_id: str,
        narrow: ApprovalFilter | None = None,
        *,
        view: View = "open",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Questions:
        """A page of open questions, the most urgent first, or of decided ones, the last decided first."""
        narrow, limit = narrow or ApprovalFilter(), max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            if view == "open":
                place = _open_place(cursor)
                found = rows.find_open(connection, workspace_id, narrow, after=place, limit=limit + 1)
            else:
                at = _decided_place(cursor)
                found = rows.find_decided(connection, workspace_id, narrow, before=at, limit=limit + 1)
        return Questions(found[:limit], _cursor(found[limit - 1], view) if len(found) > limit else None)

    def get(self, workspace_id: str, approval_id: str) -> ApprovalLine:
        """One question with the agent that asks it; NotFound when it is not there."""
        with self._db.read() as connection:
            asked = rows.line(connection, workspace_id, approval_id)
        if asked is None:
            raise NotFound("There is no such approval.", hint="Reload the page.")
        return asked

    def count(self, workspace_id: str) -> int:
        """How many questions are open."""
        with self._db.glance() as connection:
            return rows.pending_count(connection, workspace_id)

    def acceptance(self, workspace_id: str, *, instance_id: str | None = None, slug: str | None = None) -> Acceptance:
        """How people received an agent's drafts: accepted as they were, edited, or refused."""
        with self._db.read() as connection:
            return rows.acceptance(connection, workspace_id, instance_id, slug)

    def decide(
        self,
        workspace_id: str,
        approval_id: str,
        *,
        approved: bool,
        by: str | None = None,
        comment: str | None = None,
        edits: Mapping[str, Any] | None = None,
    ) -> Approval:
        """Answer a question once; the run goes on from there. Only editable fields may be edited."""
        asked = self.get(workspace_id, approval_id)
        if asked.kind == "uncertain":
            raise Conflict(
                "This question asks whether something was sent; yes and no are not its answers.",
                hint="Answer it in the outbox: send it again, it was sent, or give up.",
            )
        comment = self.hidden(workspace_id, comment)
        changed = self.hidden(workspace_id, _changed(asked, edits or {}) if approved else {})
        status, at = "approved" if approved else "denied", now()

        def work(connection: Connection) -> None:
            values = {"decided_by": by, "comment": comment, "edits": changed}
            # Held before it is answered: a run that is about to be parked has been, or sees the answer.
            runs.hold(connection, asked.run_id)
            if not rows.decide(connection, approval_id, status, at=at, **values):
                raise Conflict("Someone has answered this already.", hint="Reload the page.")
            if not approved:
                outbox.deny_asked(connection, workspace_id, approval_id, at)
            runs.move(connection, asked.run_id, "pending", parked=True, wake_at=None)
            audit.note(
                connection, workspace_id, at=at, who=by, action=status, entity="approval", entity_id=approval_id,
                details={"run_id": asked.run_id, "title": asked.title, "comment": comment, "edits": changed},
            )  # fmt: skip

        self._db.write(work, durable=True)
        self._announce()
        with self._db.read() as connection:
            return rows.get(connection, workspace_id, approval_id) or asked

    def remind(self) -> int:
        """Publish a reminder, once each, of the questions that have waited too long; how many."""
        at = now()
        with self._db.read() as connection:
            waiting = rows.unreminded(connection, at)
        due = [asked for asked in waiting if remind_at(asked) <= at]

        def work(connection: Connection) -> int:
            return sum(_remind(connection, asked, at) for asked in due)

        count = self._db.write(work, durable=True) if due else 0
        if count:
            self._published()
        return count


def _changed(asked: Approval, edits: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are really others now; Invalid when one may not be edited or has become another kind of value."""
    foreign = sorted(set(edits) - set(asked.editable))
    if foreign:
        raise Invalid(
            f"{foreign[0]!r} cannot be edited here.", hint=f"Editable: {', '.join(asked.editable) or 'none'}."
        )
    changed = {name: value for name, value in edits.items() if value != asked.data.get(name)}
    problems = [
        Problem(f"{name} must be {_kind(asked.data[name])}.", path=name)
        for name, value in changed.items()
        if asked.data.get(name) is not None and _kind(value) != _kind(asked.data[name])
    ]
    if problems:
        raise Invalid(f"The answer was not taken: {problems[0].message}", problems=problems)
    return changed


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a map" if isinstance(value, dict) else "nothing"


def _remind(connection: Connection, asked: Approval, at: datetime) -> bool:
    if not rows.note_reminder(connection, asked.id, at):
        return False
    event = PlatformEvent(
        id=new_id(),
        workspace_id=asked.workspace_id,
        type=REMINDER,
        at=at,
        source="ionflux",
        correlation_id=asked.run_id,
        causation_run_id=asked.run_id,
        dedup_key=f"reminder:{asked.id}",
        payload={
            "approval_id": asked.id,
            "run_id": asked.run_id,
            "title": asked.title,
            "urgency": asked.urgency,
            "asked_at": asked.created_at.isoformat(),
            "expires_at": asked.expires_at.isoformat() if asked.expires_at else None,
        },
    )
    return events.insert(connection, event.model_dump(exclude={"seq"}))


def _cursor(last: ApprovalLine, view: View) -> str:
    if view == "open":
        return f"{URGENCIES.index(last.urgency)}:{last.id}"
    return f"{last.decided_at.isoformat() if last.decided_at else ''}~{last.id}"


def _open_place(cursor: str | None) -> tuple[int, str] | None:
    rank, _, seen = (cursor or "").partition(":")
    return (int(rank), seen) if rank.isdigit() and len(rank) == 1 and seen else None


def _decided_place(cursor: str | None) -> tuple[datetime, str] | None:
    text, _, seen = (cursor or "").partition("~")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at, seen) if at.tzinfo and seen else None
