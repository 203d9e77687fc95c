"""The picture of a flow: which boxes there are, what lies in what and needs what, and that nothing covers anything."""

from __future__ import annotations

import random
import time
from itertools import combinations
from pathlib import Path

import pytest

from ionflux_core.errors import Problem
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.layout import Box, arranged
from ionflux_core.fluxgraph.picture import LABEL, Picture, PictureNode, picture

ORDER_GUARD = (Path(__file__).parent / "order_guard.yaml").read_text(encoding="utf-8")
NESTED = """
name: nested
graph:
  - id: both
    parallel:
      left: {graph: [{id: fetch, transform: log@1, inputs: {message: hi}}]}
      right:
        title: The other way
        graph:
          - id: lines
            foreach: "{{ inputs.lines }}"
            as: line
            graph:
              - id: stock
                code: {language: js, source: x}
                on_error: {then: {graph: [{id: told, wait: {for: 90s}}]}}
"""


def by_key(found: Picture) -> dict[str, PictureNode]:
    return {node.key: node for node in found.nodes}


def corner(found: Picture, node: PictureNode) -> tuple[float, float]:
    """Where a node stands on the whole picture."""
    if not node.parent:
        return node.x, node.y
    around = by_key(found)[node.parent]
    x, y = corner(found, around)
    section = around.sections[node.section]
    return x + section.x + node.x, y + section.y + LABEL + node.y


def test_every_node_is_drawn_with_what_it_calls_and_where_it_lies() -> None:
    nodes = by_key(picture(ORDER_GUARD))
    assert (nodes["margin"].kind, nodes["margin"].calls) == ("agent", "revenue_tracker")
    assert nodes["lines"].calls == "{{ trigger.input_data.line_items }}"
    assert nodes["pause"].calls == "for 10 min"
    assert (nodes["route.fine"].parent, nodes["route.fine"].section) == ("route", 1)
    assert [section.label for section in nodes["route"].sections] == ["when value < 0.15", "when true"]
    assert [(section.kind, section.path) for section in nodes["post"].sections] == [
        ("on_error", ("graph", 6, "on_error", "then", "graph"))
    ]
    assert nodes["big"].values["if"] == "trigger.input_data.total_price >= 500"


def test_branches_loops_and_error_paths_are_boxes_in_boxes() -> None:
    found = picture(NESTED)
    nodes = by_key(found)
    assert list(nodes) == ["both", "both.left.fetch", "both.right.lines", "both.right.lines.stock",
                           "both.right.lines.stock.told"]  # fmt: skip
    assert [section.label for section in nodes["both"].sections] == ["left", "The other way"]
    for node in found.nodes:
        if node.parent:
            around = nodes[node.parent]
            section = around.sections[node.section]
            assert node.x >= 0 and node.x + node.width <= section.width
            assert section.y + LABEL + node.y + node.height <= around.height
            assert section.x + section.width <= around.width
    assert "graph" not in nodes["both.right.lines"].values
    assert nodes["both"].values["parallel"] == {"left": {}, "right": {"title": "The other way"}}


def test_lines_say_whether_a_node_is_read_or_only_waited_for() -> None:
    edges = {(edge.source, edge.target): edge for edge in picture(ORDER_GUARD).edges}
    assert (edges["margin", "route"].reads, edges["margin", "route"].after) == (True, False)
    assert (edges["post", "next"].reads, edges["post", "next"].after) == (False, True)
    # What is read inside of a case is drawn to the box around it.
    assert ("big", "route") in edges and ("big", "route.low") not in edges
    both = "name: a\ngraph:\n  - {id: one, wait: {for: 1m}}\n" + (
        "  - {id: two, transform: log@1, inputs: {message: '{{ nodes.one.status }}'}, after: [one]}\n"
    )
    (edge,) = picture(both).edges
    assert edge.reads and edge.after


def test_a_circle_is_drawn_as_wrong_and_nothing_else_is() -> None:
    text = "name: a\ngraph:\n" + "".join(
        f"  - {{id: {name}, wait: {{for: 1m}}, after: [{after}]}}\n"
        for name, after in (("one", "two"), ("two", "one"), ("three", "two"))
    )
    wrong = {(edge.source, edge.target): edge.wrong for edge in picture(text).edges}
    assert wrong == {("two", "one"): True, ("one", "two"): True, ("two", "three"): False}


