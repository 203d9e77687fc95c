"""Rows of digests; who moves `next_at` on has the slot."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from ionflux_core.domain.digests import Digest
from ionflux_core.storage.tables import digests, workspaces


def insert(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a digest."""
    connection.execute(digests.insert(), row)


def find(connection: Connection, workspace_id: str) -> list[Digest]:
    """Digests of a workspace by name."""
    query = select(digests).where(digests.c.workspace_id == workspace_id)
    found = connection.execute(query.order_by(func.lower(digests.c.name), digests.c.id))
    return [Digest.model_validate(row._asdict()) for row in found]


def get(connection: Connection, workspace_id: str, digest_id: str) -> Digest | None:
    """One digest; None when it is not there."""
    query = select(digests).where(digests.c.id == digest_id, digests.c.workspace_id == workspace_id)
    row = connection.execute(query).first()
    return Digest.model_validate(row._asdict()) if row else None


def due(connection: Connection, at: datetime, limit: int) -> list[Digest]:
    """Digests of every active workspace whose slot has come, the longest due first."""
    query = (
        select(digests)
        .join(workspaces, workspaces.c.id == digests.c.workspace_id)
        .where(digests.c.enabled.is_(True), digests.c.next_at <= at, workspaces.c.status == "active")
        .order_by(digests.c.next_at, digests.c.id)
        .limit(limit)
    )
    return [Digest.model_validate(row._asdict()) for row in connection.execute(query)]


def save(connection: Connection, workspace_id: str, digest_id: str, **values: Any) -> bool:
    """Change columns of a digest; False when it is not there."""
    mine = digests.c.id == digest_id, digests.c.workspace_id == workspace_id
    return connection.execute(update(digests).where(*mine).values(**values)).rowcount == 1


def take(connection: Connection, digest: Digest, **values: Any) -> bool:
    """Take the slot a digest stands at; False when another process has, or somebody changed the digest meanwhile."""
    mine = (
        digests.c.id == digest.id,
        digests.c.workspace_id == digest.workspace_id,
        digests.c.enabled.is_(True),
        digests.c.next_at == digest.next_at,
    )
    return connection.execute(update(digests).where(*mine).values(**values)).rowcount == 1


def remove(connection: Connection, workspace_id: str, digest_id: str) -> bool:
    """Delete a digest; False when it was not there."""
    mine = digests.c.id == digest_id, digests.c.workspace_id == workspace_id
    return connection.execute(delete(digests).where(*mine)).rowcount == 1
