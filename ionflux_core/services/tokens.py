"""API tokens: shown once, stored as hashes, scoped to a workspace and a role."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from ionflux_core.errors import NotFound, Unauthorized
from ionflux_core.ids import new_id, now
from ionflux_core.services.workspaces import checked_name
from ionflux_core.storage import secrets as rows
from ionflux_core.storage.engine import Database

PREFIX = "ifx_"
Role = Literal["owner", "editor", "viewer"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API: the local owner (any workspace) or a token (its own workspace)."""

    name: str
    role: Role
    workspace_id: str | None = None


LOCAL_OWNER = Caller("local owner", "owner")


class Tokens:
    """Use-cases around API tokens."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def create(self, workspace_id: str, name: str, *, role: Role = "editor", days: int | None = 90) -> str:
        """A new token; this is the only time it can be seen."""
        token = PREFIX + secrets.token_urlsafe(32)
        at = now()
        row = {
            "id": new_id(),
            "workspace_id": workspace_id,
            "name": checked_name(name, "token"),
            "token_sha256": _hash(token),
            "role": role,
            "expires_at": at + timedelta(days=days) if days else None,
            "created_at": at,
        }
        self._db.write(lambda connection: rows.insert_token(connection, row), durable=True)
        return token

    def caller(self, token: str) -> Caller:
        """Whose token this is; Unauthorized when it is unknown or over."""
        with self._db.read() as connection:
            row = rows.token(connection, _hash(token))
        expires: datetime | None = row.expires_at if row is not None else None
        if row is None or (expires is not None and expires < now()):
            raise Unauthorized("The token is unknown or has expired.", hint="Create one in Settings, Tokens.")
        return Caller(row.name, row.role, row.workspace_id)

    def find(self, workspace_id: str) -> list[dict[str, Any]]:
        """Tokens of a workspace, without anything to sign in with."""
        with self._db.read() as connection:
            return [row._asdict() for row in rows.tokens(connection, workspace_id)]

    def revoke(self, workspace_id: str, token_id: str) -> None:
        """End a token at once."""
        if not self._db.write(lambda connection: rows.revoke_token(connection, workspace_id, token_id), durable=True):
            raise NotFound("There is no such token.", hint="Reload the page.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
