"""An answer as a file to keep: CSV or Parquet, with more rows than a screen shows and limits of its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final, Literal

from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.questions import NO_FILES, Given, Stored, limited, opened, with_small_values
from ionflux_core.limits import SQL_EXPORT_BYTES, SQL_EXPORT_ROWS, SQL_SECONDS

FileKind = Literal["csv", "parquet"]
_BATCH: Final = 500
_CELL_CHARS: Final = 100_000
# What a table calculator would compute instead of showing it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_file(
    cache: AnalyticsCache,
    workspace_id: str,
    sql: str,
    kind: FileKind,
    *,
    given: Mapping[str, Given],
    files: Mapping[str, Stored] = NO_FILES,
) -> bytes:
    """The answer to a SELECT as a file: at most SQL_EXPORT_ROWS rows and about SQL_EXPORT_BYTES bytes."""
    made = _parquet if kind == "parquet" else _csv
    with (
        opened(cache, workspace_id, sql, given=given, files=files) as (cursor, statement),
        limited(cursor, SQL_SECONDS * 2),
    ):
        return made(cursor, with_small_values(cursor, statement, {}, chars=_CELL_CHARS))


def _csv(cursor: Any, statement: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    answer = cursor.execute(statement)
    writer.writerow([_cell(column[0]) for column in answer.description])
    count = 0
    while count < SQL_EXPORT_ROWS and text.tell() < SQL_EXPORT_BYTES:
        rows = answer.fetchmany(min(_BATCH, SQL_EXPORT_ROWS - count))
        if not rows:
            break
        writer.writerows([_cell(value) for value in row] for row in rows)
        count += len(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _parquet(cursor: Any, statement: str) -> bytes:
    from pyarrow import parquet

    file, count = io.BytesIO(), 0
    batches = cursor.sql(f"SELECT * FROM (\n{statement.strip().rstrip(';')}\n) AS asked").to_arrow_reader(_BATCH)
    with parquet.ParquetWriter(file, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.slice(0, SQL_EXPORT_ROWS - count))
            count += batch.num_rows
            if count >= SQL_EXPORT_ROWS or file.tell() >= SQL_EXPORT_BYTES:
                break
    return file.getvalue()
