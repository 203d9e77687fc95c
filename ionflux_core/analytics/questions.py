"""Questions in SQL about one workspace, read only: a person's query over the figures of the cache, within limits."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ionflux_core.analytics import datasets, question_errors, question_text
from ionflux_core.analytics.duck import NOWHERE, AnalyticsCache
from ionflux_core.analytics.question_views import BRANDS, INSTANCES, TABLES, VIEWS
from ionflux_core.errors import Invalid, IonfluxError, TooManyRequests
from ionflux_core.limits import CANVAS_OUTPUT_BYTES, SQL_ROWS, SQL_SECONDS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CELL_CHARS = 20_000
_VALUE_CHARS = 200_000
_PART = 500
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
# One at a time: the cache lives in the process that executes agents, and its memory is shared with the charts.
_turn = threading.Semaphore(1)

Given = Iterable[Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that a question may read as a table: its content's hash, and where it lies."""

    sha256: str
    path: Path


NO_FILES: Final[Mapping[str, Stored]] = MappingProxyType({})


def ask(
    cache: AnalyticsCache,
    workspace_id: str,
    sql: str,
    *,
    rows: int = SQL_ROWS,
    parameters: Mapping[str, Any] | None = None,
    instances: Given = (),
    brands: Given = (),
    files: Mapping[str, Stored] = NO_FILES,
    seconds: float = SQL_SECONDS,
) -> dict[str, Any]:
    """The answer to a SELECT: {columns: [{name, type}], rows: [[...]], truncated, seconds}, as plain JSON values.

    It sees the rows of one workspace, nothing outside, and has `seconds` to answer. `parameters` are the values of
    its `$names`, `files` the workspace's own by the name that SQL knows. Invalid: the query is refused or wrong;
    LimitExceeded: too long or too large.
    """
    given = {INSTANCES: instances, BRANDS: brands}
    with opened(cache, workspace_id, sql, given=given, files=files, seconds=seconds) as (cursor, statement):
        return _answer(cursor, statement, dict(parameters or {}), max(1, min(rows, SQL_ROWS)), seconds)


@contextmanager
def opened(
    cache: AnalyticsCache,
    workspace_id: str,
    sql: str,
    *,
    given: Mapping[str, Given],
    files: Mapping[str, Stored] = NO_FILES,
    seconds: float = SQL_SECONDS,
) -> Iterator[tuple[DuckDBPyConnection, str]]:
    """A connection that sees what one question may see, and the checked statement; errors of both are in words."""
    import duckdb

    if not _ID.fullmatch(workspace_id):
        raise Invalid("This is no workspace.", hint="Reload the page.")
    tables, begin = [*TABLES, *(name for name in files if name not in TABLES)], 0
    with _my_turn(seconds), _recovering(cache):
        cursor = cache.cursor()
        try:
            cursor.execute("SET errors_as_json = true").fetchall()
            found = question_text.checked(cursor, sql, tables)
            begin = found.begin
            _make_views(cache, cursor, workspace_id, found.tables, given, files)
            yield cursor, found.sql
        except duckdb.Error as error:
            raise question_errors.translated(error, seconds, tables, sql, begin) from error
        finally:
            cursor.close()


@contextmanager
def _recovering(cache: AnalyticsCache) -> Iterator[None]:
    """The next one's question is answered, whatever this one has done to the database."""
    try:
        yield
    except IonfluxError as error:
        if isinstance(error.__cause__, Exception):
            cache.recover(error.__cause__)
        raise


@contextmanager
def _my_turn(seconds: float) -> Iterator[None]:
    if not _turn.acquire(timeout=seconds):
        raise TooManyRequests("Other questions are being answered.", hint="Ask again in a moment.", retry_after=5)
    try:
        yield
    finally:
        _turn.release()


def _make_views(
    cache: AnalyticsCache,
    cursor: DuckDBPyConnection,
    workspace_id: str,
    used: frozenset[str],
    given: Mapping[str, Given],
    files: Mapping[str, Stored],
) -> None:
    """Make what the question reads, in this connection alone."""
    row = cursor.execute("SELECT current_catalog()").fetchall()[0]
    place = f'"{row[0]}".main'
    for name in sorted(used):
        if name not in VIEWS:
            table = datasets.held(cache, files[name].sha256, files[name].path)
            cursor.execute(f'CREATE TEMP VIEW "{name}" AS SELECT * FROM {place}."{table}"').fetchall()
        elif VIEWS[name].source:
            cursor.execute(f"CREATE TEMP VIEW {name} AS {VIEWS[name].sql(place, workspace_id)}").fetchall()
        else:
            _make_given(cursor, name, given.get(name, ()))
    # Whatever a text may get past the look at it: the cache's own tables have no bare names from here on.
    cursor.execute(f"USE {NOWHERE}").fetchall()


