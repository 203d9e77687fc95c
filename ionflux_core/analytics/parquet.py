"""Small tables as Parquet files, written by a DuckDB of their own that sees nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ionflux_core.analytics.scope import naive_utc


def as_parquet(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A table as a Parquet file; a column has the type of its values, and is text where they differ."""
    import duckdb

    types = [_type([row[at] for row in rows]) for at in range(len(names))]
    with TemporaryDirectory(prefix="ionflux-") as folder, duckdb.connect(":memory:") as connection:
        target = Path(folder) / "table.parquet"
        columns = ", ".join(
            f'"{name.replace(chr(34), chr(34) * 2)}" {type}' for name, type in zip(names, types, strict=True)
        )
        connection.execute(f"CREATE TABLE shown ({columns})")
        if rows:
            places = ", ".join("?" for _ in names)
            values = [[_value(cell, type) for cell, type in zip(row, types, strict=True)] for row in rows]
            connection.executemany(f"INSERT INTO shown VALUES ({places})", values)
        connection.execute(f"COPY shown TO '{target}' (FORMAT parquet)")
        return target.read_bytes()


def _type(values: Sequence[Any]) -> str:
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return kinds.pop() if len(kinds) == 1 else "VARCHAR"


def _kind(value: Any) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "BOOLEAN"), (int, "BIGINT"), (float, "DOUBLE"), (datetime, "TIMESTAMP"), (date, "DATE"),
    )  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), "VARCHAR")


def _value(value: Any, type: str) -> Any:
    if isinstance(value, datetime) and value.tzinfo:
        return naive_utc(value)
    return str(value) if type == "VARCHAR" and value is not None else value
