"""Statements compiled once: building and hashing one costs Python more than SQLite needs to carry it out.

A run reads and writes a dozen rows. So each statement of its way is built once per dialect, and on SQLite it goes to
the driver as the text it was compiled to; PostgreSQL's time lies elsewhere and takes the ordinary path.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from ionflux_core.storage import driver
from ionflux_core.storage.engine import AnyRow

Row = Mapping[str, Any]
_Processor = Callable[[Any], Any]
_Binds = list[tuple[str, _Processor | None]]


class Write:
    """A statement without an answer, for a fixed set of parameters."""

    def __init__(self, build: Callable[[str], ClauseElement], names: Sequence[str]) -> None:
        self._build = build
        self._names = tuple(names)
        self._ready: dict[str, tuple[str, _Binds]] = {}

    def run(self, connection: Connection, values: Row) -> int:
        """Execute with these values; how many rows were touched."""
        dialect = connection.dialect
        text, binds = self._ready.get(dialect.name) or self._compile(dialect)
        given = [process(values[name]) if process else values[name] for name, process in binds]
        if dialect.paramstyle == "qmark":
            return driver.execute(connection, text, tuple(given)).rowcount
        named = {name: value for (name, _), value in zip(binds, given, strict=True)}
        return connection.exec_driver_sql(text, named).rowcount

    def _compile(self, dialect: Dialect) -> tuple[str, _Binds]:
        compiled = self._build(dialect.name).compile(dialect=dialect, column_keys=list(self._names))
        assert isinstance(compiled, SQLCompiler)
        binds = _binds_of(compiled)
        unknown = set(self._names) - {name for name, _ in binds}
        if unknown:
            raise ValueError(f"columns that are not there: {', '.join(sorted(unknown))}")
        self._ready[dialect.name] = (str(compiled), binds)
        return self._ready[dialect.name]


class Query:
    """A statement with an answer: a select, or a write that returns rows. Lists of values (IN) are not for it."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._ready: _Ready | None = None

    def rows(self, connection: Connection, values: Row) -> list[AnyRow]:
        """Every row; its columns are attributes, in the types of the tables."""
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._statement, values))
        ready = self._ready or self._compile(connection.dialect)
        found = driver.execute(connection, ready.text, ready.given(values)).fetchall()
        return [cast(AnyRow, ready.row(raw)) for raw in found]

    def first(self, connection: Connection, values: Row) -> AnyRow | None:
        """The first row, or None."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def value(self, connection: Connection, values: Row) -> Any:
        """The first column of the first row, or None."""
        row = self.first(connection, values)
        return None if row is None else row[0]

    def _compile(self, dialect: Dialect) -> _Ready:
        compiled = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self._ready = _Ready(compiled, dialect)
        return self._ready


class _Ready:
    """What a query became for SQLite: text, how its values go in, and how its rows come out."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text = str(compiled)
        self._binds = _binds_of(compiled)
        self._fixed = dict(compiled.params)
        columns = compiled._result_columns
        self._shape = cast(Any, namedtuple)("Row", [column.keyname for column in columns], rename=True)
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._processed = [(place, processor) for place, processor in enumerate(processors) if processor]

    def given(self, values: Row) -> tuple[Any, ...]:
        """The values in the order of their places; what the statement itself fixed needs none."""
        pairs = [(values[name] if name in values else self._fixed[name], process) for name, process in self._binds]
        return tuple(process(value) if process else value for value, process in pairs)

    def row(self, raw: tuple[Any, ...]) -> Any:
        """One row of the driver in the types of its columns."""
        if not self._processed:
            return self._shape._make(raw)
        cells = list(raw)
        for place, processor in self._processed:
            cells[place] = processor(cells[place])
        return self._shape._make(cells)


def _binds_of(compiled: SQLCompiler) -> _Binds:
    processors = compiled._bind_processors
    names = compiled.positiontup if compiled.positional else list(compiled.binds)
    found = [(name, processors.get(name)) for name in names or []]
    return [(name, cast(_Processor, processor) if callable(processor) else None) for name, processor in found]
