"""Rows of users, workspaces, brands and creators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from ionflux_core.domain.workspaces import Brand, Creator, User, Workspace, WorkspaceSettings
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import brands, creators, memberships, users, workspaces
from ionflux_core.storage.writes import insert_new


def insert_user(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a user; False when the e-mail address is taken."""
    return insert_new(connection, users, row)


def user_by_email(connection: Connection, email: str) -> User | None:
    """The user with this e-mail address."""
    row = connection.execute(select(users).where(users.c.email == email)).one_or_none()
    if row is None:
        return None
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        preferences=row.profile.get("preferences", {}),
        created_at=row.created_at,
    )


def insert(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a workspace with its owner as first member."""
    connection.execute(workspaces.insert(), row)
    member = {
        "workspace_id": row["id"],
        "user_id": row["owner_user_id"],
        "role": "owner",
        "created_at": row["created_at"],
    }
    connection.execute(memberships.insert(), member)


def get(connection: Connection, workspace_id: str) -> Workspace | None:
    """One workspace."""
    row = connection.execute(select(workspaces).where(workspaces.c.id == workspace_id)).one_or_none()
    return None if row is None else _workspace(row)


def of_user(connection: Connection, user_id: str) -> list[Workspace]:
    """The active workspaces a user is a member of, oldest first."""
    query = (
        select(workspaces)
        .join(memberships, memberships.c.workspace_id == workspaces.c.id)
        .where(memberships.c.user_id == user_id, workspaces.c.status == "active")
        .order_by(workspaces.c.created_at, workspaces.c.id)
    )
    return [_workspace(row) for row in connection.execute(query)]


def save(connection: Connection, workspace_id: str, at: datetime, **values: Any) -> bool:
    """Change columns of a workspace; False when it is not there."""
    statement = update(workspaces).where(workspaces.c.id == workspace_id).values(updated_at=at, **values)
    return bool(connection.execute(statement).rowcount == 1)


def remove(connection: Connection, workspace_id: str) -> bool:
    """Remove a workspace and everything in it for good; False when it was not there."""
    return bool(connection.execute(delete(workspaces).where(workspaces.c.id == workspace_id)).rowcount)


def _workspace(row: AnyRow) -> Workspace:
    return Workspace(
        id=row.id,
        name=row.name,
        owner_id=row.owner_user_id,
        status=row.status,
        settings=WorkspaceSettings.model_validate(row.settings),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def insert_brand(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a brand; False when the name is taken in the workspace."""
    return insert_new(connection, brands, row)


def brand(connection: Connection, workspace_id: str, brand_id: str) -> Brand | None:
    """One brand of a workspace."""
    query = select(brands).where(brands.c.id == brand_id, brands.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Brand.model_validate(_flat(row))


def find_brands(connection: Connection, workspace_id: str, *, archived: bool = False) -> list[Brand]:
    """Brands of a workspace by name; archived ones only when asked for."""
    query = select(brands).where(brands.c.workspace_id == workspace_id).order_by(brands.c.name)
    if not archived:
        query = query.where(brands.c.status == "active")
    return [Brand.model_validate(_flat(row)) for row in connection.execute(query)]


def save_brand(
    connection: Connection,
    workspace_id: str,
    brand_id: str,
    at: datetime,
    *,
    expected: datetime | None = None,
    **values: Any,
) -> bool:
    """Change columns of a brand; False when it is not there, or was not last changed when it was expected to be."""
    return _save(connection, brands, workspace_id, brand_id, at, expected, values)


def insert_creator(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a creator; False when the name is taken in the workspace."""
    return insert_new(connection, creators, row)


def creator(connection: Connection, workspace_id: str, creator_id: str) -> Creator | None:
    """One creator of a workspace."""
    query = select(creators).where(creators.c.id == creator_id, creators.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Creator.model_validate(_flat(row))


def find_creators(connection: Connection, workspace_id: str, *, archived: bool = False) -> list[Creator]:
    """Creators of a workspace by name; archived ones only when asked for."""
    query = select(creators).where(creators.c.workspace_id == workspace_id).order_by(creators.c.name)
    if not archived:
        query = query.where(creators.c.status == "active")
    return [Creator.model_validate(_flat(row)) for row in connection.execute(query)]


def save_creator(
    connection: Connection,
    workspace_id: str,
    creator_id: str,
    at: datetime,
    *,
    expected: datetime | None = None,
    **values: Any,
) -> bool:
    """Change columns of a creator; False when it is not there, or was not last changed when it was expected to be."""
    return _save(connection, creators, workspace_id, creator_id, at, expected, values)


def _save(
    connection: Connection,
    table: Table,
    workspace_id: str,
    profile_id: str,
    at: datetime,
    expected: datetime | None,
    values: dict[str, Any],
) -> bool:
    statement = update(table).where(table.c.id == profile_id, table.c.workspace_id == workspace_id)
    if expected is not None:
        statement = statement.where(table.c.updated_at == expected)
    return bool(connection.execute(statement.values(updated_at=at, **values)).rowcount == 1)


def _flat(row: AnyRow) -> dict[str, Any]:
    """A row whose profile column is laid open beside the others."""
    values = row._asdict()
    return {**values.pop("profile"), **values}
