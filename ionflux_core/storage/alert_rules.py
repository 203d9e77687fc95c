"""Rows of alert rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from ionflux_core.domain.alert_rules import AlertRule
from ionflux_core.storage.tables import alert_rules
from ionflux_core.storage.writes import insert_new


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Keep a rule; False when its name is taken in the workspace."""
    return insert_new(connection, alert_rules, row)


def find(connection: Connection, workspace_id: str) -> list[AlertRule]:
    """The rules of a workspace by name."""
    query = select(alert_rules).where(alert_rules.c.workspace_id == workspace_id)
    return [AlertRule.model_validate(row._asdict()) for row in connection.execute(query.order_by(alert_rules.c.name))]


def enabled(connection: Connection) -> list[AlertRule]:
    """Every rule that is switched on, over all workspaces, oldest first."""
    query = select(alert_rules).where(alert_rules.c.enabled.is_(True)).order_by(alert_rules.c.id)
    return [AlertRule.model_validate(row._asdict()) for row in connection.execute(query)]


def get(connection: Connection, workspace_id: str, rule_id: str) -> AlertRule | None:
    """One rule of a workspace."""
    query = select(alert_rules).where(alert_rules.c.id == rule_id, alert_rules.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else AlertRule.model_validate(row._asdict())


def name_is_taken(connection: Connection, workspace_id: str, name: str, *, beside: str) -> bool:
    """Whether another rule of the workspace has this name."""
    query = select(alert_rules.c.id).where(
        alert_rules.c.workspace_id == workspace_id, alert_rules.c.name == name, alert_rules.c.id != beside
    )
    return connection.execute(query.limit(1)).first() is not None


def save(connection: Connection, workspace_id: str, rule_id: str, at: datetime, **values: Any) -> bool:
    """Change a rule; False when it is not there."""
    statement = update(alert_rules).where(alert_rules.c.id == rule_id, alert_rules.c.workspace_id == workspace_id)
    return bool(connection.execute(statement.values(updated_at=at, **values)).rowcount)


def remove(connection: Connection, workspace_id: str, rule_id: str) -> bool:
    """Take a rule away; what it has opened stays."""
    statement = delete(alert_rules).where(alert_rules.c.id == rule_id, alert_rules.c.workspace_id == workspace_id)
    return bool(connection.execute(statement).rowcount)


def count(connection: Connection, workspace_id: str) -> int:
    """How many rules a workspace has."""
    query = select(func.count()).select_from(alert_rules).where(alert_rules.c.workspace_id == workspace_id)
    return int(connection.execute(query).scalar_one())
