"""Rows of what people were told, and of how they wish to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from ionflux_core.domain.notifications import Notification
from ionflux_core.storage.tables import memberships, notifications, users
from ionflux_core.storage.writes import insert_new

_COUNTED = 100


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Keep one; False when the person was told of that fact before."""
    return insert_new(connection, notifications, row)


def save(connection: Connection, user_id: str, workspace_id: str, dedup_key: str, **values: Any) -> bool:
    """Change what was said of a fact; False when nobody was told of it."""
    mine = (
        notifications.c.user_id == user_id,
        notifications.c.workspace_id == workspace_id,
        notifications.c.dedup_key == dedup_key,
    )
    return bool(connection.execute(update(notifications).where(*mine).values(**values)).rowcount)


def find(
    connection: Connection, workspace_id: str, user_id: str, *, before: str | None, limit: int
) -> list[Notification]:
    """What a person was told in a workspace, newest first."""
    query = select(notifications).where(
        notifications.c.user_id == user_id, notifications.c.workspace_id == workspace_id
    )
    if before:
        query = query.where(notifications.c.id < before)
    rows = connection.execute(query.order_by(notifications.c.id.desc()).limit(limit))
    return [Notification.model_validate(row._asdict()) for row in rows]


def unread(connection: Connection, workspace_id: str, user_id: str) -> int:
    """How much a person has not read, counted up to 100."""
    some = (
        select(notifications.c.id)
        .where(
            notifications.c.user_id == user_id,
            notifications.c.workspace_id == workspace_id,
            notifications.c.read_at.is_(None),
        )
        .limit(_COUNTED)
    )
    return connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def mark_read(connection: Connection, workspace_id: str, user_id: str, ids: Sequence[str] | None, at: datetime) -> int:
    """Note that a person has read these, or all of them; how many were unread."""
    statement = update(notifications).where(
        notifications.c.user_id == user_id,
        notifications.c.workspace_id == workspace_id,
        notifications.c.read_at.is_(None),
    )
    if ids is not None:
        statement = statement.where(notifications.c.id.in_(ids))
    return connection.execute(statement.values(read_at=at)).rowcount


def purge(connection: Connection, before: datetime) -> int:
    """Remove what was told before a time; how many."""
    return connection.execute(delete(notifications).where(notifications.c.created_at < before)).rowcount


def members(connection: Connection, workspace_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The people of a workspace: id and preferences."""
    query = (
        select(users.c.id, users.c.profile)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.workspace_id == workspace_id)
    )
    return [(row.id, row.profile.get("preferences", {})) for row in connection.execute(query)]


def preferences(connection: Connection, user_id: str) -> dict[str, Any]:
    """What a person prefers; empty when nobody is there."""
    profile = connection.execute(select(users.c.profile).where(users.c.id == user_id)).scalar_one_or_none()
    return dict((profile or {}).get("preferences", {}))


def save_preference(connection: Connection, user_id: str, name: str, value: Any, at: datetime) -> bool:
    """Keep one preference of a person beside the others; False when nobody is there."""
    profile = connection.execute(select(users.c.profile).where(users.c.id == user_id)).scalar_one_or_none()
    if profile is None:
        return False
    kept = {**profile, "preferences": {**profile.get("preferences", {}), name: value}}
    statement = update(users).where(users.c.id == user_id).values(profile=kept, updated_at=at)
    return bool(connection.execute(statement).rowcount)
