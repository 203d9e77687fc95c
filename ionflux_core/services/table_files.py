"""Tables as files to take away: CSV for spreadsheets, Parquet for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from ionflux_core.analytics import parquet

_FORMULA: Final = tuple("=+-@\t\r")


def as_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A table as CSV; a text that a spreadsheet would read as a formula is marked as text."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([_as_text(name) for name in names])
    writer.writerows([[_as_text(cell) for cell in row] for row in rows])
    return written.getvalue().encode("utf-8-sig")


def as_parquet(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A table as a Parquet file."""
    return parquet.as_parquet(_told_apart(names), rows)


def _as_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, each once: two agents may be called alike but for capital letters."""
    found: list[str] = []
    seen: set[str] = set()
    for name in names:
        number, own = 1, name or "column"
        while own.casefold() in seen:
            number += 1
            own = f"{name or 'column'} {number}"
        seen.add(own.casefold())
        found.append(own)
    return found
