"""Rows of secrets (encrypted values only) and of API tokens (hashes only)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, text, update

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import api_tokens, secrets
from ionflux_core.storage.writes import upsert


def put(connection: Connection, workspace_id: str, name: str, ciphertext: bytes, key_id: str, at: datetime) -> None:
    """Insert or replace an encrypted value."""
    row = {
        "workspace_id": workspace_id,
        "name": name,
        "ciphertext": ciphertext,
        "key_id": key_id,
        "created_at": at,
        "updated_at": at,
    }
    upsert(connection, secrets, [row], key=("workspace_id", "name"), keep=("created_at",))


def seal_anew(connection: Connection, workspace_id: str, name: str, ciphertext: bytes, key_id: str) -> None:
    """Replace the seal of a value that stays as it is."""
    statement = update(secrets).where(secrets.c.workspace_id == workspace_id, secrets.c.name == name)
    connection.execute(statement.values(ciphertext=ciphertext, key_id=key_id))


def take_turns(connection: Connection) -> None:
    """Nobody else writes secrets until this transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE secrets IN SHARE ROW EXCLUSIVE MODE"))


def get(connection: Connection, workspace_id: str, name: str) -> AnyRow | None:
    """The encrypted value and its key id."""
    query = select(secrets.c.ciphertext, secrets.c.key_id).where(
        secrets.c.workspace_id == workspace_id, secrets.c.name == name
    )
    return connection.execute(query).one_or_none()


def names(connection: Connection, workspace_id: str) -> list[tuple[str, datetime]]:
    """Names of a workspace's secrets with the time of their last change."""
    query = select(secrets.c.name, secrets.c.updated_at).where(secrets.c.workspace_id == workspace_id)
    return [(row.name, row.updated_at) for row in connection.execute(query.order_by(secrets.c.name))]


def everything(connection: Connection) -> list[AnyRow]:
    """Every encrypted value of every workspace, for a change of key."""
    return list(connection.execute(select(secrets)))


def count(connection: Connection) -> int:
    """How many secrets there are, over all workspaces."""
    return connection.execute(select(func.count()).select_from(secrets)).scalar_one()


def remove(connection: Connection, workspace_id: str, name: str) -> bool:
    """Remove a secret; False when it was not there."""
    statement = delete(secrets).where(secrets.c.workspace_id == workspace_id, secrets.c.name == name)
    return bool(connection.execute(statement).rowcount)


def insert_token(connection: Connection, row: dict[str, Any]) -> None:
    """Keep the hash of an API token."""
    connection.execute(api_tokens.insert(), row)


def token(connection: Connection, token_sha256: str) -> AnyRow | None:
    """The API token with this hash."""
    return connection.execute(select(api_tokens).where(api_tokens.c.token_sha256 == token_sha256)).one_or_none()


def tokens(connection: Connection, workspace_id: str) -> list[AnyRow]:
    """API tokens of a workspace, without anything to sign in with."""
    query = select(
        api_tokens.c.id, api_tokens.c.name, api_tokens.c.role, api_tokens.c.expires_at, api_tokens.c.created_at
    ).where(api_tokens.c.workspace_id == workspace_id)
    return list(connection.execute(query.order_by(api_tokens.c.created_at)))


def revoke_token(connection: Connection, workspace_id: str, token_id: str) -> bool:
    """Remove an API token; False when it was not there."""
    statement = delete(api_tokens).where(api_tokens.c.workspace_id == workspace_id, api_tokens.c.id == token_id)
    return bool(connection.execute(statement).rowcount)
