"""CSV as rows of plain maps."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Final

from ionflux_core.errors import Invalid
from ionflux_core.limits import TRANSFORM_ITEMS
from ionflux_core.transforms.base import unfit

_CANDIDATES: Final = (",", ";", "\t", "|")
_COLUMNS: Final = 500
_QUOTED = re.compile(r'"[^"]*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")


def read(text: str, delimiter: str, *, header: bool, numbers: bool) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns and rows of a table; Invalid names the line that has too many cells."""
    text = text.removeprefix("\ufeff")
    chosen = guessed(text) if delimiter == "auto" else delimiter
    lines = _lines(text, chosen)
    _, first = next(lines, (0, []))
    if not first:
        return [], []
    columns = _named(first) if header else [f"column_{at}" for at in range(1, len(first) + 1)]
    rows = [] if header else [_row(columns, first, numbers)]
    for number, cells in lines:
        if len(cells) > len(columns):
            raise unfit("text", f"Line {number} has {len(cells)} cells, and there are {len(columns)} columns.",
                        "Look at its quotes, or choose another delimiter.")  # fmt: skip
        if len(rows) >= TRANSFORM_ITEMS:
            raise unfit("text", f"The table has more than {TRANSFORM_ITEMS:,} rows.", "Read it in parts.")
        rows.append(_row(columns, cells, numbers))
    return columns, rows


def guessed(text: str) -> str:
    """What stands between the cells: the candidate that is in the first line most often, outside of quotes."""
    first = _QUOTED.sub("", text.lstrip("\r\n").partition("\n")[0])
    return max(_CANDIDATES, key=lambda each: (first.count(each), -_CANDIDATES.index(each)))


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold anything, with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if len(cells) > _COLUMNS:
                raise unfit("text", f"Line {reader.line_num} has more than {_COLUMNS} cells.", "Choose the delimiter.")
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        said = str(error).rstrip(".")
        raise Invalid(f"The table cannot be read at line {reader.line_num}: {said}.",
                      hint="Look at its quotes.") from error  # fmt: skip


def _named(cells: list[str]) -> list[str]:
    """The names of the columns, each there once."""
    names: list[str] = []
    taken: set[str] = set()
    for at, cell in enumerate(cells, 1):
        name = wanted = cell.strip() or f"column_{at}"
        count = 1
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        taken.add(name)
        names.append(name)
    return names


def _row(columns: list[str], cells: list[str], numbers: bool) -> dict[str, Any]:
    filled = [*cells, *([""] * (len(columns) - len(cells)))]
    return dict(zip(columns, map(_number, filled) if numbers else filled, strict=True))


def _number(cell: str) -> Any:
    if not _NUMBER.fullmatch(cell):
        return cell
    return float(cell) if "." in cell else int(cell)