def _make_given(cursor: DuckDBPyConnection, name: str, given: Given) -> None:
    """A table of rows that are handed in."""
    columns = ", ".join(f"{column} VARCHAR" for column, _ in TABLES[name])
    cursor.execute(f"CREATE TEMP TABLE {name} ({columns})").fetchall()
    rows = [list(row) for row in given]
    if rows:
        marks = ", ".join(f"${number}" for number, _ in enumerate(TABLES[name], 1))
        cursor.executemany(f"INSERT INTO temp.{name} VALUES ({marks})", rows).fetchall()


@contextmanager
def limited(cursor: DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Whatever the connection does inside ends after so many seconds."""
    timer = threading.Timer(seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _answer(
    cursor: DuckDBPyConnection, statement: str, parameters: dict[str, Any], rows: int, seconds: float
) -> dict[str, Any]:
    began = time.monotonic()
    with limited(cursor, seconds):
        answer = cursor.execute(with_small_values(cursor, statement, parameters), parameters)
        columns = [{"name": str(name), "type": type_of(kind)} for name, kind, *_ in answer.description or ()]
        found, more = _fetched(answer, rows)
    took = round(time.monotonic() - began, 3)
    return {"columns": columns, "rows": found, "truncated": more, "seconds": took}


def with_small_values(
    cursor: DuckDBPyConnection, statement: str, parameters: dict[str, Any], *, chars: int = _CELL_CHARS
) -> str:
    """The statement with its texts cut, and ending with an error where a list is too large to become Python's."""
    import duckdb

    try:
        described = cursor.execute(f"DESCRIBE {statement}", parameters).fetchall()
    except duckdb.BinderException:
        # It says so itself when it runs, and then at the right place.
        return statement
    names, kinds = [str(row[0]) for row in described], [str(row[1]) for row in described]
    columns = [_small(f"c{at}", kind, chars) for at, kind in enumerate(kinds)]
    if all(column == f"c{at}" for at, column in enumerate(columns)):
        return statement
    named = ", ".join(f"{column} AS {datasets.quoted(name)}" for column, name in zip(columns, names, strict=True))
    places = ", ".join(f"c{at}" for at, _ in enumerate(names))
    return f"SELECT {named} FROM (\n{statement.strip().rstrip(';')}\n) AS asked({places})"


def _small(column: str, kind: str, chars: int) -> str:
    if kind == "VARCHAR":
        return f"left({column}, {chars})"
    if type_of(kind) != "json":
        return column
    too_large = f"strlen({column}::VARCHAR) > {_VALUE_CHARS}"
    return f"CASE WHEN {too_large} THEN error('{question_errors.TOO_LARGE}') ELSE {column} END"


def _fetched(answer: DuckDBPyConnection, rows: int) -> tuple[list[list[Any]], bool]:
    """As many rows as were wanted and as a block may keep, and whether there were more."""
    found: list[list[Any]] = []
    room = CANVAS_OUTPUT_BYTES * 3 // 4
    while part := answer.fetchmany(_PART):
        for row in part:
            values = [_plain(value) for value in row]
            room -= len(json.dumps(values, ensure_ascii=False).encode()) + 2
            if len(found) == rows or room < 0:
                return found, True
            found.append(values)
    return found, False


def _plain(value: Any, depth: int = 0) -> Any:
    """A value of the database as JSON knows it; times as ISO text in UTC."""
    if value is None or isinstance(value, bool | int):
        # What a browser would round is kept exactly, as text.
        return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, str):
        return value[:_CELL_CHARS]
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, date | clock_time):
        return value.isoformat()
    if isinstance(value, Mapping) and depth < 8:
        return {str(key)[:200]: _plain(item, depth + 1) for key, item in list(value.items())[:1000]}
    if isinstance(value, Sequence) and not isinstance(value, bytes) and depth < 8:
        return [_plain(item, depth + 1) for item in value[:1000]]
    return str(value)[:_CELL_CHARS]


def type_of(kind: Any) -> str:
    """A column's type in one of our words."""
    name = str(kind).upper()
    # First, because a list of numbers has a number in its name.
    if name.startswith(("STRUCT", "MAP", "JSON", "UNION")) or name.endswith("]"):
        return "json"
    if name.startswith(("DECIMAL", "HUGEINT", "UHUGEINT")) or "INT" in name or name in ("DOUBLE", "FLOAT", "NUMBER"):
        return "number"
    if name.startswith(("TIME", "DATE")):
        return "day" if name == "DATE" else "time"
    if name == "BOOLEAN":
        return "boolean"
    return "text"
