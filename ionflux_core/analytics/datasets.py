"""Files that questions read: turned into Parquet in a small database of its own, and kept as tables of the cache.

What comes from outside is opened in a connection that may touch this one file, has little memory and little time. The
cache itself never opens a file for a question: a file's rows become a table of it under the file's hash.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ionflux_core.analytics import dataset_text
from ionflux_core.analytics.dataset_checks import check_columns, check_parquet, not_readable
from ionflux_core.analytics.dataset_text import RESERVED, Delimited, kind_of, names_for, plain_name
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.question_views import TABLES
from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.limits import (
    DATASET_ROWS,
    DATASET_SECONDS,
    DATASET_UNPACKED_BYTES,
    MIB,
    UPLOAD_BYTES,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": "1",
    "memory_limit": "256MB",
    "temp_directory": "",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
}
_LINE_BYTES: Final = 4 * MIB
_CSV: Final = (
    "read_csv($source, delim = $delimiter, quote = '\"', escape = '\"', header = true, sample_size = -1, "
    f"max_line_size = {_LINE_BYTES}, parallel = false)"
)
_PARQUET: Final = "read_parquet($source)"
_TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})
# One at a time, as questions are: memory is shared with the agents.
_turn = threading.Semaphore(1)
# A table is made by the first question that asks for it, and may be taken away by a person at that moment.
_holding = threading.Lock()


@dataclass(frozen=True, slots=True)
class Converted:
    """A file as Parquet, with its rows and its columns as [{name, type}]."""

    parquet: bytes
    rows: int
    columns: list[dict[str, str]]


def table_name(text: str) -> str:
    """A text as the name of a table that SQL takes without quotation marks and that hides none of ours."""
    name = plain_name(text) or "file"
    return f"{name}_file" if name in RESERVED or name in TABLES or name in _TABLE_FUNCTIONS else name


def converted(filename: str, data: bytes) -> Converted:
    """An uploaded CSV, TSV, Parquet or Excel file as Parquet; Invalid says what is wrong with it, and where."""
    if not data:
        raise Invalid("The file is empty.", hint="Choose another one.")
    if len(data) > UPLOAD_BYTES:
        raise LimitExceeded(f"The file is larger than {UPLOAD_BYTES // MIB} MiB.", hint="Split it into parts.")
    kind = kind_of(filename, data)
    with _turn, tempfile.TemporaryDirectory(prefix="ionflux-dataset-") as folder:
        source, target = Path(folder) / f"source.{kind}", Path(folder) / "target.parquet"
        parameters = {"source": str(source)}
        if kind == "parquet":
            check_parquet(data)
            source.write_bytes(data)
            return _converted(source, target, _PARQUET, parameters, None)
        text = dataset_text.of_excel(data) if kind == "xlsx" else dataset_text.of_csv(filename, data)
        source.write_text(text.text, encoding="utf-8", newline="")
        return _converted(source, target, _CSV, {**parameters, "delimiter": text.delimiter}, text)


def _converted(
    source: Path, target: Path, reader: str, parameters: dict[str, str], text: Delimited | None
) -> Converted:
    import duckdb

    try:
        with _bounded(source, target) as connection:
            columns = connection.execute(f"DESCRIBE SELECT * FROM {reader}", parameters).fetchall()
            check_columns(len(columns))
            raw = text.header if text else [str(name) for name, *_ in columns]
            names = names_for(raw)
            made = [_made(str(name), str(kind)) for name, kind, *_ in columns]
            _check_size(connection, reader, parameters, [str(name) for name, *_ in columns])
            listed = ", ".join(
                f"{expression} AS {quoted(name)}" for (expression, _), name in zip(made, names, strict=True)
            )
            copied = f"COPY (SELECT {listed} FROM {reader}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            [[rows]] = connection.execute(copied, parameters).fetchall()
            _check_rows(rows)
    except duckdb.InterruptException as error:
        raise LimitExceeded(
            f"Reading the file took longer than {DATASET_SECONDS} seconds.", hint="Split it into parts."
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise LimitExceeded("Reading the file takes more memory than there is.", hint="Split it into parts.") from error
    except duckdb.Error as error:
        raise not_readable(_reason(error)) from error
    kinds = [{"name": name, "type": kind} for name, (_, kind) in zip(names, made, strict=True)]
    return Converted(target.read_bytes(), int(rows), kinds)


def _reason(error: Exception) -> str:
    """Why the database cannot read a file, without the place where it lay meanwhile."""
    said = str(error)
    if "maximum line size" in said.lower():
        return f"A line of it is longer than {_LINE_BYTES // MIB} MiB."
    if "ionflux-dataset-" in (first := said.splitlines()[0][:200]):
        return "It is damaged, or its lines do not fit together."
    return first


@contextmanager
def _bounded(source: Path, target: Path) -> Iterator[DuckDBPyConnection]:
    """A database of its own that may read one file and write one."""
    import duckdb

    connection = duckdb.connect(":memory:", config=_CONFIG)
    timer = threading.Timer(DATASET_SECONDS, connection.interrupt)
    timer.daemon = True
    try:
        connection.execute(f"SET allowed_paths = ['{source}', '{target}']").fetchall()
        connection.execute("SET enable_external_access = false").fetchall()
        connection.execute("SET lock_configuration = true").fetchall()
        timer.start()
        yield connection
    finally:
        timer.cancel()
        connection.close()


def _check_size(connection: DuckDBPyConnection, reader: str, parameters: dict[str, str], columns: list[str]) -> None:
    """Refuse too many rows and too much text; a small file may unpack to a very large one."""
    [[rows]] = connection.execute(f"SELECT count(*) FROM {reader}", parameters).fetchall()
    _check_rows(rows)
    lengths = " + ".join(f"coalesce(sum(strlen({quoted(name)}::VARCHAR)), 0)" for name in columns)
    [[size]] = connection.execute(f"SELECT {lengths} FROM {reader}", parameters).fetchall()
    if size > DATASET_UNPACKED_BYTES:
        raise LimitExceeded(
            f"Unpacked, the file holds more than {DATASET_UNPACKED_BYTES // MIB} MiB.", hint="Split it into parts."
        )


def _check_rows(count: int) -> None:
    if count > DATASET_ROWS:
        raise LimitExceeded(
            f"The file has {count:,} rows; {DATASET_ROWS:,} are possible.", hint="Split it, or add it up first."
        )


_NUMBERS: Final = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER",
                   "USMALLINT", "UTINYINT")  # fmt: skip


def _made(name: str, kind: str) -> tuple[str, str]:
    """What a column becomes, and its type in our words; what few know how to ask becomes text."""
    column = quoted(name)
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "JSON", "UNION", "VARIANT")):
        return f"to_json({column})::VARCHAR", "json"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{column} AT TIME ZONE 'UTC'", "time"
    if kind.startswith("TIMESTAMP"):
        return f"{column}::TIMESTAMP", "time"
    if kind == "DATE":
        return column, "day"
    if kind == "BOOLEAN":
        return column, "boolean"
    if kind in ("HUGEINT", "UHUGEINT"):
        return f"{column}::DOUBLE", "number"
    return (column, "number") if kind.startswith(_NUMBERS) else (f"{column}::VARCHAR", "text")


def quoted(name: str) -> str:
    """A name as SQL writes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def held(cache: AnalyticsCache, sha256: str, path: Path) -> str:
    """The cache's table with a file's rows; filled from the Parquet file when the cache does not hold it yet."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise Invalid("There is no such file.", hint="Upload it again.")
    table = f"dataset_{sha256}"
    with _holding, cache.cursor() as cursor:
        known = cursor.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = $1", [table]).fetchall()
        if known[0][0]:
            return table
        cursor.register("incoming", _batches(path))
        cursor.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming").fetchall()
    return table


def _batches(path: Path) -> Any:
    """The rows of one of our own Parquet files, a part at a time."""
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except FileNotFoundError as error:
        raise Invalid("The file behind a table is not stored any more.", hint="Upload it again.") from error
    return pyarrow.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(batch_size=10_000))


def forget(cache: AnalyticsCache, sha256: str) -> None:
    """Take a file's rows out of the cache, once no workspace knows it."""
    if len(sha256) == 64 and sha256.isalnum():
        with _holding, cache.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS dataset_{sha256}").fetchall()
