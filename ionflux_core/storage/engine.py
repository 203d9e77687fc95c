"""The database: one writer, many readers, two durabilities, SQLite and PostgreSQL behind the same three calls."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic_core import PydanticSerializationError, from_json, to_json
from sqlalchemy import Connection as Connection
from sqlalchemy import Engine, Row, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool, StaticPool

from ionflux_core.errors import Conflict, Invalid, IonfluxError, Unavailable
from ionflux_core.storage import driver

T = TypeVar("T")
AnyRow = Row[*tuple[Any, ...]]

BUSY_SECONDS = 15
_MIGRATION_LOCK = 7_201_011


def change_stamp() -> int:
    """Microseconds since 1970 of this very write: the watermark by which the analytics cache finds changed rows.

    It follows the system's clock, not the replaceable one, so that replayed history still counts as new.
    """
    return time.time_ns() // 1000


def dump_json(value: Any) -> str:
    """JSON text as the database stores it."""
    return to_json(value, inf_nan_mode="null").decode()


@dataclass
class _Entry(Generic[T]):
    """One write that waits for the next durable commit."""

    work: Callable[[Connection], T]
    done: threading.Event = field(default_factory=threading.Event)
    result: T | None = None
    error: BaseException | None = None


class Database:
    """A handle on the run store.

    `read()` gives a connection for queries; `write(work)` runs `work(connection)` in one transaction and returns
    its answer; `write(work, durable=True)` returns only when the commit is on the disk. On SQLite all writes of a
    process go one after the other through one lock, and durable ones that arrive together share one commit.
    `glance()` is for one prepared query: without a transaction it costs a third of `read()`.
    """

    def __init__(self, url: str, *, all_durable: bool = False) -> None:
        self.url = url
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        self.all_durable = all_durable
        self._lock = threading.Lock()
        self._queue: list[_Entry[Any]] = []
        self._queue_lock = threading.Lock()
        self._writers: dict[bool, Connection] = {}
        self._glancing: deque[Connection] = deque()
        if self.is_sqlite:
            self._reading = _sqlite_engine(url, synchronous="NORMAL", reading=True)
            self._writing = {
                False: _sqlite_engine(url, synchronous="NORMAL"),
                True: _sqlite_engine(url, synchronous="FULL"),
            }
        else:
            engine = _postgres_engine(url)
            self._reading = engine
            self._writing = {False: engine, True: engine}

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded default."""
        return self.dialect == "sqlite"

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection beside which no other process migrates; the caller commits."""
        with _plain_errors(), self._lock, self._writing[True].connect() as connection:
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

    def settle(self) -> None:
        """Bring to the disk what was written without waiting for it; PostgreSQL has done so at each commit."""
        if self.is_sqlite and (path := make_url(self.url).database):
            try:
                with open(f"{path}-wal", "rb") as log:
                    os.fsync(log.fileno())
            except FileNotFoundError:
                return

    def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """What `work(connection)` returns, after its transaction is committed; nothing is kept when it raises."""
        with _plain_errors():
            if not self.is_sqlite:
                with self._writing[False].begin() as connection:
                    return work(connection)
            if durable or self.all_durable:
                return self._write_durably(work)
            with self._lock:
                return self._commit(False, work)

    def close(self) -> None:
        """Give back every connection."""
        with self._lock:
            for connection in self._writers.values():
                connection.close()
            self._writers.clear()
        while self._glancing:
            self._glancing.pop().close()
        self._reading.dispose()
        for engine in self._writing.values():
            engine.dispose()

    def _commit(self, durable: bool, work: Callable[[Connection], T]) -> T:
        connection = self._writers.get(durable)
        if connection is None:
            connection = self._writers[durable] = self._writing[durable].connect()
        driver.execute(connection, "BEGIN IMMEDIATE")
        try:
            result = work(connection)
            driver.execute(connection, "COMMIT")
            return result
        finally:
            if driver.in_transaction(connection):
                driver.execute(connection, "ROLLBACK")
            if connection.in_transaction():
                # The driver has nothing open any more; this ends SQLAlchemy's own idea of a transaction.
                connection.rollback()

    def _write_durably(self, work: Callable[[Connection], T]) -> T:
        """Group commit: the first to come commits everything that has gathered by the time the lock is free."""
        entry: _Entry[T] = _Entry(work)
        with self._queue_lock:
            leads = not self._queue
            self._queue.append(entry)
        if leads:
            with self._lock:
                with self._queue_lock:
                    batch, self._queue = self._queue, []
                self._commit_batch(batch)
        else:
            entry.done.wait()
        if entry.error is not None:
            raise entry.error
        return entry.result  # type: ignore[return-value]

    def _commit_batch(self, batch: list[_Entry[Any]]) -> None:
        try:
            self._commit(True, lambda connection: _run_each(connection, batch))
        except BaseException as error:
            for entry in batch:
                entry.error = entry.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for entry in batch:
                entry.done.set()


def _run_each(connection: Connection, batch: list[_Entry[Any]]) -> None:
    """Run every entry; one that fails is undone alone, so that it does not take its neighbours with it."""
    if len(batch) == 1:
        batch[0].result = batch[0].work(connection)
        return
    for entry in batch:
        try:
            driver.execute(connection, "SAVEPOINT entry")
            entry.result = entry.work(connection)
            driver.execute(connection, "RELEASE entry")
        except OperationalError:
            raise
        except Exception as error:
            # Whatever one caller's work raises is that caller's to see; the others' promises are kept.
            entry.error = error
            driver.execute(connection, "ROLLBACK TO entry")
            driver.execute(connection, "RELEASE entry")


def _sqlite_engine(url: str, *, synchronous: str, reading: bool = False) -> Engine:
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
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-8000",
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
