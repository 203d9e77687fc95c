"""The DuckDB cache behind the charts: never the truth, filled from the run store, deletable at any time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ionflux_core.analytics.feed import Feed, clear
from ionflux_core.analytics.tables import DATA_TABLES, SCHEMA, TABLES
from ionflux_core.errors import IonfluxError, Unavailable
from ionflux_core.ids import now
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

log = logging.getLogger(__name__)

# A database with nothing in it: where it is at home, a question finds no table by a bare name but its own views.
NOWHERE: Final = "nowhere"

# Modest on purpose: the cache lives in the process that executes agents. Nothing is loaded, installed or reached.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "2",
    "memory_limit": "384MB",
    "temp_directory": "",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
}
_OTHER_PROCESS = "Another process holds the charts' file, so this one keeps its own copy in memory."
_NO_FILE = "The charts' file cannot be written, so the figures are kept in memory."


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new the figures are: read at `as_of` (None: never), `complete` once everything stored by then is in."""

    as_of: datetime | None
    complete: bool
    place: Literal["file", "memory"]
    note: str = ""


class AnalyticsCache:
    """Figures of all workspaces in DuckDB; safe to call from any thread.

    The file belongs to one process. When another holds it, or it cannot be written, the cache lives in memory and
    says so. A damaged file is moved aside and read anew. DuckDB itself is imported at the first question.
    """

    def __init__(self, path: Path | None, db: Database) -> None:
        self._path = path
        self._feed = Feed(db)
        self._opening = threading.Lock()
        self._filling = threading.Lock()
        self._root: DuckDBPyConnection | None = None
        self._place: Literal["file", "memory"] = "file" if path else "memory"
        self._note = ""
        self._as_of: datetime | None = None
        self._checked = 0.0
        self._complete = False
        self._closed = threading.Event()
        self._filler: threading.Thread | None = None

    def freshness(self) -> Freshness:
        """How new the figures are, without reading anything."""
        return Freshness(self._as_of, self._complete, self._place, self._note)

    def refresh(self, *, max_age: float = 1.0, budget: float | None = 1.5) -> Freshness:
        """Read what changed, unless that was done less than `max_age` seconds ago.

        After `budget` seconds the rest is left to a background thread (None: no end). While another thread reads,
        a cache that was complete once answers as it is.
        """
        if self._complete and time.monotonic() - self._checked < max_age:
            return self.freshness()
        patience = 0.0 if self._complete else -1.0 if budget is None else budget
        if self._filling.acquire(timeout=patience):
            try:
                self._fill(budget)
            finally:
                self._filling.release()
        if not self._complete and not self._closed.is_set():
            self._fill_behind()
        return self.freshness()

    def rebuild(self, *, budget: float | None = None) -> Freshness:
        """Empty the cache and read everything again; the figures are the same as before."""
        with self._filling:
            self._complete = False
            with self._cursor() as cursor:
                clear(cursor)
            self._feed.forget()
        return self.refresh(max_age=0.0, budget=budget)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a query written in this package; values only ever come as parameters."""
        import duckdb

        try:
            return self._ask(sql, parameters)
        except duckdb.Error as error:
            if not _is_damage(error):
                raise _translated(error) from error
            self._start_over(error)
        self.refresh(max_age=0.0)
        try:
            return self._ask(sql, parameters)
        except duckdb.Error as error:
            raise _translated(error) from error

    def tables(self) -> dict[str, list[tuple[str, str]]]:
        """Every table with its columns: name and type."""
        found: dict[str, list[tuple[str, str]]] = {}
        sql = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main'"
        for row in self.query(f"{sql} AND NOT internal ORDER BY table_name, column_index", {}):
            if row["table_name"] in DATA_TABLES:
                found.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
        return found

    def cursor(self) -> DuckDBPyConnection:
        """A connection of the caller's own, who closes it; what it makes in `temp` nobody else sees."""
        return self._cursor()

    def recover(self, error: Exception) -> None:
        """Open the database anew when a question's error has made it useless for everybody; the file stays."""
        import duckdb

        if not isinstance(error, duckdb.FatalException | duckdb.InternalException):
            return
        log.warning("a question has broken the charts' database, which is opened anew: %s", type(error).__name__)
        with self._filling, self._opening:
            if self._root is not None:
                self._root.close()
                self._root = None
            self._complete = False
            self._feed.forget()

    def close(self) -> None:
        """Stop reading and give the file back."""
        self._closed.set()
        if self._filler is not None:
            self._filler.join()
        with self._filling, self._opening:
            if self._root is not None:
                self._root.close()
                self._root = None

    def _ask(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._cursor() as cursor:
            answer = cursor.execute(sql, dict(parameters))
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def _fill(self, budget: float | None) -> None:
        """One refresh, under the lock of filling."""
        import duckdb

        began, deadline = now(), None if budget is None else time.monotonic() + budget

        def go_on() -> bool:
            return not self._closed.is_set() and (deadline is None or time.monotonic() < deadline)

        for attempt in (1, 2):
            try:
                with self._cursor() as cursor:
                    self._complete = self._feed.run(cursor, go_on=go_on)
                self._checked, self._as_of = time.monotonic(), began
                return
            except duckdb.TransactionException:
                # Somebody else of this process fills the same file: their rows are as good as ours.
                return
            except duckdb.Error as error:
                if attempt == 2 or not _is_damage(error):
                    raise _translated(error) from error
                self._start_over(error)

    def _fill_behind(self) -> None:
        with self._opening:
            if self._filler is None or not self._filler.is_alive():
                self._filler = threading.Thread(target=self._fill_to_end, name="analytics-fill", daemon=True)
                self._filler.start()

    def _fill_to_end(self) -> None:
        try:
            with self._filling:
                self._fill(None)
        except IonfluxError as error:
            log.warning("the charts could not be filled: %s", error)

    def _cursor(self) -> DuckDBPyConnection:
        with self._opening:
            if self._closed.is_set():
                raise Unavailable("IONFLUX is stopping.", hint="Start it again, then reload the page.")
            if self._root is None:
                self._root = self._open()
            return self._root.cursor()

    def _open(self) -> DuckDBPyConnection:
        import duckdb

        if self._path is not None:
            for _ in range(2):
                try:
                    return _connect(str(self._path))
                except duckdb.Error as error:
                    if "could not set lock" in str(error).lower():
                        return self._open_in_memory(_OTHER_PROCESS)
                    if not self._move_aside(error):
                        break
        return self._open_in_memory(_NO_FILE if self._path else "")

    def _open_in_memory(self, note: str) -> DuckDBPyConnection:
        if note:
            log.warning(note)
        self._place, self._note = "memory", note
        return _connect(":memory:")

    def _start_over(self, error: Exception) -> None:
        """Leave a damaged file behind; the next question opens a new one."""
        with self._opening:
            if self._root is not None:
                self._root.close()
                self._root = None
            if self._place == "file":
                self._move_aside(error)
            self._complete = False
            self._feed.forget()

    def _move_aside(self, error: Exception) -> bool:
        """Put the file where a person can look at it; only the newest such file is kept."""
        if self._path is None or not self._path.exists():
            return False
        aside = self._path.with_name(self._path.name + ".damaged")
        log.warning("the charts' file cannot be used; it is now %s and is filled anew: %s", aside.name, error)
        try:
            self._path.replace(aside)
            self._path.with_name(self._path.name + ".wal").unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _connect(place: str) -> DuckDBPyConnection:
    """An open cache with today's tables; duckdb.Error when the file is another's, damaged or of another shape."""
    import duckdb

    connection = duckdb.connect(place, config=_CONFIG)
    try:
        # Not among the options above: there it may come before temp_directory, which it then refuses.
        connection.execute(f"ATTACH ':memory:' AS {NOWHERE}")
        connection.execute("SET enable_external_access = false")
        connection.execute(TABLES)
        connection.execute("INSERT INTO meta VALUES ('schema', $1, '') ON CONFLICT DO NOTHING", [SCHEMA])
        row = connection.execute("SELECT number FROM meta WHERE name = 'schema'").fetchone()
        if row is None or row[0] != SCHEMA:
            raise duckdb.Error("written by another version")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _is_damage(error: Exception) -> bool:
    import duckdb

    broken = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException, duckdb.IOException)
    return isinstance(error, broken) or "corrupt" in str(error).lower()


def _translated(error: Exception) -> Unavailable:
    return Unavailable(
        f"The figures of the charts cannot be read: {str(error).splitlines()[0][:200]}",
        hint="Try again; if it stays so, stop IONFLUX and delete data/analytics.duckdb: it is filled anew.",
        code="analytics_unavailable",
    )
