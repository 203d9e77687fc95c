"""What stands in an uploaded file, looked at before any database sees it: its kind, its text, its lines, its names."""

from __future__ import annotations

import csv
import io
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from ionflux_core.analytics.dataset_checks import check_columns, check_workbook, not_readable
from ionflux_core.errors import Invalid, LimitExceeded, Problem
from ionflux_core.limits import (
    DATASET_COLUMNS,
    DATASET_ROWS,
    DATASET_SECONDS,
    DATASET_UNPACKED_BYTES,
    MIB,
)

Kind = Literal["csv", "parquet", "xlsx"]
_DELIMITERS: Final = (",", ";", "\t", "|")
_NAME_CHARS: Final = 60
_CELL_CHARS: Final = 128 * 1024
# Empty ones, too: so many a sheet can have.
_SHEET_ROWS: Final = 1_048_576
# Words that SQL keeps for itself; a test compares them with the database's own list.
_RESERVED_WORDS: Final = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    default deferrable desc describe distinct do else end except false fetch for foreign from group having in
    initially intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer
    pivot_wider placing primary qualify references returning select show some summarize symmetric table then to
    trailing true union unique unpivot using variadic when where window with
    anti asof at between by cross freeze full glob ilike inner is isnull join left like natural notnull outer overlaps
    positional right row semi similar tablesample values
"""
RESERVED: Final = frozenset(_RESERVED_WORDS.split())


@dataclass(frozen=True, slots=True)
class Delimited:
    """A checked text of lines with the same number of values each."""

    text: str
    delimiter: str
    header: list[str]


def kind_of(filename: str, data: bytes) -> Kind:
    """What a file is by its first bytes, whatever it is called."""
    if data[:4] in (b"PAR1", b"PARE"):
        return "parquet"
    if data[:4] == b"PK\x03\x04":
        return "xlsx"
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Invalid("This is an Excel file of the old kind, or one with a password.", hint="Save it as .xlsx first.")
    if filename.lower().endswith((".parquet", ".xlsx", ".xlsm")):
        raise not_readable("Its name says what it is not.")
    if b"\x00" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise not_readable("It is no text.")
    return "csv"


def _wrong(message: str, line: int, column: int = 0) -> Invalid:
    where = f"Line {line:,}" + (f", column {column}" if column else "")
    return Invalid(
        f"{where}: {message}",
        hint="Mend the line in the file, or save it again as CSV from where it came.",
        code="file_not_readable",
        problems=(Problem(message, line=line, column=column),),
    )


def of_csv(filename: str, data: bytes) -> Delimited:
    """The text of a CSV or TSV file with its separator found out; Invalid names the line that does not fit."""
    text = _decoded(data)
    delimiter = _delimiter(filename, text)
    header: list[str] | None = None
    for number, (line, values) in enumerate(_lines(text, delimiter)):
        if header is None:
            header = values
            check_columns(len(header))
        elif len(values) != len(header):
            raise _wrong(f"it has {_values(len(values))}, the first line has {len(header)}.", line)
        if number > DATASET_ROWS:
            raise _too_many_rows()
    if header is None:
        raise Invalid("The file holds no line.", hint="The first line names the columns.")
    return Delimited(text, delimiter, header)


def _values(count: int) -> str:
    return f"{count:,} value{'' if count == 1 else 's'}"


def _decoded(data: bytes) -> str:
    """Text in UTF-8 or UTF-16, else in the alphabet of western Windows, in which every byte is a letter."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    at = text.find("\x00")
    if at >= 0:
        raise _wrong("it holds a NUL character.", text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    # The database takes one kind of line end in a file; tools that put files together leave several.
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _delimiter(filename: str, text: str) -> str:
    """What separates most values in the first line; commas, where none does."""
    first = next((line for line in text[: 4 * MIB].splitlines() if line.strip()), "")
    if filename.lower().endswith((".tsv", ".tab")) and "\t" in first:
        return "\t"
    outside = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=lambda each: (outside.count(each), -_DELIMITERS.index(each)))


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not empty, with the number of its first line in the file."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    deadline = time.monotonic() + DATASET_SECONDS
    while True:
        begin = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _wrong(_spoken(str(error)), begin) from error
        if begin % 4096 == 0 and time.monotonic() > deadline:
            raise LimitExceeded(f"Reading the file took longer than {DATASET_SECONDS} seconds.", hint="Split it.")
        if values:
            yield begin, values


