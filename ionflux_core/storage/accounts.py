"""Rows of accounts with outside services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from ionflux_core.domain.accounts import Account
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import accounts, leases
from ionflux_core.storage.writes import insert_new


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert an account; False when its name is taken among the workspace's accounts of that connector."""
    return insert_new(connection, accounts, row)


def get(connection: Connection, workspace_id: str, account_id: str) -> Account | None:
    """One account of a workspace."""
    query = select(accounts).where(accounts.c.id == account_id, accounts.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _account(row)


def by_id(connection: Connection, account_id: str) -> Account | None:
    """An account whatever its workspace, for a door that checks a signature before it says anything."""
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
    return None if row is None else _account(row)


def find(connection: Connection, workspace_id: str, *, connector: str | None = None) -> list[Account]:
    """Accounts of a workspace, the oldest first."""
    query = select(accounts).where(accounts.c.workspace_id == workspace_id)
    if connector is not None:
        query = query.where(accounts.c.connector == connector)
    return [_account(row) for row in connection.execute(query.order_by(accounts.c.created_at, accounts.c.id))]


def connected(connection: Connection) -> list[Account]:
    """Every working account of every workspace: what the nightly sync goes over."""
    query = select(accounts).where(accounts.c.status == "connected")
    return [_account(row) for row in connection.execute(query.order_by(accounts.c.created_at, accounts.c.id))]


def name_is_taken(connection: Connection, workspace_id: str, connector: str, name: str, *, besides: str = "") -> bool:
    """Whether another account of this connector is called so."""
    query = select(accounts.c.id).where(
        accounts.c.workspace_id == workspace_id, accounts.c.connector == connector, accounts.c.name == name
    )
    return connection.execute(query.where(accounts.c.id != besides)).first() is not None


def save(
    connection: Connection, workspace_id: str, account_id: str, *, as_of: datetime | None = None, **values: Any
) -> bool:
    """Change columns; False when the account is not there, or a person has changed it since `as_of`."""
    query = update(accounts).where(accounts.c.id == account_id, accounts.c.workspace_id == workspace_id)
    if as_of is not None:
        query = query.where(accounts.c.updated_at == as_of)
    return bool(connection.execute(query.values(**values)).rowcount == 1)


def remove(connection: Connection, workspace_id: str, account_id: str) -> bool:
    """Remove an account; False when it was not there."""
    statement = delete(accounts).where(accounts.c.id == account_id, accounts.c.workspace_id == workspace_id)
    return bool(connection.execute(statement).rowcount)


def held(connection: Connection, names: list[str], at: datetime) -> set[str]:
    """Which of these leases somebody holds."""
    query = select(leases.c.name).where(leases.c.name.in_(names), leases.c.until >= at)
    return set(connection.execute(query).scalars())


def _account(row: AnyRow) -> Account:
    return Account.model_validate(row._asdict())
