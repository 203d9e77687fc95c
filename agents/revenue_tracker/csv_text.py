"""What a CSV file leaves open: its encoding, its separator, its decimal mark. Decided by evidence, never by habit."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from ionflux_core.sdk import Invalid

from .money import OrderInvalid, read_number

_SEPARATORS = (",", ";", "\t", "|")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DOT = re.compile(r"^-?((\d{1,3}(,\d{3})+|\d+)\.\d{1,2}|0\.\d+)$")
_COMMA = re.compile(r"^-?((\d{1,3}([. ]\d{3})+|\d+),\d{1,2}|0,\d+)$")
_GROUPED = re.compile(r"^-?[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*$")


def decode(data: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows-1252, told apart by mark and content."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decoded(data, name)
    head = data[:400]
    if head.count(0) > len(head) // 4:
        return _decoded(data, "utf-16-be" if head[:1] == b"\0" else "utf-16-le")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, "cp1252")


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Invalid(
            "The file is in no encoding that can be read.", hint="Save it as UTF-8 and import it again."
        ) from None


def separator_of(header: str, required: Sequence[str]) -> str:
    """The mark that splits the header into the required columns; Invalid names the first column that is missing."""
    best = max(_SEPARATORS, key=lambda mark: len(set(required) & set(column_names(header, mark))))
    missing = [name for name in required if name not in column_names(header, best)]
    if missing:
        raise Invalid(
            f"The first line of the file has no column {missing[0].capitalize()!r}.",
            hint="Export the orders in Shopify (Orders, Export, CSV) and import that file unchanged.",
        )
    return best


def column_names(header: str, separator: str) -> list[str]:
    """The column names in lower case; empty when the line cannot be read."""
    try:
        row = next(csv.reader([header.lstrip("\ufeff")], delimiter=separator), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in row]


def _plain(cell: str) -> str:
    return cell.strip().replace("\u00a0", " ").replace("\u202f", " ")


def decimal_style(cells: Iterable[str]) -> str:
    """`.` or `,` when the file's own amounts show it, `?` when they show nothing, `!` when they contradict."""
    seen = set()
    for cell in cells:
        plain = _plain(cell)
        if _DOT.match(plain):
            seen.add(".")
        elif _COMMA.match(plain):
            seen.add(",")
    return "?" if not seen else "!" if len(seen) > 1 else seen.pop()


def read_decimal(cell: str, style: str, where: str) -> Decimal:
    """A number of the file; a comma or dot before three digits is read only when the file shows what it means."""
    plain = _plain(cell)
    grouped = _GROUPED.match(plain)
    thousands = grouped is not None and (plain.count(grouped[1]) > 1 or style not in ("?", "!", grouped[1]))
    if grouped and not thousands and style != ".":
        raise OrderInvalid(
            f"{where} is {cell!r}: that may be thousands or decimals.",
            hint="Write amounts with two decimals, such as 1234.00, and import the file again.",
        )
    if grouped and thousands:
        plain = plain.replace(grouped[1], "")
    elif _COMMA.match(plain):
        plain = plain.replace(".", "").replace(" ", "").replace(",", ".")
    elif _DOT.match(plain):
        plain = plain.replace(",", "")
    return read_number(plain, where)
