"""Rows of KPI points and value entries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from ionflux_core.storage.engine import change_stamp
from ionflux_core.storage.tables import kpi_points, value_entries
from ionflux_core.storage.writes import upsert


def point_id(owner: str, name: str, at: datetime, dims: Mapping[str, str]) -> str:
    """The identity of a KPI point: a later report of the same figure for the same time replaces it."""
    text = "\x1f".join([owner, name, at.isoformat(), *(f"{key}={dims[key]}" for key in sorted(dims))])
    return hashlib.sha256(text.encode()).hexdigest()


def put(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Insert or replace KPI points; how many."""
    stamp = change_stamp()
    return upsert(connection, kpi_points, [{**row, "change_seq": stamp} for row in rows], key=("id",))


def put_values(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Insert or replace value entries; how many."""
    return upsert(connection, value_entries, rows, key=("id",))


def find(
    connection: Connection,
    workspace_id: str,
    *,
    name: str | None = None,
    instance_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """KPI points of a workspace, by time."""
    query = select(kpi_points).where(kpi_points.c.workspace_id == workspace_id, kpi_points.c.value.is_not(None))
    if name:
        query = query.where(kpi_points.c.name == name)
    if instance_id:
        query = query.where(kpi_points.c.instance_id == instance_id)
    if since:
        query = query.where(kpi_points.c.at >= since)
    if until:
        query = query.where(kpi_points.c.at < until)
    rows = connection.execute(query.order_by(kpi_points.c.at, kpi_points.c.name).limit(limit))
    return [row._asdict() for row in rows]
