"""Text from agents made safe for Markdown: no images from elsewhere, no formulas by accident, tables without pandas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeGuard

_CODE = re.compile(r"(^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\2[ \t]*$|\Z)|(?<!`)(`+)(?!`).+?(?<!`)\3(?!`))", re.S | re.M)
_IMAGE = re.compile(r"!+(?=\[)")
_DOLLAR = re.compile(r"(?<!\\)\$")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_CELL_CHARS = 200


def safe_markdown(text: str) -> str:
    """Markdown for `st.markdown`: an image becomes a link to it, and "$5 and $6" stays money instead of a formula.

    Raw HTML needs nothing here: Streamlit shows it as text unless it is told otherwise.
    """
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_prose(text[at : code.start()]), _code(code.group())]
        at = code.end()
    return "".join((*parts, _prose(text[at:])))


def _prose(text: str) -> str:
    return _DOLLAR.sub(r"\\$", _IMAGE.sub("", text))


def _code(text: str) -> str:
    # Should a browser read as prose what looks like code here, an image in it must still not load.
    return _IMAGE.sub("!\u200b", text)


def escaped(text: str) -> str:
    """Text on one line that Markdown shows letter by letter."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def number(value: float | int | Decimal) -> str:
    """A number with thousands separated and no more digits than it has, like "1,234.5"."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6f}".rstrip("0").rstrip(".") if abs(float(value)) < 1e15 else f"{value:g}"


def is_number(value: object) -> TypeGuard[float | int | Decimal]:
    """True for what is a figure; True and False are none."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def plain(value: Any) -> str:
    """A single value in words: a dash for nothing, yes and no, figures with separators."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if is_number(value) else str(value)


def flat_rows(value: object) -> list[dict[str, Any]] | None:
    """The value itself when it is a list of maps of single values, which reads best as a table; else None."""
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) and row for row in value):
        return None
    if any(isinstance(cell, (dict, list)) for row in value for cell in row.values()):
        return None
    return value


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of flat rows; columns of figures are right-aligned."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    figures = {head for head in heads if all(is_number(row.get(head)) or row.get(head) is None for row in rows)}
    lines = [
        _line(escaped(head) for head in heads),
        _line("---:" if head in figures else ":---" for head in heads),
        *(_line(_cell(row.get(head)) for head in heads) for row in rows),
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = plain(value)
    return escaped(text if len(text) <= _CELL_CHARS else text[:_CELL_CHARS] + "…")


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
