"""Rows of deliveries: how each event reached each trigger, what was given up, what was asked for again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from ionflux_core.domain.events import DeliveryStatus, EventDelivery
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.events import IS_OPEN, in_workspace
from ionflux_core.storage.tables import agent_configurations, event_deliveries, events, runs, triggers
from ionflux_core.storage.writes import upsert

_NAMED = (
    event_deliveries.join(events, events.c.id == event_deliveries.c.event_id)
    .outerjoin(triggers, triggers.c.id == event_deliveries.c.trigger_id)
    .outerjoin(agent_configurations, agent_configurations.c.id == triggers.c.instance_id)
)
_LINE = (
    *event_deliveries.c,
    events.c.type.label("event_type"),
    events.c.correlation_id,
    triggers.c.key.label("trigger_key"),
    triggers.c.instance_id,
    agent_configurations.c.name.label("instance_name"),
)
_IDS_AT_ONCE = 500


def of_event(connection: Connection, event_id: str) -> dict[str, AnyRow]:
    """Deliveries of an event by trigger."""
    query = select(event_deliveries).where(event_deliveries.c.event_id == event_id)
    return {row.trigger_id: row for row in connection.execute(query)}


def named(connection: Connection, workspace_id: str, event_ids: Collection[str]) -> list[EventDelivery]:
    """Deliveries of some events of a workspace with the names of who they went to, in the order they were made."""
    wanted = list(event_ids)[:_IDS_AT_ONCE]
    query = _lines().where(event_deliveries.c.event_id.in_(wanted), in_workspace(workspace_id))
    return [_delivery(row) for row in connection.execute(query.order_by(event_deliveries.c.at))]


def failing(connection: Connection, workspace_id: str, *, limit: int) -> list[EventDelivery]:
    """Deliveries that are still being tried, oldest event first."""
    query = _lines().where(
        IS_OPEN,
        in_workspace(workspace_id),
        event_deliveries.c.status == "failed",
    )
    return [_delivery(row) for row in connection.execute(query.order_by(events.c.seq).limit(limit))]


def dead(
    connection: Connection, workspace_id: str, *, status: DeliveryStatus = "dead", before: datetime | None, limit: int
) -> list[EventDelivery]:
    """Deliveries that were given up, newest first."""
    query = _lines().where(event_deliveries.c.status == status, in_workspace(workspace_id))
    if before is not None:
        query = query.where(event_deliveries.c.at < before)
    rows = connection.execute(query.order_by(event_deliveries.c.at.desc()).limit(limit))
    return [_delivery(row) for row in rows]


def dead_count(connection: Connection, workspace_id: str, *, most: int) -> int:
    """How many deliveries are dead, counted up to `most`."""
    found = (
        select(event_deliveries.c.event_id)
        .select_from(event_deliveries.join(events, events.c.id == event_deliveries.c.event_id))
        .where(event_deliveries.c.status == "dead", in_workspace(workspace_id))
        .limit(most)
    )
    return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def note(
    connection: Connection,
    event_id: str,
    trigger_id: str,
    *,
    status: DeliveryStatus,
    attempts: int,
    at: datetime,
    run_id: str | None = None,
    error: dict[str, Any] | None = None,
    replays: int | None = None,
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
    counted = {} if replays is None else {"replays": replays}
    upsert(connection, event_deliveries, [row | counted], key=("event_id", "trigger_id"))


def take(
    connection: Connection, event_id: str, trigger_id: str, *, source: DeliveryStatus, to: DeliveryStatus,
    **values: Any,
) -> bool:  # fmt: skip
    """Bring a delivery from one state to another; False when it stands elsewhere by now."""
    chosen = (event_deliveries.c.event_id == event_id, event_deliveries.c.trigger_id == trigger_id)
    statement = update(event_deliveries).where(*chosen, event_deliveries.c.status == source)
    return bool(connection.execute(statement.values(status=to, **values)).rowcount == 1)


def runs_by_key(connection: Connection, workspace_id: str, keys: Collection[str]) -> list[tuple[str, str, str]]:
    """Id, status and key of the runs that were started with these keys."""
    query = select(runs.c.id, runs.c.status, runs.c.idempotency_key)
    query = query.where(runs.c.workspace_id == workspace_id, runs.c.idempotency_key.in_(list(keys)[:_IDS_AT_ONCE]))
    return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(runs.c.id))]


def _lines() -> Select[Any]:
    return select(*_LINE).select_from(_NAMED)


def _delivery(row: AnyRow) -> EventDelivery:
    return EventDelivery.model_validate(row._asdict())
