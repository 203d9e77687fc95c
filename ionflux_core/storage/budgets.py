"""Rows of budgets: one limit for each scope and period."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from ionflux_core.domain.money import Budget
from ionflux_core.storage.statements import Query
from ionflux_core.storage.tables import budgets
from ionflux_core.storage.writes import upsert

_KEY = ("workspace_id", "scope", "scope_id", "period")


_all = Query(select(budgets).where(budgets.c.workspace_id == bindparam("workspace")).order_by(budgets.c.id))


def find(connection: Connection, workspace_id: str) -> list[Budget]:
    """Budgets of a workspace, oldest first."""
    return [Budget.model_validate(row._asdict()) for row in _all.rows(connection, {"workspace": workspace_id})]


def put(connection: Connection, row: dict[str, Any]) -> None:
    """Set the limit of a scope and period; the one that was there gives way."""
    upsert(connection, budgets, [row], key=_KEY, keep=("id", "created_at"))


def remove(connection: Connection, workspace_id: str, budget_id: str) -> Budget | None:
    """Take a budget away; None when it is not there."""
    statement = delete(budgets).where(budgets.c.id == budget_id, budgets.c.workspace_id == workspace_id)
    row = connection.execute(statement.returning(*budgets.c)).first()
    return None if row is None else Budget.model_validate(row._asdict())
