"""Rows of notes on charts, and what else is marked there: versions of configurations, and incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from ionflux_core.domain.annotations import ChartNote, Mark
from ionflux_core.storage.tables import agent_configuration_versions as versions
from ionflux_core.storage.tables import agent_configurations as instances
from ionflux_core.storage.tables import chart_notes, incidents


def insert(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a note."""
    connection.execute(chart_notes.insert(), row)


def count(connection: Connection, workspace_id: str) -> int:
    """How many notes a workspace has."""
    query = select(func.count()).select_from(chart_notes).where(chart_notes.c.workspace_id == workspace_id)
    return connection.execute(query).scalar_one()


def get(connection: Connection, workspace_id: str, note_id: str) -> ChartNote | None:
    """One note; None when it is not there."""
    query = select(chart_notes).where(chart_notes.c.id == note_id, chart_notes.c.workspace_id == workspace_id)
    row = connection.execute(query).first()
    return ChartNote.model_validate(row._asdict()) if row else None


def remove(connection: Connection, workspace_id: str, note_id: str) -> bool:
    """Delete a note; False when it was not there."""
    mine = chart_notes.c.id == note_id, chart_notes.c.workspace_id == workspace_id
    return connection.execute(delete(chart_notes).where(*mine)).rowcount == 1


def notes(connection: Connection, workspace_id: str, since: datetime, until: datetime, limit: int) -> list[ChartNote]:
    """The newest notes of a period."""
    query = select(chart_notes).where(
        chart_notes.c.workspace_id == workspace_id, chart_notes.c.at >= since, chart_notes.c.at < until
    )
    found = connection.execute(query.order_by(chart_notes.c.at.desc(), chart_notes.c.id).limit(limit))
    return [ChartNote.model_validate(row._asdict()) for row in found]


def versions_saved(
    connection: Connection, workspace_id: str, since: datetime, until: datetime, limit: int
) -> list[Mark]:
    """The newest versions of configurations that were saved in a period."""
    query: Select[Any] = (
        select(instances.c.id, instances.c.name, versions.c.version, versions.c.message, versions.c.created_at)
        .join(instances, instances.c.id == versions.c.instance_id)
        .where(
            instances.c.workspace_id == workspace_id,
            versions.c.created_at >= since,
            versions.c.created_at < until,
        )
        .order_by(versions.c.created_at.desc(), instances.c.id)
        .limit(limit)
    )
    return [
        Mark(kind="version", id=row.id, at=row.created_at, words=_saved(row), instance_id=row.id)
        for row in connection.execute(query)
    ]


def incidents_opened(
    connection: Connection, workspace_id: str, since: datetime, until: datetime, limit: int
) -> list[Mark]:
    """The newest incidents that were opened in a period."""
    query = (
        select(incidents)
        .where(incidents.c.workspace_id == workspace_id, incidents.c.opened_at >= since, incidents.c.opened_at < until)
        .order_by(incidents.c.opened_at.desc(), incidents.c.id)
        .limit(limit)
    )
    return [
        Mark(kind="incident", id=row.id, at=row.opened_at, words=row.title, instance_id=row.instance_id)
        for row in connection.execute(query)
    ]


def instances_of(
    connection: Connection, workspace_id: str, *, definition_slug: str | None, brand_id: str | None
) -> set[str]:
    """The ids of the instances of a definition and a brand."""
    query = select(instances.c.id).where(instances.c.workspace_id == workspace_id)
    if definition_slug:
        query = query.where(instances.c.definition_slug == definition_slug)
    if brand_id:
        query = query.where(instances.c.brand_id == brand_id)
    return set(connection.execute(query).scalars())


def _saved(row: Any) -> str:
    what = "was set up" if row.version == 1 else f"version {row.version}"
    said = f": {row.message}" if row.message and row.version > 1 else ""
    return f"{row.name} {what}{said}"
