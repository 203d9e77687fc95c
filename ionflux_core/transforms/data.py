"""Plain data: read from JSON and CSV, written as JSON, looked into, cut down, joined, checked against a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field
from pydantic_core import from_json

from ionflux_core.fluxgraph.references import MISSING
from ionflux_core.transforms import paths
from ionflux_core.transforms.base import NONE, Example, Text, transform, unfit

_KEYS = 1_000
Keys = Annotated[list[str], Field(max_length=_KEYS)]


class Data(TypedDict):
    """A value."""

    data: Annotated[Any, "The value."]


@transform(
    "data.json_parse",
    title="Read JSON",
    examples=[Example("An order", {"text": '{"id": 7, "lines": [{"sku": "A1"}]}'},
                      {"data": {"id": 7, "lines": [{"sku": "A1"}]}})],
)  # fmt: skip
def json_parse(text: Annotated[Text, "JSON as text."]) -> Data:
    """Read a text as JSON."""
    try:
        return {"data": from_json(text, allow_inf_nan=False)}
    except ValueError as error:
        said = str(error)[:160].rstrip(".")
        raise unfit("text", f"The text is no JSON: {said}.", "Look at the place that is named.") from error


class JsonText(TypedDict):
    """A value as JSON."""

    text: Annotated[str, "The JSON."]


@transform(
    "data.json_format",
    title="Write JSON",
    examples=[
        Example("In one line", {"data": {"id": 7, "size": "M"}, "indent": 0}, {"text": '{"id": 7, "size": "M"}'}),
    ],
)
def json_format(
    data: Annotated[Any, "Any value."],
    indent: Annotated[int, "Blanks for each level; 0 writes one line.", Field(ge=0, le=8)] = 2,
    sort_keys: Annotated[bool, "Whether keys are in the order of the alphabet."] = False,
) -> JsonText:
    """Write a value as JSON."""
    return {"text": json.dumps(data, ensure_ascii=False, indent=indent or None, sort_keys=sort_keys)}


class Taken(TypedDict):
    """What stands at a path."""

    found: Annotated[bool, "Whether there is anything."]
    value: Annotated[Any, "The first value, or the default."]
    values: Annotated[list[Any], "All of them."]


@transform(
    "data.json_path",
    title="Take values by a path",
    examples=[
        Example("All prices", {"data": {"lines": [{"price": 5}, {"price": 8}]}, "path": "lines[*].price"},
                {"found": True, "value": 5, "values": [5, 8]}),
        Example("Nothing there", {"data": {}, "path": "customer.email", "default": "unknown"},
                {"found": False, "value": "unknown", "values": []}),
    ],
)  # fmt: skip
def json_path(
    data: Annotated[Any, "Where to look."],
    path: Annotated[str, "Such as lines[0].sku, lines[*].price or ['any key']; -1 is the last item."],
    default: Annotated[Any, "The value when there is nothing."] = None,
) -> Taken:
    """Take what stands at a path out of a value."""
    values = paths.every(path, data)
    return {"found": bool(values), "value": values[0] if values else default, "values": values}


class Picked(TypedDict):
    """A map with fewer keys."""

    data: Annotated[dict[str, Any], "The map."]
    missing: Annotated[list[str], "Keys that were asked for and are not there."]


@transform(
    "data.pick",
    title="Keep some keys",
    examples=[
        Example("Two keys", {"data": {"id": 7, "email": "ana@example.com", "note": ""}, "keys": ["id", "total"]},
                {"data": {"id": 7}, "missing": ["total"]}),
        Example("All but one", {"data": {"id": 7, "email": "ana@example.com"}, "without": ["email"]},
                {"data": {"id": 7}, "missing": []}),
    ],
)  # fmt: skip
def pick(
    data: Annotated[dict[str, Any], "The map."],
    keys: Annotated[Keys, "The keys to keep; none keeps all."] = NONE,
    without: Annotated[Keys, "The keys to leave out."] = NONE,
) -> Picked:
    """Keep some keys of a map, or leave some out."""
    kept = {key: data[key] for key in keys if key in data} if keys else dict(data)
    left_out = set(without)
    missing = [key for key in keys if key not in data]
    return {"data": {key: value for key, value in kept.items() if key not in left_out}, "missing": missing}


class Merged(TypedDict):
    """One map out of several."""

    data: Annotated[dict[str, Any], "The map."]


@transform(
    "data.merge",
    title="Join maps",
    examples=[
        Example("Later maps win", {"maps": [{"size": "M", "price": 5}, {"price": 8}]},
                {"data": {"size": "M", "price": 8}}),
        Example("Deep, lists joined",
                {"maps": [{"a": {"x": 1, "tags": ["n"]}}, {"a": {"y": 2, "tags": ["m"]}}], "deep": True,
                 "lists": "join"},
                {"data": {"a": {"x": 1, "tags": ["n", "m"], "y": 2}}}),
    ],
)  # fmt: skip
def merge(
    maps: Annotated[list[dict[str, Any]], "The maps, in their order.", Field(min_length=1, max_length=1_000)],
    deep: Annotated[bool, "Whether maps inside are joined, too."] = False,
    lists: Annotated[Literal["replace", "join"], "Whether a later list replaces an earlier one or is joined."] = (
        "replace"
    ),
) -> Merged:
    """Join maps to one; where a key is there twice, the later one wins."""
    merged: dict[str, Any] = {}
    for each in maps:
        _merge_into(merged, each, deep, lists == "join")
    return {"data": merged}


def _merge_into(merged: dict[str, Any], new: Mapping[str, Any], deep: bool, join: bool) -> None:
    for key, value in new.items():
        old = merged.get(key, MISSING)
        if deep and isinstance(old, dict) and isinstance(value, dict):
            inner = dict(old)
            _merge_into(inner, value, deep, join)
            merged[key] = inner
        elif join and isinstance(old, list) and isinstance(value, list):
            old.extend(value)
        else:
            # A list may grow here, so it is one of our own.
            merged[key] = list(value) if isinstance(value, list) else value


class Table(TypedDict):
    """The rows of a table."""

    rows: Annotated[list[dict[str, Any]], "A map for each row, by column."]
    columns: Annotated[list[str], "The names of the columns."]
    total: Annotated[int, "How many rows."]


@transform(
    "data.csv_parse",
    title="Read CSV",
    examples=[Example("Two columns", {"text": 'sku;price\nA1;"5,50"\nB2;8\n', "numbers": True},
                      {"rows": [{"sku": "A1", "price": "5,50"}, {"sku": "B2", "price": 8}],
                       "columns": ["sku", "price"], "total": 2})],
)  # fmt: skip
def csv_parse(
    text: Annotated[Text, "The table as text."],
    delimiter: Annotated[
        Literal["auto", ",", ";", "\t", "|"], "What stands between cells; auto looks at the first line."
    ] = "auto",
    header: Annotated[bool, "Whether the first line names the columns; else they are column_1 and so on."] = True,
    numbers: Annotated[bool, "Whether cells such as 8 and -5.5 become numbers; 007 stays text."] = False,
) -> Table:
    """Read a table of separated values. Every row must have as many cells as there are columns, or fewer."""
    from ionflux_core.transforms import tables

    columns, rows = tables.read(text, delimiter, header=header, numbers=numbers)
    return {"rows": rows, "columns": columns, "total": len(rows)}


class Validated(TypedDict):
    """Whether a value fits a schema."""

    valid: Annotated[bool, "Whether it fits."]
    problems: Annotated[list[dict[str, str]], "What does not fit: path and message; at most fifty."]
    data: Annotated[Any, "The value as it came."]


@transform(
    "data.validate",
    title="Check against a schema",
    examples=[Example("A price that is text",
                      {"data": {"price": "5"}, "schema": {"properties": {"price": {"type": "number"}}}},
                      {"valid": False, "problems": [{"path": "price", "message": "'5' is not of type 'number'"}],
                       "data": {"price": "5"}})],
)  # fmt: skip
def validate(
    data: Annotated[Any, "The value to check."],
    schema: Annotated[dict[str, Any], "A JSON Schema; it cannot name another one by address."],
    strict: Annotated[bool, "Whether the step fails when the value does not fit."] = False,
) -> Validated:
    """Check a value against a JSON Schema and tell every place where it does not fit."""
    from ionflux_core.transforms import schemas

    problems = schemas.problems(data, schema)
    if strict and problems:
        first = problems[0]
        raise unfit("data", f"The value does not fit at {first['path'] or 'its top'}: {first['message']}.",
                    "Correct the value, or the schema.")  # fmt: skip
    return {"valid": not problems, "problems": problems, "data": data}
