"""Lists: every item made anew, some kept, sorted, grouped, each one once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypedDict

from pydantic import Field
from pydantic_core import to_json

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph import conditions
from ionflux_core.fluxgraph.template_filters import as_text
from ionflux_core.limits import TEMPLATE_CHARS, TRANSFORM_SECONDS, TRANSFORM_TEXT_CHARS
from ionflux_core.sdk import not_computed
from ionflux_core.transforms import paths
from ionflux_core.transforms.base import EMPTY, NONE, Example, Items, in_place, number, transform, unfit

_FIELDS = 100
_LINES = [{"sku": "A1", "price": 5}, {"sku": "B2", "price": 8}]
Paths = Annotated[list[str], Field(max_length=20)]


class Listed(TypedDict):
    """A list."""

    items: Annotated[list[Any], "The items."]
    total: Annotated[int, "How many."]


@transform(
    "data.map",
    title="Make every item anew",
    examples=[
        Example("Other keys", {"items": _LINES, "fields": {"article": "sku"}},
                {"items": [{"article": "A1"}, {"article": "B2"}], "total": 2}),
        Example("A line of text for each", {"items": _LINES, "template": "{sku}: {price} EUR"},
                {"items": ["A1: 5 EUR", "B2: 8 EUR"], "total": 2}),
    ],
)  # fmt: skip
def map_items(
    items: Annotated[Items, "The list."],
    fields: Annotated[
        dict[str, str], "New keys, each with the path in the item its value comes from.", Field(max_length=_FIELDS)
    ] = EMPTY,
    template: Annotated[
        str, "A text for each item, with {path} filled from it; instead of fields.", Field(max_length=TEMPLATE_CHARS)
    ] = "",
    keep: Annotated[bool, "Whether maps keep their other keys."] = False,
) -> Listed:
    """Make every item of a list anew: a map with keys of your choice, or a text. What is missing becomes null."""
    if bool(fields) == bool(template):
        raise unfit("fields", "Give either fields or a template.", "Write fields: {name: path.in.the.item}.")
    made = _texts(items, template) if template else _maps(items, fields, keep)
    return {"items": made, "total": len(made)}


def _texts(items: list[Any], template: str) -> list[Any]:
    made: list[Any] = []
    length = 0
    for at, item in enumerate(items):
        try:
            text = paths.filled(template, item)
        except Invalid as error:
            raise in_place("template", Invalid(f"Item {at}: {error.message}", hint=error.hint)) from error
        length += len(text)
        if length > TRANSFORM_TEXT_CHARS:
            raise unfit("template", f"The texts would be longer than {TRANSFORM_TEXT_CHARS:,} characters.",
                        "Make fewer or shorter ones.")  # fmt: skip
        made.append(text)
    return made


def _maps(items: list[Any], fields: dict[str, str], keep: bool) -> list[Any]:
    readers = {name: _reader(path, f"fields.{name}") for name, path in fields.items()}
    return [
        {**(item if keep and isinstance(item, dict) else {}), **{name: read(item) for name, read in readers.items()}}
        for item in items
    ]


def _reader(path: str, place: str) -> Callable[[Any], Any]:
    try:
        return paths.reader(path)
    except Invalid as error:
        raise in_place(place, error) from error


class Kept(TypedDict):
    """What is left of a list."""

    items: Annotated[list[Any], "The items that are kept."]
    total: Annotated[int, "How many."]
    dropped: Annotated[int, "How many are not."]
    undecided: Annotated[int, "How many of those were dropped because the condition reads what they do not have."]


@transform(
    "data.filter",
    title="Keep some items",
    examples=[Example("Dear ones", {"items": _LINES, "where": "item.price > least", "values": {"least": 6}},
                      {"items": [{"sku": "B2", "price": 8}], "total": 1, "dropped": 1, "undecided": 0})],
)  # fmt: skip
def filter_items(
    items: Annotated[Items, "The list."],
    where: Annotated[str, "A condition on item and index, such as item.price > 6 && index < 10."],
    values: Annotated[dict[str, Any], "Further values the condition may name."] = EMPTY,
) -> Kept:
    """Keep the items for which a condition holds. An item without what it reads is dropped and counted."""
    kept, undecided = [], 0
    until = time.monotonic() + TRANSFORM_SECONDS
    for at, item in enumerate(items):
        if time.monotonic() > until:
            said = f"The condition took longer than {TRANSFORM_SECONDS:g} s; {at:,} items were looked at."
            raise unfit("where", said, "Give fewer items, or a simpler condition.")
        try:
            outcome = conditions.decide(where, {**values, "item": item, "index": at})
        except Invalid as error:
            told = f"Item {at}: {error.message}" if isinstance(error, conditions.ConditionFailed) else error.message
            raise in_place("where", Invalid(told, hint=error.hint, code=error.code)) from error
        undecided += bool(outcome.warning)
        if outcome.value:
            kept.append(item)
    return {"items": kept, "total": len(kept), "dropped": len(items) - len(kept), "undecided": undecided}


@transform(
    "data.sort",
    title="Sort",
    examples=[
        Example("Dearest first", {"items": _LINES, "by": ["-price"]},
                {"items": [{"sku": "B2", "price": 8}, {"sku": "A1", "price": 5}], "total": 2}),
        Example("Words", {"items": ["blue", "Amber", 3, None]}, {"items": [3, "Amber", "blue", None], "total": 4}),
    ],
)  # fmt: skip
def sort(
    items: Annotated[Items, "The list."],
    by: Annotated[Paths, "Paths in the items, the first counts most; - before one sorts downwards."] = NONE,
    descending: Annotated[bool, "Whether the largest come first, where no path is given."] = False,
) -> Listed:
    """Sort a list: numbers before texts, small letters like capitals, what is missing at the end; else as it came."""
    made = list(items)
    for path in reversed(by or ["-" if descending else ""]):
        read = _reader(path.removeprefix("-"), "by")
        there = [(value, item) for item in made if (value := read(item)) is not None]
        missing = [item for item in made if read(item) is None]
        there.sort(key=lambda each: _order(each[0]), reverse=path.startswith("-"))
        made = [item for _, item in there] + missing
    return {"items": made, "total": len(made)}


def _order(value: Any) -> tuple[int, Any, Any]:
    if isinstance(value, bool):
        return (0, value, "")
    if isinstance(value, int | float):
        return (1, value, "")
    if isinstance(value, str):
        return (2, value.casefold(), value)
    return (3, to_json(value), "")


class Groups(TypedDict):
    """A list by groups."""

    groups: Annotated[
        list[dict[str, Any]], "Each with key, count, sum and average by path, and its items when they were asked for."
    ]
    total: Annotated[int, "How many groups."]


@transform(
    "data.group",
    title="Group and add up",
    examples=[
        Example("By article", {"items": [*_LINES, {"sku": "A1", "price": 7}], "by": "sku", "sums": ["price"]},
                {"groups": [{"key": "A1", "count": 2, "sum": {"price": 12}, "average": {"price": 6}},
                            {"key": "B2", "count": 1, "sum": {"price": 8}, "average": {"price": 8}}], "total": 2}),
    ],
)  # fmt: skip
def group(
    items: Annotated[Items, "The list."],
    by: Annotated[str, "The path in the items that they are grouped by."],
    sums: Annotated[Paths, "Paths of numbers to add up and to take the average of."] = NONE,
    keep_items: Annotated[bool, "Whether each group holds its items."] = False,
) -> Groups:
    """Group a list by a value and count, add up and average each group; what has no number is left out of both."""
    read = _reader(by, "by")
    figures = {path: _reader(path, "sums") for path in sums}
    found: dict[bytes, list[Any]] = {}
    for item in items:
        found.setdefault(to_json(read(item)), []).append(item)
    groups = []
    for members in found.values():
        numbers = {path: _numbers(members, of, path) for path, of in figures.items()}
        groups.append(
            {"key": read(members[0]), "count": len(members)}
            | ({"sum": {path: number(math.fsum(given)) for path, given in numbers.items()},
                "average": {path: _average(given) for path, given in numbers.items()}} if sums else {})
            | ({"items": members} if keep_items else {})
        )  # fmt: skip
    return {"groups": groups, "total": len(groups)}


def _numbers(items: Iterable[Any], read: Callable[[Any], Any], path: str) -> list[int | float]:
    found = [value for item in items if (value := read(item)) is not None]
    wrong = next((value for value in found if isinstance(value, bool) or not isinstance(value, int | float)), None)
    if wrong is not None:
        raise unfit("sums", f"At {path} stands {as_text(wrong)[:40]!r}, which is no number.",
                    "Make it a number before, or add up another path.")  # fmt: skip
    return found


def _average(given: list[int | float]) -> Any:
    return number(math.fsum(given) / len(given)) if given else not_computed("No item has a number here.")


class Once(TypedDict):
    """A list in which nothing is there twice."""

    items: Annotated[list[Any], "The first of each."]
    total: Annotated[int, "How many."]
    dropped: Annotated[int, "How many were there before."]


@transform(
    "data.dedupe",
    title="Each one once",
    examples=[Example("By address", {"items": [{"to": "ana@example.com", "n": 1}, {"to": "ana@example.com", "n": 2}],
                                     "by": ["to"]},
                      {"items": [{"to": "ana@example.com", "n": 1}], "total": 1, "dropped": 1})],
)  # fmt: skip
def dedupe(
    items: Annotated[Items, "The list."],
    by: Annotated[
        Paths, "Paths in the items; items alike in all of them are the same. None compares the whole."
    ] = NONE,
) -> Once:
    """Keep the first of all items that are the same."""
    readers = [_reader(path, "by") for path in by] or [paths.reader("")]
    first: dict[bytes, Any] = {}
    for item in items:
        first.setdefault(to_json([_plain_number(read(item)) for read in readers]), item)
    return {"items": list(first.values()), "total": len(first), "dropped": len(items) - len(first)}


def _plain_number(value: Any) -> Any:
    """5 and 5.0 are the same."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
