"""Filling the cache: a watermark over the order of changes, an overlap for late commits, whole batches or nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ionflux_core.analytics.tables import DATA_TABLES
from ionflux_core.storage import feed
from ionflux_core.storage.engine import Connection, Database, change_stamp
from ionflux_core.storage.feed import Mark

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Changes are stamped before they are committed, so a row may appear behind the watermark: this far back is read again.
OVERLAP_MICROS = 10_000_000
BATCH = 2_000
_PAUSE_SECONDS = 0.005

Row = list[Any]


class Feed:
    """Moves changed rows of the run store into the cache; one at a time, whoever calls holds the cache's lock."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._settled: tuple[int, int] | None = None

    def forget(self) -> None:
        """Look at everything again: the cache was emptied."""
        self._settled = None

    def run(self, cursor: DuckDBPyConnection, *, go_on: Callable[[], bool]) -> bool:
        """Bring the cache up to date; False when `go_on` ended it before. What was read by then is kept."""
        began = change_stamp()
        with self._db.read() as connection:
            newest, first = feed.newest_changes(connection), feed.first_run(connection)
        if newest == self._settled:
            return True
        if _is_other_history(cursor, newest, first):
            clear(cursor)
        if _first_run(cursor) != first:
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('first_run', 0, $1)", [first])
        done = self._read_runs(cursor, go_on) and self._read_points(cursor, go_on)
        if done and began - max(newest) > OVERLAP_MICROS:
            self._settled = newest
        return done

    def _read_runs(self, cursor: DuckDBPyConnection, go_on: Callable[[], bool]) -> bool:
        def take(connection: Connection, rows: list[Any]) -> dict[str, list[Row]]:
            ids = [row.id for row in rows]
            return {
                "runs": _plain(rows, error=_code),
                "run_steps": _plain(feed.steps_of(connection, ids)),
                "value_entries": _plain(feed.values_of(connection, ids)),
                "model_costs": _plain(feed.model_costs_of(connection, ids)),
            }

        return self._read(cursor, "runs", feed.changed_runs, take, go_on)

    def _read_points(self, cursor: DuckDBPyConnection, go_on: Callable[[], bool]) -> bool:
        def take(_: Connection, rows: list[Any]) -> dict[str, list[Row]]:
            return {"kpi_points": _plain(rows, dims=_labels)}

        return self._read(cursor, "kpi_points", feed.changed_points, take, go_on)

    def _read(
        self,
        cursor: DuckDBPyConnection,
        source: str,
        changed: Callable[..., list[Any]],
        take: Callable[[Connection, list[Any]], dict[str, list[Row]]],
        go_on: Callable[[], bool],
    ) -> bool:
        start = max(_watermark(cursor, source) - OVERLAP_MICROS, 0)
        known = dict(cursor.execute(f"SELECT id, change_seq FROM {source} WHERE change_seq >= $1", [start]).fetchall())
        mark = Mark(start)
        while go_on():
            with self._db.read() as connection:
                rows = changed(connection, mark, limit=BATCH)
                fresh = [row for row in rows if known.get(row.id) != row.change_seq]
                batch = take(connection, fresh) if fresh else {}
            if rows:
                mark = Mark(rows[-1].change_seq, rows[-1].id)
            if fresh:
                _put(cursor, source, [row.id for row in fresh], batch, mark.change_seq)
            if len(rows) < BATCH:
                return True
            # Agents run in this process, too: between two batches they get their turn.
            time.sleep(_PAUSE_SECONDS)
        return False


def clear(cursor: DuckDBPyConnection) -> None:
    """Take every row out, and with them the watermarks."""
    cursor.execute("BEGIN")
    for table in DATA_TABLES:
        cursor.execute(f"DELETE FROM {table}")
    cursor.execute("DELETE FROM meta WHERE name <> 'schema'")
    cursor.execute("COMMIT")


def _watermark(cursor: DuckDBPyConnection, source: str) -> int:
    row = cursor.execute("SELECT number FROM meta WHERE name = $1", [f"watermark:{source}"]).fetchone()
    return int(row[0]) if row else 0


def _is_other_history(cursor: DuckDBPyConnection, newest: tuple[int, int], first: str) -> bool:
    """True when the store is not the one the cache was read from: restored from a backup, or with runs taken out."""
    if newest[0] < _watermark(cursor, "runs") or newest[1] < _watermark(cursor, "kpi_points"):
        return True
    return _first_run(cursor) not in ("", first)


def _first_run(cursor: DuckDBPyConnection) -> str:
    row = cursor.execute("SELECT text FROM meta WHERE name = 'first_run'").fetchone()
    return row[0] if row else ""


def _put(cursor: DuckDBPyConnection, source: str, ids: list[str], batch: dict[str, list[Row]], watermark: int) -> None:
    """One transaction: rows of these ids go out, their new state comes in, the watermark moves."""
    cursor.execute("BEGIN")
    try:
        if _delete(cursor, source, "id", ids):
            for table in batch:
                if table != source:
                    _delete(cursor, table, "run_id", ids)
        for table, rows in batch.items():
            _append(cursor, table, rows)
        cursor.execute("INSERT OR REPLACE INTO meta VALUES ($1, $2, '')", [f"watermark:{source}", watermark])
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise


def _delete(cursor: DuckDBPyConnection, table: str, key: str, ids: Sequence[str]) -> bool:
    # The range is for the zone maps: ids sort by time, so most of the table is not looked at.
    row = cursor.execute(
        f"DELETE FROM {table} WHERE {key} BETWEEN $2 AND $3 AND {key} IN (SELECT unnest($1::VARCHAR[]))",
        [list(ids), min(ids), max(ids)],
    ).fetchone()
    return row is not None and row[0] > 0


def _append(cursor: DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    appender = cursor.appender(table)
    appender.append_rows(rows)
    appender.flush()


def _plain(rows: Sequence[Any], **changed: Callable[[Any], Any]) -> list[Row]:
    """Rows as the cache keeps them: times (UTC already) without their zone, the named columns changed."""
    if not rows:
        return []
    names = rows[0]._fields
    changes = [(names.index(name), change) for name, change in changed.items()]
    changes += [(place, _naive) for place, name in enumerate(names) if name == "at" or name.endswith("_at")]
    plain = [list(row) for row in rows]
    for place, change in changes:
        for row in plain:
            row[place] = change(row[place])
    return plain


def _naive(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=None)


def _code(error: dict[str, Any] | None) -> str | None:
    return error.get("code") if error else None


def _labels(dims: dict[str, str]) -> str:
    return json.dumps(dims, sort_keys=True, ensure_ascii=False)
