"""Rows of addresses that are not mailed any more; the first reason stays."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select

from ionflux_core.domain.suppressions import Suppression
from ionflux_core.storage.statements import Query
from ionflux_core.storage.tables import suppressions
from ionflux_core.storage.writes import insert_new

_one = Query(
    select(suppressions).where(
        suppressions.c.workspace_id == bindparam("workspace"), suppressions.c.address == bindparam("of")
    )
)


def get(connection: Connection, workspace_id: str, address: str) -> Suppression | None:
    """Why an address (in lower case) is not mailed; None when it may be."""
    row = _one.first(connection, {"workspace": workspace_id, "of": address})
    return None if row is None else Suppression.model_validate(row._asdict())


def add(connection: Connection, suppression: Suppression) -> bool:
    """Put an address on the list; False when it is there."""
    return insert_new(connection, suppressions, suppression.model_dump())


def remove(connection: Connection, workspace_id: str, address: str) -> bool:
    """Take an address off the list; False when it was not there."""
    chosen = suppressions.c.workspace_id == workspace_id, suppressions.c.address == address
    return bool(connection.execute(delete(suppressions).where(*chosen)).rowcount)


def find(connection: Connection, workspace_id: str, *, contains: str = "", limit: int) -> list[Suppression]:
    """Addresses of the list, the newest first."""
    query = select(suppressions).where(suppressions.c.workspace_id == workspace_id)
    if contains:
        query = query.where(suppressions.c.address.contains(contains, autoescape=True))
    ordered = query.order_by(suppressions.c.at.desc(), suppressions.c.address).limit(limit)
    return [Suppression.model_validate(row._asdict()) for row in connection.execute(ordered)]


def count(connection: Connection, workspace_id: str) -> int:
    """How many addresses are on the list."""
    query = select(func.count()).select_from(suppressions).where(suppressions.c.workspace_id == workspace_id)
    return int(connection.execute(query).scalar_one())
