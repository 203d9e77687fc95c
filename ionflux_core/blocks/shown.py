"""An output as a page draws it: by its type, cut to what a browser needs; and the words of a run's status.

Every answer is plain JSON. `cut` says that there is more than is shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from ionflux_core.limits import CANVAS_VIEW_BYTES, KIB

SHOWN_BYTES: Final = 40 * KIB
SHOWN_ROWS: Final = 200
_CELL_CHARS: Final = 300
_COLUMNS: Final = 50
assert 2 * SHOWN_BYTES < CANVAS_VIEW_BYTES

STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "pending": ("Pending", "blue"),
    "running": ("Running", "orange"),
    "awaiting_approval": ("Awaiting approval", "orange"),
    "waiting": ("Waiting", "orange"),
    "paused": ("Paused", "gray"),
    "success": ("Success", "green"),
    "error": ("Error", "red"),
    "budget_stopped": ("Stopped by budget", "red"),
    "cancelled_by_user": ("Cancelled", "gray"),
    "cancelled_by_system": ("Cancelled by the system", "gray"),
}
BUSY: Final = frozenset({"pending", "running"})


def status(name: str) -> dict[str, str]:
    """A run's status as {word, tone}."""
    word, tone = STATUSES.get(name, (name.replace("_", " ").capitalize(), "gray"))
    return {"word": word, "tone": tone}


def run_line(run: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A run as views hold it: {id, status, word, tone, created_at, finished_at, preview, trigger}."""
    if run is None:
        return None
    names = ("id", "status", "created_at", "finished_at", "preview", "trigger")
    return {name: run.get(name) for name in names} | status(run["status"])


def run_link(run: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Where a run is looked at, as {page, parameters}."""
    return {"page": "runs", "parameters": {"run": run["id"]}} if run else None


def shown(value: Any, type: str | None = None) -> dict[str, Any] | None:
    """A value by the type its agent declares for it, or by what it is; None when there is nothing to show."""
    if value is None or value == "":
        return None
    if isinstance(value, Mapping) and "not_computed" in value:
        return {"kind": "text", "text": f"Not computed: {str(value['not_computed'])[:2000]}", "cut": False}
    if isinstance(value, bool):
        return {"kind": "text", "text": "yes" if value else "no", "cut": False}
    if isinstance(value, int | float):
        return {"kind": "number", "value": finite(value), "text": number_text(value)}
    if isinstance(value, str):
        return _text(value, type)
    if type == "file" and isinstance(value, Mapping) and "sha256" in value:
        names = ("name", "media_type", "size")
        return {"kind": "file", "address": None, **{name: value.get(name) for name in names}}
    return table(value) or as_json(value)


def _text(value: str, type: str | None) -> dict[str, Any]:
    if type == "url" and is_web_address(value):
        return {"kind": "link", "url": value, "text": value[:200]}
    text, cut = cut_text(value)
    return {"kind": "markdown" if type in (None, "markdown") else "text", "text": text, "cut": cut}


def table(value: Any) -> dict[str, Any] | None:
    """A table of {columns, rows}, or of a list of flat maps; None for what is neither."""
    if isinstance(value, Mapping):
        columns, rows = value.get("columns"), value.get("rows")
        if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
            names = [str(one.get("name", "")) if isinstance(one, Mapping) else str(one) for one in columns]
            return _table(names, rows)
        return None
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        names = list(dict.fromkeys(str(key) for row in value[:SHOWN_ROWS] for key in row))
        if len(names) <= _COLUMNS:
            return _table(names, [[row.get(name) for name in names] for row in value[:SHOWN_ROWS]], total=len(value))
    return None


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int | None = None) -> dict[str, Any]:
    drawn, cut = cut_rows(rows)
    names = [name[:100] for name in columns[:_COLUMNS]]
    total = len(rows) if total is None else total
    return {"kind": "table", "columns": names, "rows": drawn, "total": total, "cut": cut or len(drawn) < total}


def cut_rows(rows: Sequence[Sequence[Any]]) -> tuple[list[list[Any]], bool]:
    """As many rows as a view holds, their cells as scalars; and whether anything was left out."""
    drawn: list[list[Any]] = []
    room, cut = SHOWN_BYTES, False
    for row in rows[:SHOWN_ROWS]:
        cells = [cell(value) for value in row[:_COLUMNS]]
        room -= sum(len(one.encode()) if isinstance(one, str) else 8 for one in cells) + 4 * len(cells)
        if room < 0:
            return drawn, True
        cut = cut or len(row) > _COLUMNS or any(isinstance(one, str) and one.endswith("…") for one in cells)
        drawn.append(cells)
    return drawn, cut or len(drawn) < len(rows)


def cell(value: Any) -> Any:
    """A cell as a scalar: what is nested as JSON, what is long cut."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return finite(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _CELL_CHARS else text[: _CELL_CHARS - 1] + "…"


def as_json(value: Any) -> dict[str, Any]:
    """A value pretty printed, as far as there is room."""
    parts: list[str] = []
    room = SHOWN_BYTES
    # Piece by piece, so that five megabytes are not written out to show forty kilobytes of them.
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2, default=str).iterencode(value):
        parts.append(piece[: room + 1])
        room -= len(piece.encode("utf-8", "replace")) if len(piece) <= room else room + 1
        if room < 0:
            return {"kind": "json", "text": cut_text("".join(parts))[0], "cut": True}
    return {"kind": "json", "text": "".join(parts), "cut": False}


def cut_text(text: str, room: int = SHOWN_BYTES) -> tuple[str, bool]:
    """The begin of a text that fits into so many bytes, and whether more follows."""
    begin = text[: room + 1].encode("utf-8", "replace")
    if len(begin) <= room and len(text) <= room:
        return text, False
    return begin[:room].decode("utf-8", "ignore"), True


def finite(value: float) -> float | None:
    """The number, or None for what JSON has no word for; what a browser would round stays as near as it can."""
    return value if isinstance(value, int) or math.isfinite(value) else None


def number_text(value: float | None, unit: str = "", *, signed: bool = False) -> str:
    """A number as people read it, with its unit; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    sign = "+" if signed and value > 0 else ""
    if unit in ("ratio", "%"):
        share = value * 100 if unit == "ratio" else value
        return f"{sign}{share:,.{2 if abs(share) < 10 else 1}f} {'points' if signed else '%'}"
    if float(value).is_integer() and abs(value) < 1e15 and not (len(unit) == 3 and unit.isupper()):
        plain = f"{value:,.0f}"
    else:
        plain = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"
    return f"{sign}{plain} {'' if unit in ('count', 'runs') else unit}".rstrip()


def is_web_address(text: str) -> bool:
    """Whether a text is an address a link may lead to: http or https, with a host, without spaces."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    plain = not any(char.isspace() or ord(char) < 32 for char in text) and "\\" not in text
    return parts.scheme in ("http", "https") and bool(host) and plain and len(text) <= 2_000
