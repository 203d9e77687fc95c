"""Data and lists: what is read, taken, kept, sorted and counted, and what is said of data that does not fit."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ionflux_core.errors import Invalid
from ionflux_core.transforms import data_lists, schemas
from tests.transforms.surroundings import made

ORDER = {"id": 7, "lines": [{"sku": "A1", "n": 2}, {"sku": "B2"}], "ship to": {"city": "Porto"}}
LINES = [{"sku": "b", "n": 2}, {"sku": "A", "n": 10}, {"sku": "c"}, {"sku": "a", "n": 2}]
_JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(exclude_categories=("Cs",)), max_size=10),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_JSON)
def test_what_is_written_is_read_as_the_same(value: Any) -> None:
    text = made("data.json_format", data=value)["text"]
    assert made("data.json_parse", text=text)["data"] == value


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "no JSON"), ('{"a": NaN}', "no JSON"), ("[" * 5_000 + "]" * 5_000, "no JSON"), ("1" * 5_000, "no JSON")],
)
def test_text_that_is_no_json_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        made("data.json_parse", text=text)
    assert caught.value.problems[0].path == "text"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("lines[*].sku", ["A1", "B2"]),
        ("$.lines[-1].sku", ["B2"]),
        ("lines[*].n", [2]),
        ("['ship to'].city", ["Porto"]),
        ("lines[5].sku", []),
        ("", [ORDER]),
        ("lines[*][*]", ["A1", 2, "B2"]),
    ],
)
def test_a_path_takes_what_it_names(path: str, values: list[Any]) -> None:
    taken = made("data.json_path", data=ORDER, path=path, default="-")
    assert taken == {"found": bool(values), "value": values[0] if values else "-", "values": values}


@pytest.mark.parametrize("path", ["lines[", "a..b", "lines[?(@.n>1)]", "a b.", "[x]", "..", "a" * 501])
def test_a_path_that_cannot_be_read_is_told(path: str) -> None:
    with pytest.raises(Invalid, match="path"):
        made("data.json_path", data=ORDER, path=path)


def test_joining_maps_leaves_the_given_ones_alone() -> None:
    first = {"a": {"x": [1]}}
    joined = made("data.merge", maps=[first, {"a": {"x": [2], "y": 1}}, {"b": 3}], deep=True)["data"]
    assert joined == {"a": {"x": [2], "y": 1}, "b": 3}
    assert first == {"a": {"x": [1]}}


def test_every_item_is_made_anew() -> None:
    assert made("data.map", items=LINES[:1], fields={"name": "sku", "gone": "x.y"}, keep=True)["items"] == [
        {"sku": "b", "n": 2, "name": "b", "gone": None}
    ]
    with pytest.raises(Invalid, match="Item 2: There is no n"):
        made("data.map", items=LINES, template="{sku} {n}")
    with pytest.raises(Invalid, match="either fields or a template"):
        made("data.map", items=LINES)


def test_items_without_what_a_condition_reads_are_counted() -> None:
    kept = made("data.filter", items=LINES, where="index < 3 && item.n > 1")
    assert kept == {"items": LINES[:2], "total": 2, "dropped": 2, "undecided": 1}


@pytest.mark.parametrize(
    ("where", "told"),
    [("item.n >", "ends too early"), ("item.n", "not to true or false"), ("item.sku + 1 == 2", "Item 0"),
     ("item.map(x, x)", "cannot be used")],
)  # fmt: skip
def test_a_wrong_condition_is_told(where: str, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        made("data.filter", items=LINES, where=where)
    assert caught.value.problems[0].path == "where"


def test_sorting_puts_what_is_missing_last_both_ways() -> None:
    def skus(*by: str) -> str:
        return "".join(item["sku"] for item in made("data.sort", items=LINES, by=list(by))["items"])

    assert skus("n") == "baAc"
    assert skus("-n") == "Abac"
    assert skus("n", "sku") == "abAc"
    assert made("data.sort", items=[2, "b", True, "A", 1.5, None, [1]], descending=True)["items"] == [
        [1], "b", "A", 2, 1.5, True, None,
    ]  # fmt: skip


def test_groups_say_what_cannot_be_computed() -> None:
    groups = made("data.group", items=LINES, by="n", sums=["n"], keep_items=True)["groups"]
    assert [group["count"] for group in groups] == [2, 1, 1]
    assert groups[0]["sum"] == {"n": 4}
    assert groups[2]["key"] is None
    assert groups[2]["average"] == {"n": {"not_computed": "No item has a number here."}}
    assert groups[0]["items"] == [LINES[0], LINES[3]]
    with pytest.raises(Invalid, match="no number"):
        made("data.group", items=LINES, by="n", sums=["sku"])


def test_five_and_five_point_zero_are_the_same() -> None:
    assert made("data.dedupe", items=[5, 5.0, "5", True, 1])["items"] == [5, "5", True, 1]


def test_csv_is_read_with_its_quotes() -> None:
    table = made("data.csv_parse", text='\ufeffa,b,a\r\n"1,5","x\ny",\r\n\r\n7\r\n', numbers=True)
    assert table["columns"] == ["a", "b", "a_2"]
    assert table["rows"] == [{"a": "1,5", "b": "x\ny", "a_2": ""}, {"a": 7, "b": "", "a_2": ""}]
    assert made("data.csv_parse", text="", header=False) == {"rows": [], "columns": [], "total": 0}
    assert made("data.csv_parse", text="1\t2", header=False)["rows"] == [{"column_1": "1", "column_2": "2"}]


@pytest.mark.parametrize(
    ("text", "told"), [("a,b\n1,2,3", "Line 2 has 3 cells"), ('a\n"x', "cannot be read"), ("," * 600, "500 cells")]
)
def test_a_broken_table_is_told_by_its_line(text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        made("data.csv_parse", text=text)


def test_a_schema_is_applied() -> None:
    schema = {"type": "object", "required": ["sku"], "properties": {"sku": {"pattern": "^[A-Z]"}}}
    assert made("data.validate", data={"sku": "A1"}, schema=schema)["valid"]
    told = made("data.validate", data={"sku": "a1"}, schema=schema)["problems"]
    assert told == [{"path": "sku", "message": "'a1' does not match '^[A-Z]'"}]
    with pytest.raises(Invalid, match="'sku' is a required property"):
        made("data.validate", data={}, schema=schema, strict=True)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "nothing"}, "no JSON Schema"),
        ({"$ref": "#"}, "without end"),
        ({"$ref": "https://schemas.example/x.json"}, "leads nowhere"),
        ({"patternProperties": {"(a+)+$": {}}}, "not offered"),
        ({"pattern": "(?:a{1,100}){1,100}"}, "multiply to too much"),
    ],
)
def test_a_schema_reaches_nothing_and_ends(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        made("data.validate", data="a" * 40, schema=schema)


def test_uniqueness_is_not_compared_by_pairs() -> None:
    items = [{"n": at} for at in range(20_000)]
    began = time.process_time()
    assert made("data.validate", data=items, schema={"uniqueItems": True})["valid"]
    assert time.process_time() - began < 5


def test_lists_have_a_limit() -> None:
    with pytest.raises(Invalid, match="100000 items"):
        made("data.sort", items=[0] * 100_001)


def test_a_schema_that_doubles_with_every_level_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "TRANSFORM_SECONDS", 0.1)
    levels = {str(at): {"allOf": [{"$ref": f"#/$defs/{at + 1}"}] * 2} for at in range(40)}
    with pytest.raises(Invalid, match="took longer"):
        made("data.validate", data="x", schema={"$ref": "#/$defs/0", "$defs": {**levels, "40": {"type": "string"}}})


def test_a_condition_that_takes_too_long_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_lists, "TRANSFORM_SECONDS", -1.0)
    with pytest.raises(Invalid, match="0 items were looked at"):
        made("data.filter", items=[1], where="item > 0")


def test_joining_many_lists_costs_what_they_hold() -> None:
    began = time.process_time()
    joined = made("data.merge", maps=[{"a": list(range(1_000))} for _ in range(500)], lists="join")["data"]
    assert len(joined["a"]) == 500_000
    assert time.process_time() - began < 10
