"""Filling the cache: a watermark over the order of changes, an overlap for late commits, whole batches or nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ionflux_core.analytics.logs import is_behind, read_logs, with_people
from ionflux_core.analytics.rows import Row, append, delete_rows, keep_mark, mark_of, plain
from ionflux_core.analytics.tables import DATA_TABLES
from ionflux_core.storage import feed, feed_logs
from ionflux_core.storage.engine import Connection, Database, change_stamp
from ionflux_core.storage.feed import Mark
from ionflux_core.storage.feed_logs import Standing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Changes are stamped before they are committed, so a row may appear behind the watermark: this far back is read again.
OVERLAP_MICROS = 10_000_000
BATCH = 2_000
_PAUSE_SECONDS = 0.005

# Runs and points by their change, and everything else by how far it has come.
Newest = tuple[tuple[int, int], Standing]


class Feed:
    """Moves changed rows of the run store into the cache; one at a time, whoever calls holds the cache's lock."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._settled: Newest | None = None
        self._logs: Standing | None = None
        self._seen: tuple[Standing, float] | None = None

    def forget(self) -> None:
        """Look at everything again: the cache was emptied."""
        self._settled = self._logs = self._seen = None

    def run(self, cursor: DuckDBPyConnection, *, go_on: Callable[[], bool]) -> bool:
        """Bring the cache up to date; False when `go_on` ended it before. What was read by then is kept."""
        began = change_stamp()
        with self._db.read() as connection:
            newest = feed.newest_changes(connection), feed_logs.standing(connection)
            first = feed.first_run(connection)
        if newest == self._settled:
            return True
        if _is_other_history(cursor, newest, first):
            clear(cursor)
            self.forget()
        if _first_run(cursor) != first:
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('first_run', 0, $1)", [first])
        done = self._read_runs(cursor, go_on) and self._read_points(cursor, go_on)
        done = done and self._read_logs(cursor, newest[1], go_on)
        if done and newest[1] == self._logs and began - max(newest[0]) > OVERLAP_MICROS:
            self._settled = newest
        return done

    def _read_logs(self, cursor: DuckDBPyConnection, now: Standing, go_on: Callable[[], bool]) -> bool:
        """What is only added has no time of its own change: it has settled once it has stood still for a while."""
        if now == self._logs:
            return True
        if self._seen is None or self._seen[0] != now:
            self._seen = (now, time.monotonic())
        done = read_logs(self._db, cursor, now, go_on)
        empty = not (now.ledger or now.events or now.activity or now.message)
        if done and (empty or (time.monotonic() - self._seen[1]) * 1e6 > OVERLAP_MICROS):
            self._logs = now
        return done

    def _read_runs(self, cursor: DuckDBPyConnection, go_on: Callable[[], bool]) -> bool:
        def take(connection: Connection, rows: list[Any]) -> dict[str, list[Row]]:
            ids, known = [row.id for row in rows], feed_logs.people(connection)
            return {
                "runs": with_people(rows, "started_by", known, error=_code),
                "run_steps": plain(feed.steps_of(connection, ids)),
                "value_entries": plain(feed.values_of(connection, ids)),
                "model_costs": plain(feed.model_costs_of(connection, ids)),
                "calls": plain(feed.calls_of(connection, ids), error=_code),
                "approvals": plain(feed.approvals_of(connection, ids)),
            }

        return self._read(cursor, "runs", feed.changed_runs, take, go_on)

    def _read_points(self, cursor: DuckDBPyConnection, go_on: Callable[[], bool]) -> bool:
        def take(_: Connection, rows: list[Any]) -> dict[str, list[Row]]:
            return {"kpi_points": plain(rows, dims=_labels)}

        return self._read(cursor, "kpi_points", feed.changed_points, take, go_on)

    def _read(
        self,
        cursor: DuckDBPyConnection,
        source: str,
        changed: Callable[..., list[Any]],
        take: Callable[[Connection, list[Any]], dict[str, list[Row]]],
        go_on: Callable[[], bool],
    ) -> bool:
        start = max(mark_of(cursor, source)[0] - OVERLAP_MICROS, 0)
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


def _is_other_history(cursor: DuckDBPyConnection, newest: Newest, first: str) -> bool:
    """True when the store is not the one the cache was read from: restored from a backup, or with runs taken out."""
    (run, point), logs = newest
    if run < mark_of(cursor, "runs")[0] or point < mark_of(cursor, "kpi_points")[0]:
        return True
    return is_behind(cursor, logs) or _first_run(cursor) not in ("", first)


def _first_run(cursor: DuckDBPyConnection) -> str:
    row = cursor.execute("SELECT text FROM meta WHERE name = 'first_run'").fetchone()
    return row[0] if row else ""


def _put(cursor: DuckDBPyConnection, source: str, ids: list[str], batch: dict[str, list[Row]], watermark: int) -> None:
    """One transaction: rows of these ids go out, their new state comes in, the watermark moves."""
    cursor.execute("BEGIN")
    try:
        if delete_rows(cursor, source, "id", ids):
            for table in batch:
                if table != source:
                    delete_rows(cursor, table, "run_id", ids)
        for table, rows in batch.items():
            append(cursor, table, rows)
        keep_mark(cursor, source, watermark)
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise


def _code(error: dict[str, Any] | None) -> str | None:
    return error.get("code") if error else None


def _labels(dims: dict[str, str]) -> str:
    return json.dumps(dims, sort_keys=True, ensure_ascii=False)
