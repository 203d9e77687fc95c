"""Rows of approvals: one question per step of a run, decided once; open ones by urgency, closed ones by time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)

from ionflux_core.domain.approvals import URGENCIES, Acceptance, ApprovalFilter, ApprovalLine
from ionflux_core.domain.runs import Approval
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.statements import Query
from ionflux_core.storage.tables import agent_configurations, approvals, outbox, runs
from ionflux_core.storage.writes import insert_new

_WITH_RUN = approvals.join(runs, runs.c.id == approvals.c.run_id).outerjoin(
    agent_configurations, agent_configurations.c.id == runs.c.instance_id
)
_NAMES = (
    agent_configurations.c.name.label("instance_name"),
    runs.c.instance_id.label("instance_id"),
    runs.c.definition_slug,
)
_rank = case({word: rank for rank, word in enumerate(URGENCIES)}, value=approvals.c.urgency, else_=len(URGENCIES))
_CLOSED = ("approved", "denied", "timed_out")


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Ask; False when this step has already asked."""
    return insert_new(connection, approvals, row)


def for_step(connection: Connection, run_id: str, step_key: str) -> Approval | None:
    """The question a step asked."""
    query = select(approvals).where(approvals.c.run_id == run_id, approvals.c.step_key == step_key)
    row = connection.execute(query).one_or_none()
    return None if row is None else _approval(row)


