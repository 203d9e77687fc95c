"""Rows of platform events and of their deliveries to triggers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from ionflux_core.domain.events import PlatformEvent
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import event_deliveries, events
from ionflux_core.storage.writes import insert_new, upsert


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Publish an event; False when its dedup key is taken in the workspace."""
    return insert_new(connection, events, row)


def id_for_key(connection: Connection, workspace_id: str, dedup_key: str) -> str | None:
    """The event that was published with this dedup key."""
    query = select(events.c.id).where(events.c.workspace_id == workspace_id, events.c.dedup_key == dedup_key)
    return connection.execute(query).scalar_one_or_none()


# The status as a literal: SQLite takes the partial index only when it finds its condition again.
_open = (
    select(events)
    .where(events.c.status == literal_column("'pending_processing'"))
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)


def open_events(connection: Connection, *, limit: int) -> list[PlatformEvent]:
    """Events nobody has looked at yet, oldest first."""
    return [_event(row) for row in connection.execute(_open, {"most": limit})]


def newest_seq(connection: Connection, workspace_id: str) -> int:
    """Where the events of a workspace stand: the number of the newest one."""
    return connection.execute(select(func.max(events.c.seq)).where(events.c.workspace_id == workspace_id)).scalar() or 0


def since(connection: Connection, workspace_id: str, seq: int, *, limit: int = 1000) -> list[PlatformEvent]:
    """Events of a workspace behind a number, oldest first."""
    query = select(events).where(events.c.workspace_id == workspace_id, events.c.seq > seq)
    return [_event(row) for row in connection.execute(query.order_by(events.c.seq).limit(limit))]


def settle(connection: Connection, event_ids: Sequence[str], status: str) -> None:
    """Mark events as delivered or as heard by nobody."""
    connection.execute(update(events).where(events.c.id.in_(event_ids)).values(status=status))


def find(
    connection: Connection,
    workspace_id: str,
    *,
    prefix: str = "",
    correlation_id: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[PlatformEvent]:
    """Events of a workspace, newest first, whose type starts with `prefix`."""
    query = select(events).where(events.c.workspace_id == workspace_id)
    if prefix:
        query = query.where(events.c.type.startswith(prefix, autoescape=True))
    if correlation_id:
        query = query.where(events.c.correlation_id == correlation_id)
    if before:
        query = query.where(events.c.seq < before)
    return [_event(row) for row in connection.execute(query.order_by(events.c.seq.desc()).limit(limit))]


def deliveries(connection: Connection, event_id: str) -> dict[str, AnyRow]:
    """Deliveries of an event by trigger."""
    query = select(event_deliveries).where(event_deliveries.c.event_id == event_id)
    return {row.trigger_id: row for row in connection.execute(query)}


def note_delivery(
    connection: Connection,
    event_id: str,
    trigger_id: str,
    *,
    status: str,
    attempts: int,
    at: datetime,
    run_id: str | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """Keep how the delivery of an event to a trigger went."""
    row = {
        "event_id": event_id,
        "trigger_id": trigger_id,
        "status": status,
        "attempts": attempts,
        "run_id": run_id,
        "error": error,
        "at": at,
    }
    upsert(connection, event_deliveries, [row], key=("event_id", "trigger_id"))


def _event(row: AnyRow) -> PlatformEvent:
    return PlatformEvent.model_validate(row._asdict())