def _spoken(error: str) -> str:
    if "end of data" in error:
        return "a quotation mark is opened here and never closed."
    if "expected after" in error:
        return "after a closing quotation mark comes neither a separator nor the end of the line."
    if "field larger" in error:
        return f"a value is longer than {_CELL_CHARS:,} characters; perhaps a quotation mark is not closed."
    return f"{error}."


def _too_many_rows() -> LimitExceeded:
    return LimitExceeded(f"The file has more than {DATASET_ROWS:,} rows.", hint="Split it, or add it up first.")


def of_excel(data: bytes) -> Delimited:
    """The first sheet with anything on it, as text: values as they were last computed, never formulas."""
    check_workbook(data)
    text, header, size = io.StringIO(newline=""), None, 0
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    for number, row in enumerate(_excel_rows(data)):
        if header is None:
            width = len(row)
            header = [_cell(value) for value in row]
            check_columns(width)
        cells = [_cell(value) for value in row[:width]] + [""] * (width - len(row))
        if len(row) > width and any(value not in (None, "") for value in row[width:]):
            raise _wrong(f"it has more values than the first line has names ({width}).", number + 1)
        size += sum(map(len, cells))
        if number > DATASET_ROWS:
            raise _too_many_rows()
        if size > DATASET_UNPACKED_BYTES:
            raise LimitExceeded("The sheet holds too much text.", hint="Split it into parts.")
        writer.writerow(cells)
    if header is None:
        raise Invalid("No sheet of the file holds anything.", hint="The first line names the columns.")
    return Delimited(text.getvalue(), ",", header)


def _excel_rows(data: bytes) -> Iterator[tuple[Any, ...]]:
    """The rows of the first sheet that has any, without empty ones and without empty columns at the end."""
    import warnings

    import openpyxl

    deadline = time.monotonic() + DATASET_SECONDS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                width = 0
                # How far it reaches is what the sheet says of itself; rows behind that would be left out.
                sheet.reset_dimensions()
                for number, row in enumerate(sheet.iter_rows(max_col=DATASET_COLUMNS + 1, values_only=True)):
                    if number > _SHEET_ROWS:
                        raise _too_many_rows()
                    if time.monotonic() > deadline:
                        raise LimitExceeded(f"Reading took longer than {DATASET_SECONDS} seconds.", hint="Split it.")
                    # Rows are as wide as a table may be; most are empty behind the ones before them.
                    rest = row[width:]
                    shortened = _without_end(row[:width] if rest.count(None) == len(rest) else row)
                    if shortened:
                        width = max(width, len(shortened))
                        yield shortened
                if width:
                    return
    except LimitExceeded:
        raise
    # A broken file makes openpyxl raise nearly anything.
    except Exception as error:
        raise not_readable("It is no Excel file, or a damaged one.") from error


def _without_end(row: tuple[Any, ...]) -> tuple[Any, ...]:
    end = len(row)
    while end and row[end - 1] in (None, ""):
        end -= 1
    return row[:end]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        whole_day = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if whole_day else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\x00", "")[:_CELL_CHARS]


def names_for(raw: Sequence[str]) -> list[str]:
    """Names that SQL takes without quotation marks: small letters, digits and `_`, each once."""
    names: list[str] = []
    taken: set[str] = set()
    for number, text in enumerate(raw, 1):
        name = plain_name(text) or f"column_{number}"
        if name in RESERVED:
            name += "_"
        base, again = name, 2
        while name in taken:
            name, again = f"{base}_{again}", again + 1
        taken.add(name)
        names.append(name)
    return names


def plain_name(text: str) -> str:
    """A text as a name; empty when no letter of it is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")[:_NAME_CHARS].strip("_")
    return f"n{name}" if name[:1].isdigit() else name
