"""References between blocks: what is read as one, what is put in, and the order they make."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.domain.references import (
    Reference,
    cycle,
    dependants,
    filled,
    filled_text,
    found,
    order,
    part_of,
    parted,
)
from ionflux_core.errors import Invalid, LimitExceeded

NAMES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{{ blocks.sales.output }}", ()),
        ("{{blocks.sales.output}}", ()),
        ("{{ blocks.sales.output.total }}", ("total",)),
        ("{{ blocks.sales.output[0].name }}", (0, "name")),
        ("{{ blocks.sales.output.rows[12][3] }}", ("rows", 12, 3)),
    ],
)
def test_a_reference_is_read_with_its_path(text: str, path: tuple[Any, ...]) -> None:
    assert found(f"a {text} b") == [Reference("sales", path)]
    assert found(str("{{ " + str(Reference("sales", path)) + " }}")) == [Reference("sales", path)]


@pytest.mark.parametrize(
    "text",
    [
        "{{ sales }}",
        "{{ blocks.sales }}",
        "{{ blocks.sales.content }}",
        "{{ blocks.Sales.output }}",
        "{{ blocks.sales.output.__class__.__mro__() }}",
        "{{ blocks.sales.output | upper }}",
        "{{ blocks.sales.output + 1 }}",
        "{{ blocks.sales.output['total'] }}",
        "{{ 7 * 7 }}",
        "{% for x in blocks %}",
        "{ { blocks.sales.output } }",
        "{{ blocks.sales.output\n}}",
    ],
)
def test_everything_else_in_braces_stays_as_it_is_written(text: str) -> None:
    assert found(text) == []
    assert filled(text, lambda reference: pytest.fail("looked up")) == text


def test_references_are_found_in_nested_values_each_once_and_in_order() -> None:
    value = {"a": ["{{ blocks.one.output }}", {"b": "x {{ blocks.two.output.k }}"}], "c": "{{ blocks.one.output }}"}
    assert found(value) == [Reference("one"), Reference("two", ("k",))]


def test_a_text_that_is_one_reference_becomes_the_value_itself() -> None:
    put = filled({"a": " {{ blocks.x.output }} ", "b": "n={{ blocks.x.output }}"}, lambda _: {"n": 1})
    assert put == {"a": {"n": 1}, "b": 'n={"n": 1}'}
    assert filled_text("{{ blocks.x.output }}", lambda _: None) == ""


@given(JSON, st.text(max_size=40))
def test_what_is_put_in_is_never_read_again(value: Any, around: str) -> None:
    hostile = "{{ blocks.secret.output }}"
    asked: list[str] = []

    def look(reference: Reference) -> Any:
        asked.append(reference.block)
        return hostile

    text = "{{ blocks.x.output }}"
    assert filled([value, text], look)[1] == hostile
    assert "secret" not in asked
    assert filled_text(f"<{text}>", look) == f"<{hostile}>"


@given(JSON)
def test_a_value_without_references_is_left_as_it_is(value: Any) -> None:
    assert filled(value, lambda reference: pytest.fail("looked up")) == value


@given(st.lists(st.sampled_from(["{{ blocks.a.output }}", "{{ blocks.b.output[1] }}", "x", "{{", " }} "]), max_size=8))
def test_the_parts_of_a_text_make_it_again(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = parted(text)
    again = "".join(part if isinstance(part, str) else "{{ " + str(part) + " }}" for part in parts)
    assert again == text
    assert [part for part in parts if isinstance(part, Reference)] == [
        Reference("a") if "a" in piece else Reference("b", (1,)) for piece in pieces if "blocks" in piece
    ]


def test_a_text_that_would_grow_too_long_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="longer than"):
        filled_text("{{ blocks.x.output }}" * 20, lambda _: "y" * 100_000)


def test_a_path_leads_into_maps_and_lists_and_nowhere_else() -> None:
    value = {"rows": [{"n": 1}, {"n": 2}]}
    assert part_of(value, ("rows", 1, "n")) == 2
    for path in (("gone",), ("rows", 2), ("rows", "n"), ("rows", 0, "n", "real"), ("__class__",)):
        with pytest.raises(KeyError):
            part_of(value, path)


@given(GRAPHS)
def test_an_order_puts_each_after_what_it_reads_or_names_a_circle(graph: dict[str, list[str]]) -> None:
    circle = cycle(graph)
    if circle:
        assert circle[0] == circle[-1] and len(circle) > 1
        assert all(following in graph[name] for name, following in pairwise(circle))
        with pytest.raises(Invalid, match=" -> ".join(circle)):
            order(graph)
        return
    sorted_names = order(graph)
    assert sorted(sorted_names) == sorted(graph)
    for name in graph:
        for read in graph[name]:
            assert read not in graph or sorted_names.index(read) < sorted_names.index(name)


@given(GRAPHS, NAMES)
def test_dependants_are_all_that_can_be_reached_backwards(graph: dict[str, list[str]], name: str) -> None:
    reached = dependants(graph, [name])
    for reader, read in graph.items():
        assert (reader in reached) == any(other == name or other in reached for other in read)


def test_a_circle_of_two_is_named_from_its_begin_to_its_begin() -> None:
    with pytest.raises(Invalid, match="a -> b -> a"):
        order({"a": ["b"], "b": ["a"]})
    assert cycle({"a": ["a"]}) == ["a", "a"]


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = {f"n{number}": [f"n{number + 1}"] for number in range(5_000)}
    assert order(chain)[0] == "n4999"
    assert len(dependants(chain, ["n5000"])) == 5_000
