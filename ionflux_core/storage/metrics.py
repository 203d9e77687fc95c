"""What the metrics read: runs that ended since a mark, what is open, and what was booked; each a look at few rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from ionflux_core.domain.runs import FINISHED, UNFINISHED
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.runs import IS_LIVE
from ionflux_core.storage.tables import (
    agent_configurations,
    approvals,
    billing_ledger,
    event_deliveries,
    events,
    incidents,
    outbox,
    runs,
    triggers,
    workspaces,
)

# Spelled out, because SQLite takes a partial index only where it sees the very words of the index.
_IS_OPEN_EVENT: ColumnElement[bool] = literal_column("events.status = 'pending_processing'")
_IS_OPEN_INCIDENT: ColumnElement[bool] = literal_column("incidents.status = 'open'")


class Waiting(NamedTuple):
    """How many wait, and since when the oldest does."""

    number: int
    since: datetime | None


def finished_after(connection: Connection, mark: int, *, limit: int) -> list[AnyRow]:
    """Runs that ended after a change mark, in the order of their marks."""
    query = (
        select(
            runs.c.id, runs.c.definition_slug, runs.c.status, runs.c.created_at, runs.c.started_at, runs.c.finished_at,
            runs.c.attempt, runs.c.error["code"].as_string().label("code"), runs.c.change_seq,
        )
        .where(runs.c.change_seq > mark, runs.c.status.in_(sorted(FINISHED)))
        .order_by(runs.c.change_seq)
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(query))


def live_counts(connection: Connection) -> dict[str, int]:
    """How many runs have each unfinished status."""
    query = select(runs.c.status, func.count()).where(IS_LIVE).group_by(runs.c.status)
    found = {status: int(count) for status, count in connection.execute(query)}
    return {status: found.get(status, 0) for status in sorted(UNFINISHED)}


def workspace_names(connection: Connection, *, limit: int) -> dict[str, str]:
    """The first workspaces that were made and are in use, by id."""
    query = select(workspaces.c.id, workspaces.c.name).where(workspaces.c.status == "active")
    return {row.id: row.name for row in connection.execute(query.order_by(workspaces.c.id).limit(limit))}


def open_events(connection: Connection) -> Waiting:
    """Events that are still to be handed over."""
    query = select(func.count(), func.min(events.c.at)).where(_IS_OPEN_EVENT)
    return Waiting(*connection.execute(query).one())


def deliveries(connection: Connection) -> dict[str, int]:
    """How many deliveries of events have each status but the usual one."""
    query = select(event_deliveries.c.status, func.count()).where(event_deliveries.c.status != "started")
    return {status: int(count) for status, count in connection.execute(query.group_by(event_deliveries.c.status))}


def effects(connection: Connection) -> dict[str, int]:
    """How many effects have each status."""
    query = select(outbox.c.status, func.count()).group_by(outbox.c.status)
    return {status: int(count) for status, count in connection.execute(query)}


def open_approvals(connection: Connection, workspace_ids: Sequence[str]) -> Waiting:
    """Questions nobody has answered yet."""
    query = select(func.count(), func.min(approvals.c.created_at))
    # By workspace, because the index begins with it.
    query = query.where(approvals.c.workspace_id.in_(workspace_ids), approvals.c.status == "pending")
    return Waiting(*connection.execute(query).one())


def open_incidents(connection: Connection) -> int:
    """Incidents that nobody has resolved."""
    query = select(func.count()).select_from(incidents).where(_IS_OPEN_INCIDENT)
    return int(connection.execute(query).scalar_one())


def stopped_agents(connection: Connection) -> int:
    """Agents that stopped after too many failures in a row."""
    stopped = agent_configurations.c.status == "error_requires_review"
    return int(connection.execute(select(func.count()).select_from(agent_configurations).where(stopped)).scalar_one())


def next_due(connection: Connection) -> datetime | None:
    """When the first of all schedules that are on is due."""
    query = (
        select(func.min(triggers.c.next_due))
        .join(agent_configurations, agent_configurations.c.id == triggers.c.instance_id)
        .where(triggers.c.kind == "schedule", triggers.c.enabled, agent_configurations.c.status == "active")
    )
    due: datetime | None = connection.execute(query).scalar_one()
    return due


def newest_entry(connection: Connection) -> int:
    """The number of the newest entry of the ledger; 0 without one."""
    return int(connection.execute(select(func.max(billing_ledger.c.seq))).scalar_one() or 0)


def entries_after(connection: Connection, seq: int, *, limit: int) -> list[AnyRow]:
    """Entries of the ledger with a higher number, in order."""
    query = select(billing_ledger.c.seq, billing_ledger.c.kind, billing_ledger.c.amount_micros)
    return list(connection.execute(query.where(billing_ledger.c.seq > seq).order_by(billing_ledger.c.seq).limit(limit)))
