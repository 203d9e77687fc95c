"""Rows on their way into the cache: as plain values, appended, taken out, and the marks that say how far it came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = list[Any]


def plain(rows: Sequence[Any], **changed: Callable[[Any], Any]) -> list[Row]:
    """Rows as the cache keeps them: times (UTC already) without their zone, the named columns changed."""
    if not rows:
        return []
    names = rows[0]._fields
    changes = [(names.index(name), change) for name, change in changed.items()]
    changes += [(place, _naive) for place, name in enumerate(names) if name == "at" or name.endswith("_at")]
    made = [list(row) for row in rows]
    for place, change in changes:
        for row in made:
            row[place] = change(row[place])
    return made


def append(cursor: DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    """Add rows, their values in the order of the table's columns."""
    appender = cursor.appender(table)
    appender.append_rows(rows)
    appender.flush()


def delete_rows(cursor: DuckDBPyConnection, table: str, key: str, ids: Sequence[str]) -> bool:
    """Take the rows of these ids out; False when there were none."""
    # The range is for the zone maps: ids sort by time, so most of the table is not looked at.
    row = cursor.execute(
        f"DELETE FROM {table} WHERE {key} BETWEEN $2 AND $3 AND {key} IN (SELECT unnest($1::VARCHAR[]))",
        [list(ids), min(ids), max(ids)],
    ).fetchone()
    return row is not None and row[0] > 0


def mark_of(cursor: DuckDBPyConnection, source: str) -> tuple[int, str]:
    """How far a source has been read: a number, or a text where rows have none."""
    row = cursor.execute("SELECT number, text FROM meta WHERE name = $1", [f"watermark:{source}"]).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def keep_mark(cursor: DuckDBPyConnection, source: str, number: int, text: str = "") -> None:
    """Keep how far a source has been read."""
    cursor.execute("INSERT OR REPLACE INTO meta VALUES ($1, $2, $3)", [f"watermark:{source}", number, text])


def _naive(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=None)
