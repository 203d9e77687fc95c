"""Rows of approvals: one question per step of a run, decided once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from ionflux_core.domain.runs import Approval
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import approvals
from ionflux_core.storage.writes import insert_new


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


def pending(connection: Connection, workspace_id: str, *, limit: int) -> list[Approval]:
    """Open questions, oldest first."""
    query = select(approvals).where(approvals.c.workspace_id == workspace_id, approvals.c.status == "pending")
    return [_approval(row) for row in connection.execute(query.order_by(approvals.c.id).limit(limit))]


def pending_count(connection: Connection, workspace_id: str) -> int:
    """How many questions are open."""
    query = select(func.count()).where(approvals.c.workspace_id == workspace_id, approvals.c.status == "pending")
    return connection.execute(query).scalar_one()


def decide(connection: Connection, approval_id: str, status: str, *, at: datetime, **values: Any) -> bool:
    """Close an open question; False when someone was faster."""
    statement = update(approvals).where(approvals.c.id == approval_id, approvals.c.status == "pending")
    return bool(connection.execute(statement.values(status=status, decided_at=at, **values)).rowcount == 1)


def withdraw(connection: Connection, run_id: str, at: datetime) -> None:
    """Close the open questions of a run that ended without their answer."""
    statement = update(approvals).where(approvals.c.run_id == run_id, approvals.c.status == "pending")
    connection.execute(statement.values(status="withdrawn", decided_at=at))


def _approval(row: AnyRow) -> Approval:
    return Approval.model_validate(row._asdict())
