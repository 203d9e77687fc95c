"""The database: one writer, many readers, two durabilities, SQLite and PostgreSQL behind the same three calls."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, from_json, to_json
from sqlalchemy import Connection as Connection
from sqlalchemy import Engine, Row, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool, StaticPool

from ionflux_core.errors import Conflict, Invalid, IonfluxError, Unavailable
from ionflux_core.storage import driver

T = TypeVar("T")
AnyRow = Row[*tuple[Any, ...]]

BUSY_SECONDS = 15
_MIGRATION_LOCK = 7_201_011
# So many pages of the write-ahead log (32 MB) make a writer stop and take them over, when nobody has done so beside it.
_LOG_PAGES = 8000
_CARRIED_COMMITS = 200


def change_stamp() -> int:
    """Microseconds since 1970 of this very write: the watermark by which the analytics cache finds changed rows.

    It follows the system's clock, not the replaceable one, so that replayed history still counts as new.
    """
    return time.time_ns() // 1000


def dump_json(value: Any) -> str:
    """JSON text as the database stores it."""
    return to_json(value, inf_nan_mode="null").decode()


class Database:
    """A handle on the run store.

    `read()` gives a connection for queries; `write(work)` runs `work(connection)` in one transaction and returns
    its answer; `write(work, durable=True)` returns only when the commit is on the disk. On SQLite all writes of a
    process go one after the other through one lock, and those that must reach the disk share the wait for it.
    `write_each(works)` is for works that have come together: on SQLite they share the transaction, too.
    `glance()` is for one prepared query: without a transaction it costs a third of `read()`.
    """

    def __init__(self, url: str, *, all_durable: bool = False) -> None:
        self.url = url
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        self.all_durable = all_durable
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._commits = 0
        self._synced = 0
        self._carried = 0
        self._writer: Connection | None = None
        self._glancing: deque[Connection] = deque()
        if self.is_sqlite:
            self._log = Path(f"{parsed.database}-wal")
            self._reading = _sqlite_engine(url, reading=True)
            self._writing = _sqlite_engine(url)
        else:
            self._reading = self._writing = _postgres_engine(url)

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded default."""
        return self.dialect == "sqlite"

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection beside which no other process migrates; the caller commits."""
        with _plain_errors(), self._lock, self._writing.connect() as connection:
            if self.is_sqlite:
                driver.execute(connection, "BEGIN IMMEDIATE")
            else:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries that sees one consistent state."""
        with _plain_errors(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """A connection for one single query; two of them may see two states."""
        if not self.is_sqlite:
            with self.read() as connection:
                yield connection
            return
        with _plain_errors():
            try:
                connection = self._glancing.pop()
            except IndexError:
                connection = self._reading.connect()
            try:
                yield connection
            finally:
                if connection.in_transaction():
                    connection.rollback()
                self._glancing.append(connection)

    @contextmanager
    def between_writes(self) -> Iterator[Connection]:
        """SQLite's own connection for writing, in no transaction, while no other write of this process goes on."""
        with _plain_errors(), self._lock:
            connection = self._writer = self._writer or self._writing.connect()
            yield connection
            if connection.in_transaction():
                connection.rollback()

    def settle(self) -> None:
        """Bring to the disk whatever is committed by now; PostgreSQL has done so at each commit.

        A commit lies in SQLite's write-ahead log, and a sync of that file is all that `synchronous=FULL` adds to it.
        It is made without the writers' lock, and one serves all who have come before it began.
        """
        if not self.is_sqlite:
            return
        wanted = self._commits
        with self._syncing:
            if self._synced < wanted:
                reached = self._commits
                self._sync_log()
                self._synced = reached

    def carry_over(self) -> None:
        """Take SQLite's write-ahead log over into the database file when it has grown.

        A writer who meets a long log does this himself, and all others wait for him; here nobody waits.
        """
        if self.is_sqlite and self._commits - self._carried >= _CARRIED_COMMITS:
            self._carried = self._commits
            with self.glance() as connection:
                driver.execute(connection, "PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _sync_log(self) -> None:
        try:
            # Not by `open`: a file object costs more than the call it is for.
            log = os.open(self._log, os.O_RDONLY)
            try:
                os.fsync(log)
            finally:
                os.close(log)
        except FileNotFoundError:
            # No log: everything is in the database file, which SQLite itself has synced.
            return
        except OSError as error:
            raise Unavailable(
                f"The disk did not take the write: {error.strerror}.",
                hint="Check the disk's health and free space, then try again.",
                code="database_unavailable",
            ) from error

    def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """What `work(connection)` returns, after its transaction is committed; nothing is kept when it raises."""
        with _plain_errors():
            if not self.is_sqlite:
                with self._writing.begin() as connection:
                    return work(connection)
            with self._lock:
                result = self._commit(work)
            if durable or self.all_durable:
                self.settle()
            return result

    def write_each(self, works: Sequence[Callable[[Connection], T]], *, durable: bool = False) -> list[T | Exception]:
        """What each work returns or raises, as if they were written one after the other; nobody's error is another's.

        On SQLite they share one transaction. When one raises, it is undone for all and each is done alone: a work may
        be called twice. Unavailable is what the database or its disk said, and is said to all.
        """
        if self.is_sqlite and len(works) > 1:
            try:
                return self.write(lambda connection: [work(connection) for work in works], durable=durable)
            except Unavailable:
                raise
            except Exception:
                # Whose it was shows when each is alone.
                pass
        outcomes = [self._outcome(work) for work in works]
        if durable:
            self.settle()
        return outcomes

    def _outcome(self, work: Callable[[Connection], T]) -> T | Exception:
        try:
            return self.write(work)
        except Exception as error:
            return error

    def close(self) -> None:
        """Give back every connection."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        while self._glancing:
            self._glancing.pop().close()
        self._reading.dispose()
        self._writing.dispose()

    def _commit(self, work: Callable[[Connection], T]) -> T:
        connection = self._writer = self._writer or self._writing.connect()
        driver.execute(connection, "BEGIN IMMEDIATE")
        try:
            result = work(connection)
            driver.execute(connection, "COMMIT")
            self._commits += 1
            return result
        finally:
            if driver.in_transaction(connection):
                driver.execute(connection, "ROLLBACK")
            if connection.in_transaction():
                # The driver has nothing open any more; this ends SQLAlchemy's own idea of a transaction.
                connection.rollback()


def _sqlite_engine(url: str, *, reading: bool = False) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS, "cached_statements": 256},
        poolclass=QueuePool if reading else StaticPool,
        hide_parameters=True,
        json_serializer=dump_json,
        json_deserializer=from_json,
        **({"pool_size": 16, "max_overflow": 32} if reading else {}),
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _: Any) -> None:
        # The driver's own transaction handling is off: BEGIN is ours, so that a writer takes its lock at once
        # and never fails half-way with "database is locked".
        dbapi_connection.isolation_level = None
        if dbapi_connection.execute("PRAGMA page_count").fetchone() == (0,):
            # Only a new file takes it, before anything is written: what is freed can be given back to the disk.
            dbapi_connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        for pragma in (
            "journal_mode=WAL",
            # A commit is safe from a crash of the process; `settle` makes it safe from a loss of power.
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-8000",
            f"wal_autocheckpoint={_LOG_PAGES}",
            f"query_only={'ON' if reading else 'OFF'}",
        ):
            dbapi_connection.execute(f"PRAGMA {pragma}")

    if reading:

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            driver.execute(connection, "BEGIN")

    return engine


def _postgres_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=16,
        max_overflow=16,
        hide_parameters=True,
        json_serializer=_dump_jsonb,
        json_deserializer=from_json,
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _: Any) -> None:
        from psycopg.types.string import StrDumper

        class WithoutNul(StrDumper):
            """Text of PostgreSQL cannot hold the character NUL, what comes from outside can."""

            def dump(self, obj: str) -> Any:
                """The text with a replacement sign for every NUL."""
                return super().dump(obj.replace("\0", _NUL_SHOWN))

        dbapi_connection.adapters.register_dumper(str, WithoutNul)

    return engine


_NUL_SHOWN = "\ufffd"


def _dump_jsonb(value: Any) -> str:
    """JSON text as PostgreSQL takes it: JSONB has no NUL either."""
    dumped = dump_json(value)
    return dump_json(_without_nul(from_json(dumped))) if "\\u0000" in dumped else dumped


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", _NUL_SHOWN)
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what the driver says about the disk, the file, the server or a value into a sentence with a next step."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(
            "The database is busy: every connection is in use.", hint="Try again.", code="database_unavailable"
        ) from error
    except StatementError as error:
        raise _translated(error) from error
    except (UnicodeEncodeError, OverflowError, PydanticSerializationError) as error:
        raise _unstorable(error) from error


_SENTENCES = (
    ("database is locked", "The database is busy.", "Close other programs that have it open, then try again."),
    ("disk is full", "The disk is full.", "Free some space, then try again; nothing was half-written."),
    ("readonly", "The data folder cannot be written.", "Check its permissions, or set IONFLUX_DATA_DIR."),
    ("unable to open", "The database cannot be opened.", "Check that the data folder exists and can be written."),
    ("disk i/o error", "The disk did not take the write.", "Check the disk's health and free space."),
    ("malformed", "The database file is damaged.", "Stop IONFLUX and restore the newest backup: ionflux restore FILE."),
    (
        "not a database",
        "The database file is damaged.",
        "Stop IONFLUX and restore the newest backup: ionflux restore FILE.",
    ),
    ("no such table", "The database has no tables yet.", "Run: ionflux migrate."),
    ('" does not exist', "The database lacks a table.", "Run: ionflux migrate."),
)


def _translated(error: StatementError) -> IonfluxError:
    said = str(error.orig).lower()
    for sign, message, hint in _SENTENCES:
        if sign in said:
            return Unavailable(message, hint=hint, code="database_unavailable")
    if isinstance(error, IntegrityError):
        return Conflict(
            "The database refuses this: a name is taken, a value is missing, or what it belongs to is gone.",
            hint="Reload and try again.",
            code="database_refused",
        )
    if isinstance(error, DataError) or not isinstance(error, DBAPIError):
        return _unstorable(error.orig)
    return Unavailable(
        "The database does not answer.", hint="Check IONFLUX_DATABASE_URL and that its server runs.",
        code="database_unavailable",
    )  # fmt: skip


def _unstorable(error: BaseException | None) -> Invalid:
    return Invalid(
        f"A value cannot be stored: {str(error).splitlines()[0][:200]}.",
        hint="Shorten it, or leave out what is no plain text or number.",
        code="unstorable_value",
    )
