"""Rows of saved views."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from ionflux_core.domain.views import SavedView
from ionflux_core.storage.tables import digests, saved_views
from ionflux_core.storage.writes import insert_new


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Keep a view; False when its name is taken on that page."""
    return insert_new(connection, saved_views, row)


def find(connection: Connection, workspace_id: str, page: str | None) -> list[SavedView]:
    """Views of a workspace by name, of one page where one is given."""
    query = select(saved_views).where(saved_views.c.workspace_id == workspace_id)
    if page is not None:
        query = query.where(saved_views.c.page == page)
    found = connection.execute(query.order_by(func.lower(saved_views.c.name), saved_views.c.id))
    return [SavedView.model_validate(row._asdict()) for row in found]


def get(connection: Connection, workspace_id: str, view_id: str) -> SavedView | None:
    """One view; None when it is not there."""
    query = select(saved_views).where(saved_views.c.id == view_id, saved_views.c.workspace_id == workspace_id)
    row = connection.execute(query).first()
    return SavedView.model_validate(row._asdict()) if row else None


def save(connection: Connection, workspace_id: str, view_id: str, **values: Any) -> bool:
    """Change columns of a view; False when it is not there."""
    mine = saved_views.c.id == view_id, saved_views.c.workspace_id == workspace_id
    return connection.execute(update(saved_views).where(*mine).values(**values)).rowcount == 1


def remove(connection: Connection, workspace_id: str, view_id: str) -> bool:
    """Delete a view; False when it was not there."""
    mine = saved_views.c.id == view_id, saved_views.c.workspace_id == workspace_id
    return connection.execute(delete(saved_views).where(*mine)).rowcount == 1


def digests_of(connection: Connection, workspace_id: str, view_id: str) -> list[str]:
    """The names of the digests that tell of a view."""
    mine = digests.c.view_id == view_id, digests.c.workspace_id == workspace_id
    return list(connection.execute(select(digests.c.name).where(*mine).order_by(digests.c.name)).scalars())
