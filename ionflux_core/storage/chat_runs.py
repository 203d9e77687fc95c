"""Which runs have messages in the chat that still follow them, and how those runs stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, or_, select

from ionflux_core.domain.runs import RunStatus
from ionflux_core.storage.runs import IS_LIVE
from ionflux_core.storage.tables import chat_messages, runs

_MOST = 200


def unfinished(connection: Connection) -> list[tuple[str, str]]:
    """Workspace and id of the newest unfinished runs that have a message, or that wait for a person's answer."""
    told = select(chat_messages.c.id).where(chat_messages.c.run_id == runs.c.id).exists()
    query = select(runs.c.workspace_id, runs.c.id).where(IS_LIVE, or_(runs.c.status == "awaiting_approval", told))
    return [(row.workspace_id, row.id) for row in connection.execute(query.order_by(runs.c.id.desc()).limit(_MOST))]


def workspace_of(connection: Connection, run_id: str) -> str | None:
    """The workspace of a run."""
    return connection.execute(select(runs.c.workspace_id).where(runs.c.id == run_id)).scalar_one_or_none()


def with_messages(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Those of these runs that have messages."""
    query = select(chat_messages.c.run_id).where(chat_messages.c.run_id.in_(run_ids))
    return set(connection.execute(query).scalars())


def statuses(connection: Connection, run_ids: Sequence[str]) -> dict[str, RunStatus]:
    """How runs stand, by id; those that are not kept any more are missing."""
    query = select(runs.c.id, runs.c.status).where(runs.c.id.in_(run_ids))
    found: dict[str, Any] = {row.id: row.status for row in connection.execute(query)}
    return found
