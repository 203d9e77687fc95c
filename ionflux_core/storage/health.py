"""Questions of the health checks: does a write arrive, who keeps the clock, how long does the queue wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, literal_column, or_, select

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import leases, runs, workspaces
from ionflux_core.storage.writes import upsert

_PROBE = "health"


def write_probe(connection: Connection, owner: str, at: datetime) -> None:
    """Leave a mark that `read_probe` must find; every process overwrites the same row."""
    upsert(connection, leases, [{"name": _PROBE, "owner": owner[:100], "until": at}], key=("name",))


def read_probe(connection: Connection) -> datetime | None:
    """The time of the newest mark."""
    return connection.execute(select(leases.c.until).where(leases.c.name == _PROBE)).scalar_one_or_none()


def lease(connection: Connection, name: str) -> AnyRow | None:
    """Who holds a named lease (`owner`) and until when (`until`)."""
    return connection.execute(select(leases).where(leases.c.name == name)).one_or_none()


def queue(connection: Connection, at: datetime) -> tuple[int, datetime | None]:
    """How many runs could be taken now, over all workspaces, and since when the oldest of them waits."""
    since = func.coalesce(runs.c.wake_at, runs.c.created_at)
    # Spelled out, because SQLite takes a partial index only where it sees the very words of the index.
    due = (runs.c.status == literal_column("'pending'")) & or_(runs.c.wake_at.is_(None), runs.c.wake_at <= at)
    count = connection.execute(select(func.count()).where(due)).scalar_one()
    oldest = connection.execute(select(runs.c.created_at, runs.c.wake_at).where(due).order_by(since).limit(1)).first()
    return count, (oldest.wake_at or oldest.created_at) if oldest else None


def began(connection: Connection) -> datetime | None:
    """When the first workspace was made."""
    return connection.execute(select(func.min(workspaces.c.created_at))).scalar_one()  # type: ignore[no-any-return]


def server_version(connection: Connection) -> str:
    """The version of the database itself, like "SQLite 3.45.1"."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {connection.execute(select(func.sqlite_version())).scalar_one()}"
    return f"PostgreSQL {connection.execute(select(func.current_setting('server_version'))).scalar_one()}"
