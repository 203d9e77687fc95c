"""Rows of the agents' own collections."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from ionflux_core.sdk import Record
from ionflux_core.storage.tables import records
from ionflux_core.storage.writes import upsert

_BATCH = 500


def put(connection: Connection, workspace_id: str, owner: str, collection: str, rows: Iterable[Record]) -> int:
    """Insert or replace rows of a collection; how many were given."""
    batch = [
        {
            "workspace_id": workspace_id,
            "owner": owner,
            "collection": collection,
            "key": row.key,
            "at": row.at,
            "data": row.data,
        }
        for row in rows
    ]
    for start in range(0, len(batch), _BATCH):
        upsert(connection, records, batch[start : start + _BATCH], key=("owner", "collection", "key"))
    return len(batch)


def get(connection: Connection, owner: str, collection: str, key: str) -> Record | None:
    """One row, or None."""
    query = select(records.c.key, records.c.at, records.c.data).where(
        records.c.owner == owner, records.c.collection == collection, records.c.key == key
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Record(row.key, row.at, row.data)


def find(
    connection: Connection,
    owner: str,
    collection: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    prefix: str = "",
    limit: int = 100_000,
    newest_first: bool = False,
) -> list[Record]:
    """Rows with since <= at < until whose key starts with `prefix`, by time."""
    query = select(records.c.key, records.c.at, records.c.data).where(
        records.c.owner == owner, records.c.collection == collection
    )
    if since is not None:
        query = query.where(records.c.at >= since)
    if until is not None:
        query = query.where(records.c.at < until)
    if prefix:
        query = query.where(records.c.key.startswith(prefix, autoescape=True))
    order: Any = (records.c.at, records.c.key)
    if newest_first:
        order = tuple(column.desc() for column in order)
    rows = connection.execute(query.order_by(*order).limit(limit))
    return [Record(row.key, row.at, row.data) for row in rows]


def remove(connection: Connection, owner: str, collection: str, key: str) -> bool:
    """Remove one row; False when it was not there."""
    statement = delete(records).where(
        records.c.owner == owner, records.c.collection == collection, records.c.key == key
    )
    return bool(connection.execute(statement).rowcount)


def sizes(connection: Connection, owner: str) -> dict[str, int]:
    """How many rows each collection of an owner holds."""
    query = select(records.c.collection, func.count()).where(records.c.owner == owner).group_by(records.c.collection)
    return {collection: count for collection, count in connection.execute(query)}
