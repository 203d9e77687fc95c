"""The filters of templates: few, each one's own, none of which makes more text than a template may."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined
from markupsafe import Markup
from markupsafe import escape as escaped
from pydantic_core import to_json

from ionflux_core.errors import Invalid
from ionflux_core.limits import TEMPLATE_OUTPUT_CHARS


class TemplateFailed(Invalid):
    """A template that could not be filled with these values."""

    code = "template_failed"


def as_text(value: Any) -> str:
    """A value inside text: null as nothing, true and false in small letters, lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, dict | list):
        return to_json(value).decode()
    if isinstance(value, int | float):
        return repr(value)
    raise TemplateFailed("A template puts plain values into text only.", hint="Name a path or a filter.")


def bounded(text: str) -> str:
    """The text; TemplateFailed when it is longer than a template's output may be."""
    if len(text) > TEMPLATE_OUTPUT_CHARS:
        raise TemplateFailed(f"The text is longer than {TEMPLATE_OUTPUT_CHARS // 1024} KB.", hint="Take a part of it.")
    return text


def _text(value: Any) -> str:
    return bounded(as_text(_known(value)))


def _known(value: Any) -> Any:
    if isinstance(value, Undefined):
        # Asking it for its text raises the error that names what is missing.
        str(value)
    return value


def _items(value: Any) -> list[Any]:
    _known(value)
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str):
        return list(bounded(value))
    if value is None:
        return []
    raise TemplateFailed(f"{as_text(value)[:40]!r} is no list.", hint="This filter works on lists.")


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        number = float(_text(value))
    except ValueError as error:
        raise TemplateFailed(f"{_text(value)[:40]!r} is no number.", hint="This filter works on numbers.") from error
    return int(number) if math.isfinite(number) and number == int(number) else number


def _join(value: Any, between: Any = "") -> str:
    parts, gap = [_text(item) for item in _items(value)], _text(between)
    if sum(map(len, parts)) + len(gap) * len(parts) > TEMPLATE_OUTPUT_CHARS:
        raise TemplateFailed("The joined text would be too long.", hint="Join fewer items.")
    return gap.join(parts)


def _default(value: Any, other: Any = "", empty_too: bool = False) -> Any:
    return other if isinstance(value, Undefined) or value is None or (empty_too and not value) else value


def _pick(value: Any, *keys: Any) -> list[Any]:
    key = keys[0] if len(keys) == 1 else None
    return [item.get(key) if isinstance(item, dict) else None for item in _items(value)]


def _sorted(value: Any, by: Any = None, descending: Any = False) -> list[Any]:
    def place(item: Any) -> Any:
        return item.get(by) if by is not None and isinstance(item, dict) else item

    return sorted(_items(value), key=place, reverse=bool(descending))


def _sum(value: Any, by: Any = None) -> int | float:
    picked = _items(value) if by is None else _pick(value, by)
    return sum(_number(item) for item in picked)


def _unique(value: Any) -> list[Any]:
    first: dict[bytes, Any] = {}
    for item in _items(value):
        first.setdefault(to_json(item), item)
    return list(first.values())


def _truncate(value: Any, length: Any = 255, end: Any = "...") -> str:
    text, most, ending = _text(value), int(_number(length)), _text(end)
    return text if len(text) <= most else text[: max(0, most - len(ending))] + ending


def _round(value: Any, digits: Any = 0) -> int | float:
    number = round(_number(value), max(-15, min(15, int(_number(digits)))))
    return int(number) if digits == 0 and math.isfinite(number) else number


def _length(value: Any) -> int:
    return len(_text(value)) if isinstance(value, str) else len(_items(value))


def _end(value: Any, at: int) -> Any:
    items = _items(value)
    return items[at] if items else None


def _extreme(value: Any, choose: Callable[[Iterable[Any]], Any]) -> Any:
    items = _items(value)
    return choose(items) if items else None


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(_number(value)),
    "capitalize": lambda value: _text(value).capitalize(),
    "default": _default,
    "escape": lambda value: escaped(_text(value)),
    "first": lambda value: _end(value, 0),
    "float": lambda value: float(_number(value)),
    "int": lambda value: int(_number(value)),
    "items": lambda value: [{"key": key, "value": each} for key, each in (_known(value) or {}).items()],
    "join": _join,
    "json": lambda value: bounded(to_json(_known(value)).decode()),
    "keys": lambda value: _items(value),
    "last": lambda value: _end(value, -1),
    "length": _length,
    "lower": lambda value: _text(value).lower(),
    "max": lambda value: _extreme(value, max),
    "min": lambda value: _extreme(value, min),
    "pick": _pick,
    "reverse": lambda value: _text(value)[::-1] if isinstance(value, str) else _items(value)[::-1],
    "round": _round,
    "sort": _sorted,
    "string": _text,
    "striptags": lambda value: Markup(_text(value)).striptags(),
    "sum": _sum,
    "title": lambda value: _text(value).title(),
    "trim": lambda value: _text(value).strip(),
    "truncate": _truncate,
    "unique": _unique,
    "upper": lambda value: _text(value).upper(),
    "urlencode": lambda value: quote(_text(value), safe=""),
    "wordcount": lambda value: len(_text(value).split()),
}
