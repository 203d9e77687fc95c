"""Rows of the audit log: who did what to which entity, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from ionflux_core.storage.tables import audit_log


def note(
    connection: Connection,
    workspace_id: str,
    *,
    at: datetime,
    who: str | None,
    action: str,
    entity: str,
    entity_id: str,
    details: dict[str, Any] | None = None,
) -> None:
    """Append one line; it is never changed."""
    row = {
        "workspace_id": workspace_id,
        "at": at,
        "who": who,
        "action": action,
        "entity": entity,
        "entity_id": entity_id,
        "details": details or {},
    }
    connection.execute(audit_log.insert(), row)


def find(
    connection: Connection, workspace_id: str, *, entity_id: str | None = None, before: int | None = None, limit: int
) -> list[dict[str, Any]]:
    """Lines of a workspace, newest first; only those before a `seq` when one is given."""
    query = select(audit_log).where(audit_log.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(audit_log.c.seq < before)
    if entity_id:
        query = query.where(audit_log.c.entity_id == entity_id)
    return [row._asdict() for row in connection.execute(query.order_by(audit_log.c.seq.desc()).limit(limit))]
