"""Writes that both databases spell alike here, compiled once: insert unless there, insert or replace, and hot ones.

Building and hashing a statement costs Python more than SQLite needs to carry it out, and a run writes a dozen of
them. So each is built once, and those without an answer go to the driver as the text they were compiled to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect, Table
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.compiler import SQLCompiler

from ionflux_core.storage import driver

Row = Mapping[str, Any]
_MANY = 2


class Compiled:
    """A statement without an answer, compiled once per dialect for a fixed set of parameters."""

    def __init__(self, build: Callable[[str], ClauseElement], names: Sequence[str]) -> None:
        self._build = build
        self._names = tuple(names)
        self._ready: dict[str, tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]] = {}

    def run(self, connection: Connection, values: Row) -> int:
        """Execute with these values; how many rows were touched."""
        dialect = connection.dialect
        ready = self._ready.get(dialect.name) or self._compile(dialect)
        text, binds = ready
        given = [process(values[name]) if process else values[name] for name, process in binds]
        if dialect.paramstyle == "qmark":
            return driver.execute(connection, text, tuple(given)).rowcount
        named = {name: value for (name, _), value in zip(binds, given, strict=True)}
        return connection.exec_driver_sql(text, named).rowcount

    def _compile(self, dialect: Dialect) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]:
        compiled = self._build(dialect.name).compile(dialect=dialect, column_keys=list(self._names))
        assert isinstance(compiled, SQLCompiler)
        processors = compiled._bind_processors
        names = compiled.positiontup if compiled.positional else list(compiled.binds)
        binds = [(name, _single(processors.get(name))) for name in names or []]
        unknown = set(self._names) - {name for name, _ in binds}
        if unknown:
            raise ValueError(f"columns that are not there: {', '.join(sorted(unknown))}")
        self._ready[dialect.name] = (str(compiled), binds)
        return self._ready[dialect.name]


def _single(processor: Any) -> Callable[[Any], Any] | None:
    return processor if callable(processor) else None


def _insert(dialect: str, table: Table) -> Any:
    return (sqlite_insert(table) if dialect == "sqlite" else postgres_insert(table)).inline()


@cache
def _insert_new(table: Table, names: tuple[str, ...]) -> Compiled:
    return Compiled(lambda dialect: _insert(dialect, table).on_conflict_do_nothing(), names)


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...], key: tuple[str, ...], keep: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    changed = [name for name in names if name not in (*key, *keep)]
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in changed}
    )


@cache
def _upsert_one(table: Table, names: tuple[str, ...], key: tuple[str, ...], keep: tuple[str, ...]) -> Compiled:
    return Compiled(lambda dialect: _upsert(dialect, table, names, key, keep), names)


def insert_new(connection: Connection, table: Table, row: Row) -> bool:
    """Insert one row unless it meets a unique key that is taken; True when it was inserted."""
    return _insert_new(table, tuple(row)).run(connection, row) == 1


def upsert(
    connection: Connection, table: Table, rows: Iterable[Row], *, key: Sequence[str], keep: Sequence[str] = ()
) -> int:
    """Insert rows, replacing those with the same key but for the columns in `keep`; how many were given."""
    batch = [dict(row) for row in rows]
    if not batch:
        return 0
    names = tuple(batch[0])
    if len(batch) < _MANY:
        _upsert_one(table, names, tuple(key), tuple(keep)).run(connection, batch[0])
    else:
        statement = _upsert(connection.dialect.name, table, names, tuple(key), tuple(keep))
        connection.execute(statement, batch)
    return len(batch)