def test_problems_are_told_at_the_innermost_node_they_are_about() -> None:
    text = ORDER_GUARD.replace("message: ok", "message: '{{ nodes.nobody.outputs.x }}'")
    text = text.replace('cron: "0 5 * * *"', "cron: never")
    problems = validate(text)
    found = picture(text, problems)
    told = {node.key: [problems[at].message for at in node.problems] for node in found.nodes if node.problems}
    assert list(told) == ["route.fine"] and "nobody" in told["route.fine"][0]
    assert [problems[at].path for at in found.elsewhere] == ["triggers.1.cron"]


def test_a_broken_node_is_still_drawn_and_a_broken_text_is_told() -> None:
    text = "name: a\ngraph:\n  - {id: fine, wait: {for: 1m}}\n  - {id: odd, approval: {urgency: never}}\n"
    problems = validate(text)
    nodes = by_key(picture(text, problems))
    assert set(nodes) == {"fine", "odd"} and nodes["odd"].problems and not nodes["fine"].problems
    assert nodes["odd"].values["approval"] == {"urgency": "never"}
    broken = picture("name: [", [Problem("broken", line=1)])
    assert not broken.readable and broken.elsewhere == (0,)


def test_a_place_written_by_hand_holds_and_the_others_keep_clear_of_it() -> None:
    text = ORDER_GUARD.replace("  - id: big ", "  - id: big\n    position: {x: 16, y: 16}\n    # ")
    found = picture(text)
    nodes = by_key(found)
    assert (nodes["big"].x, nodes["big"].y, nodes["big"].placed) == (16, 16, True)
    assert not nodes["margin"].placed
    assert_apart(found)
    inside = NESTED.replace("id: fetch,", "id: fetch, position: {x: -400, y: -90},")
    fetch = by_key(picture(inside))["both.left.fetch"]
    assert (fetch.x, fetch.y) == (16, 16), "what lies in a box does not stick out of it"


@pytest.mark.parametrize("seed", range(5))
def test_no_box_covers_another_and_each_stands_below_what_it_needs(seed: int) -> None:
    chance = random.Random(seed)
    boxes = [Box(chance.choice((208, 480)), chance.choice((64, 178))) for _ in range(60)]
    needs = [chance.sample(range(at), min(at, chance.randrange(3))) for at in range(60)]
    places = arranged(boxes, needs)
    for one, other in combinations(range(60), 2):
        assert not covers(boxes[one], places[one], boxes[other], places[other])
    for at, needed in enumerate(needs):
        assert all(places[at][1] >= places[each][1] + boxes[each].height for each in needed)


def test_circles_do_not_keep_boxes_from_their_places() -> None:
    places = arranged([Box(10, 10)] * 3, [[1], [0], []])
    assert len(set(places)) == 3


def test_a_long_flow_is_drawn_quickly() -> None:
    lines = (f"  - {{id: n{at}, transform: log@1, inputs: {{message: '{{{{ nodes.n{at // 2}.status }}}}'}}}}\n"
             for at in range(1, 400))  # fmt: skip
    text = "name: long\ngraph:\n  - {id: n0, transform: log@1, inputs: {message: hi}}\n" + "".join(lines)
    began = time.process_time()
    found = picture(text, validate(text))
    assert time.process_time() - began < 10
    assert len(found.nodes) == 400 and len(found.edges) == 399
    assert picture(text, validate(text)) == found, "the same text is always the same picture"


def assert_apart(found: Picture) -> None:
    for one, other in combinations((node for node in found.nodes if not node.parent), 2):
        assert not covers(
            Box(one.width, one.height), corner(found, one), Box(other.width, other.height), corner(found, other)
        ), (one.key, other.key)


def covers(one: Box, at: tuple[float, float], other: Box, there: tuple[float, float]) -> bool:
    across = at[0] < there[0] + other.width and there[0] < at[0] + one.width
    return across and at[1] < there[1] + other.height and there[1] < at[1] + one.height