def get(connection: Connection, workspace_id: str, approval_id: str) -> Approval | None:
    """One question of a workspace."""
    query = select(approvals).where(approvals.c.id == approval_id, approvals.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _approval(row)


def line(connection: Connection, workspace_id: str, approval_id: str) -> ApprovalLine | None:
    """One question with the agent that asks it."""
    row = connection.execute(_lines(workspace_id).where(approvals.c.id == approval_id)).one_or_none()
    return None if row is None else ApprovalLine.model_validate(row._asdict())


def pending(connection: Connection, workspace_id: str, *, limit: int) -> list[Approval]:
    """Open questions, oldest first."""
    query = select(approvals).where(approvals.c.workspace_id == workspace_id, approvals.c.status == "pending")
    return [_approval(row) for row in connection.execute(query.order_by(approvals.c.id).limit(limit))]


_open_count = Query(
    select(func.count()).where(
        approvals.c.workspace_id == bindparam("workspace"), approvals.c.status == literal_column("'pending'")
    )
)


def pending_count(connection: Connection, workspace_id: str) -> int:
    """How many questions are open."""
    return int(_open_count.value(connection, {"workspace": workspace_id}))


def find_open(
    connection: Connection, workspace_id: str, narrow: ApprovalFilter, *, after: tuple[int, str] | None, limit: int
) -> list[ApprovalLine]:
    """Open questions behind a place (rank of urgency, id): the most urgent first, then the oldest."""
    chosen = select(approvals.c.id).where(approvals.c.workspace_id == workspace_id, approvals.c.status == "pending")
    chosen = _narrowed(chosen, narrow)
    if after:
        rank, seen = after
        behind = _rank > bindparam("rank", rank)
        chosen = chosen.where(or_(behind, and_(_rank == bindparam("rank", rank), approvals.c.id > seen)))
    # Sorted by their ids alone: whole questions with their drafts are heavy.
    chosen = chosen.order_by(_rank, approvals.c.id).limit(limit)
    rows = connection.execute(_lines(workspace_id).where(approvals.c.id.in_(chosen)).order_by(_rank, approvals.c.id))
    return [ApprovalLine.model_validate(row._asdict()) for row in rows]


def find_decided(
    connection: Connection,
    workspace_id: str,
    narrow: ApprovalFilter,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[ApprovalLine]:
    """Answered and timed-out questions before a place (time, id), the last decided first."""
    query = _narrowed(_lines(workspace_id), narrow).where(approvals.c.status.in_(_CLOSED))
    if before:
        at, seen = before
        query = query.where(or_(approvals.c.decided_at < at, and_(approvals.c.decided_at == at, approvals.c.id < seen)))
    rows = connection.execute(query.order_by(approvals.c.decided_at.desc(), approvals.c.id.desc()).limit(limit))
    return [ApprovalLine.model_validate(row._asdict()) for row in rows]


def acceptance(connection: Connection, workspace_id: str, instance_id: str | None, slug: str | None) -> Acceptance:
    """How people decided over an agent's drafts; what ran out or was withdrawn was decided by nobody."""
    unedited = and_(approvals.c.status == "approved", _empty(connection, approvals.c.edits))
    query = (
        select(approvals.c.status, unedited.label("unedited"), func.count().label("count"))
        .select_from(_WITH_RUN)
        .where(
            approvals.c.workspace_id == workspace_id,
            approvals.c.status.in_(("approved", "denied")),
            approvals.c.kind != "uncertain",
        )
        .group_by(approvals.c.status, unedited)
    )
    if instance_id:
        query = query.where(runs.c.instance_id == instance_id)
    if slug:
        query = query.where(runs.c.definition_slug == slug)
    counts = {"unedited": 0, "edited": 0, "denied": 0}
    for row in connection.execute(query):
        word = "denied" if row.status == "denied" else "unedited" if row.unedited else "edited"
        counts[word] += row[2]
    return Acceptance(**counts)


def decide(connection: Connection, approval_id: str, status: str, *, at: datetime, **values: Any) -> bool:
    """Close an open question; False when someone was faster."""
    statement = update(approvals).where(approvals.c.id == approval_id, approvals.c.status == "pending")
    return bool(connection.execute(statement.values(status=status, decided_at=at, **values)).rowcount == 1)


def time_out(connection: Connection, approval_id: str, at: datetime) -> None:
    """Close an open question whose time is over; one that is asked for longer stays open."""
    statement = update(approvals).where(
        approvals.c.id == approval_id, approvals.c.status == "pending", approvals.c.expires_at <= at
    )
    connection.execute(statement.values(status="timed_out", decided_at=at))


def unreminded(connection: Connection, before: datetime, *, limit: int = 500) -> list[Approval]:
    """Open questions asked before a time of which nobody has been reminded yet."""
    query = select(approvals).where(
        approvals.c.status == "pending", approvals.c.reminded_at.is_(None), approvals.c.created_at < before
    )
    return [_approval(row) for row in connection.execute(query.order_by(approvals.c.id).limit(limit))]


def note_reminder(connection: Connection, approval_id: str, at: datetime) -> bool:
    """Keep that people were reminded; False when it was answered or somebody else has just done so."""
    statement = update(approvals).where(
        approvals.c.id == approval_id, approvals.c.status == "pending", approvals.c.reminded_at.is_(None)
    )
    return bool(connection.execute(statement.values(reminded_at=at)).rowcount == 1)


def withdraw(connection: Connection, run_id: str, at: datetime) -> None:
    """Close the open questions and effects of a run that ended without their answer."""
    statement = update(approvals).where(approvals.c.run_id == run_id, approvals.c.status == "pending")
    connection.execute(statement.values(status="withdrawn", decided_at=at))
    mine = update(outbox).where(outbox.c.run_id == run_id)
    error = {"code": "withdrawn", "message": "Its run ended before it was sent."}
    waiting = mine.where(outbox.c.status.in_(("draft", "awaiting_approval")))
    connection.execute(waiting.values(status="denied", error=error, updated_at=at))
    # It was on its way when the run ended: nobody knows whether it arrived.
    connection.execute(mine.where(outbox.c.status == "sending").values(status="uncertain", updated_at=at))


def _lines(workspace_id: str) -> Select[Any]:
    return select(approvals, *_NAMES).select_from(_WITH_RUN).where(approvals.c.workspace_id == workspace_id)


def _narrowed(query: Select[Any], narrow: ApprovalFilter) -> Select[Any]:
    if narrow.urgency:
        query = query.where(approvals.c.urgency == narrow.urgency)
    if narrow.agent:
        asked_by = or_(runs.c.instance_id == narrow.agent, runs.c.definition_slug == narrow.agent)
        query = query.where(approvals.c.run_id.in_(select(runs.c.id).where(asked_by)))
    return query


def _empty(connection: Connection, column: Any) -> ColumnElement[bool]:
    """Whether a JSON map is empty, in the words of each database."""
    text = func.json(column) if connection.dialect.name == "sqlite" else cast(column, Text)
    return text == "{}"


def _approval(row: AnyRow) -> Approval:
    return Approval.model_validate(row._asdict())
