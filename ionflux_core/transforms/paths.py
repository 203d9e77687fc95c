"""Paths into plain values, such as lines[0].sku or lines[*].price: dots, [n], [*] and ['any key']; no filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.references import MISSING
from ionflux_core.fluxgraph.template_filters import as_text
from ionflux_core.limits import TRANSFORM_ITEMS

Path: TypeAlias = tuple[str | int | None, ...]
"""Keys, numbers of items, and None for all items."""
_STEP = re.compile(
    r"""\.?(?P<name>[^\s.\[\]{}"'*$][^.\[\]{}"'*]{0,199})
    |\[\s*(?P<number>-?[0-9]{1,9})\s*\]|(?P<all>\[\s*\*\s*\])
    |\[\s*"(?P<double>[^"]{1,200})"\s*\]|\[\s*'(?P<single>[^']{1,200})'\s*\]""",
    re.VERBOSE,
)
_PLACE = re.compile(r"\{([A-Za-z_$@][^{}\n]{0,199})\}")
_CHARS: Final = 500
_STEPS: Final = 30


@lru_cache(maxsize=1024)
def parsed(text: str) -> Path:
    """The steps of a path; Invalid when it cannot be read."""
    source = text.strip()
    if len(source) > _CHARS:
        raise Invalid(f"A path may have {_CHARS} characters.", hint="Take the value in two steps.")
    at = 1 if source.startswith("$") else 0
    steps: list[str | int | None] = []
    while at < len(source):
        match = _STEP.match(source, at)
        dotless = match and match["name"] and not match[0].startswith(".") and (steps or source.startswith("$"))
        if match is None or dotless or len(steps) >= _STEPS:
            raise Invalid(f"The path {text[:60]!r} cannot be read from {source[at : at + 20]!r} on.",
                          hint="Write one such as lines[0].sku or lines[*].price.")  # fmt: skip
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> str | int | None:
    if match["all"]:
        return None
    return int(match["number"]) if match["number"] else (match["name"] or match["double"] or match["single"]).strip()


def single(text: str, value: Any) -> Any:
    """What stands at a path without [*], or MISSING."""
    steps = parsed(text)
    if None in steps:
        raise Invalid(
            f"The path {text[:60]!r} means several values, where one is asked for.", hint="Write [0], not [*]."
        )
    return at(steps, value)


def at(steps: Path, value: Any) -> Any:
    """What stands at the steps of a path without [*], or MISSING."""
    for step in steps:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def every(text: str, value: Any) -> list[Any]:
    """All values a path means, in their order; what is missing is left out. Invalid when they are too many."""
    found = [value]
    for step in parsed(text):
        if step is None:
            found = [item for each in found for item in _items(each)]
        else:
            found = [item for each in found if (item := at((step,), each)) is not MISSING]
        if len(found) > TRANSFORM_ITEMS:
            raise Invalid(f"The path {text[:60]!r} means more than {TRANSFORM_ITEMS:,} values.", hint="Name fewer.")
    return found


def _items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def reader(text: str) -> Callable[[Any], Any]:
    """A function that gives what stands at a path; the empty path is the value itself, and what is missing is None."""
    steps = parsed(text)
    if None in steps:
        single(text, None)

    def read(value: Any) -> Any:
        found = at(steps, value)
        return None if found is MISSING else found

    return read


def filled(template: str, values: Mapping[str, Any] | Any) -> str:
    """A text with its {path} put in, once: what is put in is not read again. Invalid names a path that is missing."""

    def put(match: re.Match[str]) -> str:
        found = single(match[1], values)
        if found is MISSING:
            raise Invalid(f"There is no {match[1][:80]} to put into the text.", hint="Check the path in braces.")
        return as_text(found)

    return _PLACE.sub(put, template)
