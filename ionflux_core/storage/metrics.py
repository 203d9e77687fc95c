"""What the metrics read: runs that ended since a mark, and how many are on their way."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from ionflux_core.domain.runs import FINISHED, UNFINISHED
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import runs


def finished_after(connection: Connection, mark: int, *, limit: int) -> list[AnyRow]:
    """Runs that ended after a change mark, in the order of their marks."""
    query = (
        select(
            runs.c.id, runs.c.definition_slug, runs.c.status, runs.c.started_at, runs.c.finished_at, runs.c.change_seq
        )
        .where(runs.c.change_seq > mark, runs.c.status.in_(sorted(FINISHED)))
        .order_by(runs.c.change_seq)
        .limit(limit)
    )
    return list(connection.execute(query))


def live_counts(connection: Connection) -> dict[str, int]:
    """How many runs have each unfinished status."""
    # Spelled out so that the database sees that its partial index fits.
    query = select(runs.c.status, func.count()).where(runs.c.status.in_(sorted(UNFINISHED))).group_by(runs.c.status)
    found = {status: int(count) for status, count in connection.execute(query)}
    return {status: found.get(status, 0) for status in sorted(UNFINISHED)}
