"""Writes that both databases spell alike here: insert unless there, insert or replace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from ionflux_core.storage.statements import Row, Write


def _insert(dialect: str, table: Table) -> Any:
    return (sqlite_insert(table) if dialect == "sqlite" else postgres_insert(table)).inline()


@cache
def _insert_new(table: Table, names: tuple[str, ...]) -> Write:
    return Write(lambda dialect: _insert(dialect, table).on_conflict_do_nothing(), names)


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...], key: tuple[str, ...], keep: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    changed = [name for name in names if name not in (*key, *keep)]
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in changed}
    )


@cache
def _upsert_one(table: Table, names: tuple[str, ...], key: tuple[str, ...], keep: tuple[str, ...]) -> Write:
    return Write(lambda dialect: _upsert(dialect, table, names, key, keep), names)


def insert_new(connection: Connection, table: Table, row: Row) -> bool:
    """Insert one row unless it meets a unique key that is taken; True when it was inserted."""
    return _insert_new(table, tuple(row)).run(connection, row) == 1


def insert_absent(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, leaving out those that meet a unique key that is taken."""
    if rows:
        statement = _insert(connection.dialect.name, table).on_conflict_do_nothing()
        connection.execute(statement, [dict(row) for row in rows])


def upsert(
    connection: Connection, table: Table, rows: Iterable[Row], *, key: Sequence[str], keep: Sequence[str] = ()
) -> int:
    """Insert rows, replacing those with the same key but for the columns in `keep`; how many were given."""
    batch = [dict(row) for row in rows]
    if not batch:
        return 0
    names = tuple(batch[0])
    if len(batch) == 1:
        _upsert_one(table, names, tuple(key), tuple(keep)).run(connection, batch[0])
    else:
        statement = _upsert(connection.dialect.name, table, names, tuple(key), tuple(keep))
        connection.execute(statement, batch)
    return len(batch)
