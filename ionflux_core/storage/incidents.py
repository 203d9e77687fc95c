"""Rows of incidents: one that is open for a kind and a subject, however often and by whom it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, literal_column, select, update

from ionflux_core.domain.incidents import BY_ITSELF, Incident, IncidentStatus
from ionflux_core.storage.tables import events, incidents
from ionflux_core.storage.writes import insert_new

# To the letter the condition of uq_incidents_open: SQLite takes the partial index only when it finds it again.
_IS_OPEN: ColumnElement[bool] = literal_column("incidents.status = 'open'")
# In this order that index is the cheapest way, and not the one over all incidents there ever were.
_BY_INDEX = (incidents.c.kind, incidents.c.subject)
# Telling looks at so many of the newest; what lies further back was told long ago.
_NEWEST = 500
_COUNTED = 1_000


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Open an incident; False when there is an open one for its kind and subject."""
    return insert_new(connection, incidents, row)


def see_again(
    connection: Connection, workspace_id: str, kind: str, subject: str, *, at: datetime, **values: Any
) -> bool:
    """Count one more sighting of an open incident; False when there is none."""
    statement = update(incidents).where(
        incidents.c.workspace_id == workspace_id, incidents.c.kind == kind, incidents.c.subject == subject, _IS_OPEN
    )
    values |= {"sightings": incidents.c.sightings + 1, "seen_at": at}
    return bool(connection.execute(statement.values(**values)).rowcount)


def closed_by_a_person(connection: Connection, workspace_id: str, kind: str, subject: str) -> Incident | None:
    """The newest incident of a kind and subject, when a person has resolved it."""
    query = (
        select(incidents)
        .where(incidents.c.workspace_id == workspace_id, incidents.c.kind == kind, incidents.c.subject == subject)
        .order_by(incidents.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    found = None if row is None else Incident.model_validate(row._asdict())
    return found if found and found.status == "resolved" and found.resolved_by != BY_ITSELF else None


def note_sight(connection: Connection, incident_id: str, at: datetime) -> None:
    """Keep that a resolved incident's condition still holds."""
    connection.execute(update(incidents).where(incidents.c.id == incident_id).values(seen_at=at))


def opened(connection: Connection, workspace_id: str) -> list[Incident]:
    """The open incidents of a workspace, oldest first."""
    query = select(incidents).where(incidents.c.workspace_id == workspace_id, _IS_OPEN).order_by(*_BY_INDEX)
    found = [Incident.model_validate(row._asdict()) for row in connection.execute(query)]
    return sorted(found, key=lambda each: each.id)


def workspaces_with_open(connection: Connection) -> list[str]:
    """The workspaces in which something is open."""
    return list(connection.execute(select(incidents.c.workspace_id).where(_IS_OPEN).distinct()).scalars())


def count_open(connection: Connection, workspace_id: str) -> int:
    """How many incidents are open, counted up to 1,000."""
    some = select(incidents.c.id).where(incidents.c.workspace_id == workspace_id, _IS_OPEN).order_by(*_BY_INDEX)
    return int(connection.execute(select(func.count()).select_from(some.limit(_COUNTED).subquery())).scalar_one())


def newest(connection: Connection, workspace_id: str) -> list[Incident]:
    """The newest incidents of a workspace, open or resolved: what may have to be told."""
    query = select(incidents).where(incidents.c.workspace_id == workspace_id)
    rows = connection.execute(query.order_by(incidents.c.id.desc()).limit(_NEWEST))
    return [Incident.model_validate(row._asdict()) for row in rows]


def find(
    connection: Connection,
    workspace_id: str,
    *,
    status: IncidentStatus | None,
    kind: str | None,
    instance_id: str | None,
    since: datetime | None,
    until: datetime | None,
    before: str | None,
    limit: int,
) -> list[Incident]:
    """Incidents of a workspace, newest first; `since` and `until` bound when they were open."""
    query = select(incidents).where(incidents.c.workspace_id == workspace_id)
    equal = {incidents.c.status: status, incidents.c.kind: kind, incidents.c.instance_id: instance_id}
    for column, value in equal.items():
        if value:
            query = query.where(column == value)
    if since is not None:
        query = query.where(func.coalesce(incidents.c.resolved_at, incidents.c.seen_at) >= since)
    if until is not None:
        query = query.where(incidents.c.opened_at < until)
    if before:
        query = query.where(incidents.c.id < before)
    rows = connection.execute(query.order_by(incidents.c.id.desc()).limit(limit))
    return [Incident.model_validate(row._asdict()) for row in rows]


def get(connection: Connection, workspace_id: str, incident_id: str) -> Incident | None:
    """One incident of a workspace."""
    query = select(incidents).where(incidents.c.id == incident_id, incidents.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Incident.model_validate(row._asdict())


def resolve(connection: Connection, workspace_id: str, incident_id: str, *, at: datetime, by: str) -> bool:
    """End an open incident, once; False when it is not open any more."""
    statement = update(incidents).where(
        incidents.c.id == incident_id, incidents.c.workspace_id == workspace_id, _IS_OPEN
    )
    return bool(connection.execute(statement.values(status="resolved", resolved_at=at, resolved_by=by)).rowcount)


def mute(connection: Connection, workspace_id: str, incident_id: str, until: datetime | None) -> bool:
    """Keep until when an incident is not told; False when it is not there."""
    statement = update(incidents).where(incidents.c.id == incident_id, incidents.c.workspace_id == workspace_id)
    return bool(connection.execute(statement.values(muted_until=until)).rowcount)


def note_told(connection: Connection, told: Sequence[Incident], at: datetime) -> None:
    """Keep that these were told; what another process has told meanwhile stays as it noted it."""
    for incident in told:
        same = incidents.c.told_at.is_not_distinct_from(incident.told_at)
        connection.execute(update(incidents).where(incidents.c.id == incident.id, same).values(told_at=at))


class Origin(NamedTuple):
    """The chain an incident's opening stands in, and the run that has shown the trouble."""

    correlation_id: str
    run_id: str | None


def origin(connection: Connection, workspace_id: str, incident_id: str) -> Origin | None:
    """Where an incident comes from, as the event of its opening says; None when that was removed."""
    query = select(events.c.correlation_id, events.c.payload).where(
        events.c.workspace_id == workspace_id, events.c.dedup_key == opening_key(incident_id)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Origin(row.correlation_id, row.payload.get("run_id"))


def opening_key(incident_id: str) -> str:
    """The key of the event that tells of an incident's opening."""
    return f"incident:{incident_id}:open"


def purge(connection: Connection, before: datetime) -> int:
    """Remove what was resolved before a time; how many."""
    gone = delete(incidents).where(incidents.c.status == "resolved", incidents.c.resolved_at < before)
    return connection.execute(gone).rowcount
