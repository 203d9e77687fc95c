"""Two writes that both databases spell alike here: insert unless there, and insert or replace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

Row = Mapping[str, Any]


def _insert(connection: Connection, table: Table) -> Any:
    statement = sqlite_insert(table) if connection.dialect.name == "sqlite" else postgres_insert(table)
    return statement.inline()


def insert_new(connection: Connection, table: Table, row: Row) -> bool:
    """Insert one row unless it meets a unique key that is taken; True when it was inserted."""
    statement = _insert(connection, table).on_conflict_do_nothing()
    # Without the option the count of an INSERT is not kept on PostgreSQL.
    result = connection.execute(statement, dict(row), execution_options={"preserve_rowcount": True})
    return bool(result.rowcount == 1)


def upsert(
    connection: Connection, table: Table, rows: Iterable[Row], *, key: Sequence[str], keep: Sequence[str] = ()
) -> int:
    """Insert rows, replacing those with the same key but for the columns in `keep`; how many were given."""
    batch = [dict(row) for row in rows]
    if not batch:
        return 0
    statement = _insert(connection, table)
    changed = [name for name in batch[0] if name not in (*key, *keep)]
    statement = statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in changed}
    )
    connection.execute(statement, batch)
    return len(batch)
