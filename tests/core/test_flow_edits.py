"""What a person does on a flow's picture: each act changes its own place of the text; and how a run is told on it."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.domain.runs import RunError, RunStep
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.document import NODES
from ionflux_core.fluxgraph.reading import parse
from ionflux_core.services.flow_edits import copied, edited, new_key
from ionflux_core.services.flow_fields import fields_by_kind, input_fields
from ionflux_core.services.flow_states import NodeState, moments, node_of, visits

ORDER_GUARD = (Path(__file__).parents[1] / "fluxgraph" / "order_guard.yaml").read_text(encoding="utf-8")
START = datetime(2026, 11, 20, 9, tzinfo=UTC)


def after(text: str, action: str, **more: Any) -> str:
    return edited(text, {"action": action, **more})


def nodes(text: str) -> list[Any]:
    """The nodes of a flow's own graph."""
    return list(parse(text).graph)


def changed(old: str, new: str) -> list[str]:
    """The lines that differ, with their signs."""
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[:1] in "+-"]


def test_a_node_is_added_with_an_id_of_its_own_and_nothing_else_changes() -> None:
    act = {"action": "add", "kind": "transform", "name": "text.template@1", "after": "margin"}
    once = edited(ORDER_GUARD, act)
    twice = edited(once, act)
    assert new_key(ORDER_GUARD, act) == "template" and new_key(once, act) == "template_2"
    assert nodes(twice)[-1].id == "template_2" and nodes(twice)[-1].after == ("margin",)
    assert all(line.startswith("+") for line in changed(ORDER_GUARD, twice))


@pytest.mark.parametrize("kind", sorted(NODES))
def test_every_kind_can_be_added_and_is_readable_at_once(kind: str) -> None:
    name = {"agent": "revenue_tracker", "flow": "weekly_digest"}.get(kind, "")
    text = after("name: a\ngraph: []\n", "add", kind=kind, name=name, x=40.4, y=80)
    node = nodes(text)[0]
    assert node.kind == kind and node.position is not None and (node.position.x, node.position.y) == (40, 80)


def test_a_node_is_added_into_a_loop_a_case_and_a_branch() -> None:
    loop = {"action": "add", "kind": "wait", "graph": ["graph", 3, "graph"], "after": "stock"}
    text = edited(ORDER_GUARD, loop)
    assert new_key(ORDER_GUARD, loop) == "lines.wait"
    assert [node.id for node in nodes(text)[3].graph] == ["stock", "wait"]
    # The cases of one switch share their keys, so the id must differ from those of the other case, too.
    case = {"action": "add", "kind": "transform", "name": "low@1", "graph": ["graph", 2, "cases", 1, "graph"]}
    assert new_key(ORDER_GUARD, case) == "route.low_2"
    both = after("name: a\ngraph: []\n", "add", kind="parallel")
    branch = {"action": "add", "kind": "wait", "graph": ["graph", 0, "parallel", "second", "graph"]}
    assert new_key(both, branch) == "parallel.second.wait"
    assert validate(edited(both, branch)) == []
    bare = "name: a\ngraph:\n  - id: both\n    parallel:\n      left:\n        - {id: one, wait: {for: 1m}}\n"
    beside = {"action": "add", "kind": "wait", "graph": ["graph", 0, "parallel", "left"]}
    assert new_key(bare, beside) == "both.left.wait" and validate(edited(bare, beside)) == []


def test_lines_are_drawn_and_taken_away() -> None:
    text = after(ORDER_GUARD, "connect", source="margin", target="pause")
    assert changed(ORDER_GUARD, text) == ["+     after: [margin]"]
    assert after(text, "connect", source="margin", target="pause") == text
    more = after(text, "connect", source="big", target="pause")
    assert nodes(more)[5].after == ("margin", "big")
    fewer = after(more, "disconnect", source="margin", target="pause")
    assert nodes(fewer)[5].after == ("big",)
    assert after(fewer, "disconnect", source="big", target="pause") == ORDER_GUARD
    with pytest.raises(Conflict, match="big reads margin"):
        after(ORDER_GUARD, "disconnect", source="margin", target="big")
    with pytest.raises(Invalid, match="different graphs"):
        after(ORDER_GUARD, "connect", source="margin", target="lines.stock")


def test_a_deleted_node_is_waited_for_no_longer() -> None:
    text = after(ORDER_GUARD, "delete", keys=["post", "post.fallback", "pause"])
    flow = parse(text)
    assert [node.id for node in flow.graph] == ["margin", "big", "route", "lines", "ask", "next"]
    assert flow.graph[-1].after == ()
    assert "# loop: one sub-run per item" in text
    with pytest.raises(NotFound):
        after(text, "delete", keys=["post"])


def test_a_field_is_set_and_taken_out_with_the_map_it_leaves_empty() -> None:
    text = after(ORDER_GUARD, "set", key="pause", field=["title"], value="A break: 10 minutes")
    assert changed(ORDER_GUARD, text) == ["+     title: 'A break: 10 minutes'"]
    with_retry = after(text, "set", key="pause", field=["retry", "max"], value=3)
    assert nodes(with_retry)[5].retry.max == 3
    assert after(with_retry, "set", key="pause", field=["retry", "max"], value=None) == text
    low = after(ORDER_GUARD, "set", key="route", field=["cases", 0, "when"], value="value < 0.2")
    assert nodes(low)[2].cases[0].when == "value < 0.2"
    titled = after(ORDER_GUARD, "set", field=["title"], value="Guard")
    assert parse(titled).title == "Guard"


def test_places_touch_only_their_own_line_and_are_forgotten_at_once() -> None:
    text = after(ORDER_GUARD, "place", places=[["ask", 10, 20.6], ["lines.stock", 30, 40], ["pause", 1, 2]])
    lines = changed(ORDER_GUARD, text)
    assert sum(line.startswith("+") for line in lines) == 3
    assert sum(line.startswith("-") for line in lines) == 1, "a node written on one line holds its place there"
    again = after(text, "place", places=[["ask", 11, 21]])
    assert changed(text, again) == ["-     position: {x: 10, y: 21}", "+     position: {x: 11, y: 21}"]
    assert parse(after(again, "tidy")) == parse(ORDER_GUARD)
    assert "position" not in after(again, "tidy")


def test_pasted_nodes_read_each_other_and_not_those_they_were_copied_from() -> None:
    taken = copied(ORDER_GUARD, ["margin", "big", "post", "post.fallback"])
    assert [node["id"] for node in taken] == ["margin", "big", "post"]
    text = after(ORDER_GUARD, "paste", nodes=taken)
    assert new_key(ORDER_GUARD, {"action": "paste", "nodes": taken}) == "margin_2"
    made = {node.id: node for node in nodes(text)}
    assert "nodes.margin_2.outputs.net_margin" in made["big_2"].inputs["template"]
    assert made["post_2"].if_ == "nodes.ask.outputs.approved", "what was not copied is read where it was"
    assert made["post_2"].on_error.then.graph[0].id == "fallback"
    assert validate(text) == []


def test_sections_are_added() -> None:
    text = after(ORDER_GUARD, "section", key="route")
    assert len(nodes(text)[2].cases) == 3
    text = after(text, "section", key="pause", kind="on_error")
    assert nodes(text)[5].on_error.then is not None
    both = after(after("name: a\ngraph: []\n", "add", kind="parallel"), "section", key="parallel")
    assert list(nodes(both)[0].parallel) == ["first", "second", "branch"]
    with pytest.raises(Invalid):
        after(ORDER_GUARD, "section", key="ask")


def test_sections_are_taken_out_with_their_nodes() -> None:
    text = after(ORDER_GUARD, "set", key="route", field=["cases", 0], value=None)
    assert [node.id for case in nodes(text)[2].cases for node in case.graph] == ["fine"]
    text = after(text, "set", key="post", field=["on_error"], value=None)
    assert nodes(text)[6].on_error == "fail" and validate(text) == []


def test_a_node_is_renamed_wherever_it_is_read() -> None:
    text = after(ORDER_GUARD, "rename", key="ask", id="question")
    assert "nodes.question.outputs.approved" in text and "nodes.ask" not in text


NONSENSE: tuple[dict[str, Any], ...] = (
    {},
    {"action": "format_disk"},
    {"action": "add", "kind": "robot"},
    {"action": "add", "kind": "wait", "graph": ["nodes", 7]},
    {"action": "delete", "keys": "all"},
    {"action": "delete", "keys": [None]},
    {"action": "connect", "source": "margin", "target": "margin"},
    {"action": "set", "key": "ask", "field": ["graph", 0], "value": 1},
    {"action": "set", "key": "ask", "field": {}, "value": 1},
    {"action": "set", "key": "ask", "field": ["id"], "value": "x"},
    {"action": "place", "places": [["ask", "left", 3]]},
    {"action": "place", "places": [["ask", float("nan"), 3]]},
    {"action": "place", "places": [["ask", 1e9, 3]]},
    {"action": "paste", "nodes": ["margin"]},
    {"action": "rename", "key": "ask", "id": "../x"},
    {"action": "section", "key": 4},
)


@pytest.mark.parametrize("act", NONSENSE, ids=str)
def test_what_makes_no_sense_is_refused_in_words(act: dict[str, Any]) -> None:
    with pytest.raises(IonfluxError) as refused:
        edited(ORDER_GUARD, act)
    assert refused.value.message.endswith(".") and refused.value.hint


def test_each_kind_of_node_says_what_can_be_filled_in() -> None:
    fields = {kind: {field.path: field for field in each} for kind, each in fields_by_kind().items()}
    assert set(fields) == set(NODES)
    assert fields["approval"][("approval", "title")].needed
    assert fields["approval"][("approval", "urgency")].choices == ("low", "medium", "high", "critical")
    assert fields["wait"][("wait", "for")].form == "duration"
    assert fields["code"][("code", "source")].form == "area"
    assert fields["transform"][("retry", "max")].more and not fields["transform"][("title",)].more
    assert all(field.help for each in fields.values() for field in each.values())
    given = input_fields({
        "properties": {"much": {"type": "integer"}, "text": {"type": "string"}, "way": {"enum": ["a", "b"]}},
        "required": ["way"],
    })  # fmt: skip
    assert [(field.path[1], field.form) for field in given] == [("way", "choice"), ("much", "number"), ("text", "area")]


def step(
    key: str, begin: float, end: float | None, status: str = "success", kind: str = "transform", cost: int = 0
) -> RunStep:
    ended = None if end is None else START + timedelta(seconds=end)
    error = RunError(code="x", message="no") if status == "error" else None
    return RunStep(run_id="r", step_key=key, seq=1, kind=kind, title=key, status=status, attempt=1, error=error,
                   cost_micros=cost, started_at=START + timedelta(seconds=begin), finished_at=ended)  # fmt: skip


def told(steps: list[RunStep], owners: dict[str, str] | None = None) -> list[tuple[float, dict[str, str]]]:
    """Each moment in seconds, with the words of what changed."""
    return [
        ((each.at - START).total_seconds(), {key: state.status for key, state in each.changes.items()})
        for each in moments(steps, owners or {})
    ]


def test_a_run_is_told_moment_by_moment() -> None:
    steps = [
        step("a", 0, 1),
        step("ask", 1, 5, kind="approval"),
        step("late", 5, 5, kind="skipped"),
        step("on", 5, None, "running"),
    ]
    assert told(steps) == [
        (0, {"a": "running"}), (1, {"a": "success", "ask": "waiting"}),
        (5, {"ask": "success", "late": "skipped", "on": "running"}),
    ]  # fmt: skip


def test_a_loop_is_told_as_one_node_with_its_turns_and_the_box_runs_while_one_inside_does() -> None:
    steps = [step("lines[0].stock", 0, 2, cost=30), step("lines[0].stock/http", 0, 1, cost=10),
             step("lines[1].stock", 1, 3, "error"), step("lines", 0, 4)]  # fmt: skip
    found = moments(steps, {"lines.stock": "lines"})
    assert found[0].changes["lines"].status == "running"
    last: dict[str, NodeState] = {}
    for moment in found:
        last |= moment.changes
    assert last["lines.stock"] == NodeState("error", 2, 2, 4.0, 40)
    assert last["lines"].status == "success"
    halfway = {key: state for moment in found[:3] for key, state in moment.changes.items()}
    assert halfway["lines.stock"].ended == 1 and halfway["lines.stock"].status == "running"


def test_a_box_without_a_step_of_its_own_runs_and_what_only_called_runs_too() -> None:
    steps = [step("both.left.fetch/http", 0, 1)]
    (first,) = told(steps, {"both.left.fetch": "both"})
    assert first == (0, {"both.left.fetch": "running", "both": "running"})


def test_the_cases_that_were_not_taken_are_told_as_skipped_once_the_switch_has_ended() -> None:
    steps = [step("route.few", 1, 2), step("route", 0, 3, kind="switch"), step("next", 3, 4)]
    found = moments(steps, {"route.few": "route", "route.many": "route"}, {"route": ["route.many", "route.few"]})
    words = [{key: state.status for key, state in each.changes.items()} for each in found]
    assert words[3] == {"route": "success", "route.many": "skipped", "next": "running"}
    assert all("route.many" not in each for each in words[:3])


def test_a_very_long_run_has_as_many_moments_as_a_slider_can_show_and_ends_the_same() -> None:
    steps = [step(f"lines[{at}].stock", at, at + 0.5) for at in range(3000)]
    found = moments(steps, {})
    assert len(found) <= 400
    assert found[-1].changes["lines.stock"].ended == 3000


def test_each_turn_of_a_node_can_be_looked_at_with_its_whole_cost() -> None:
    steps = [step("a[0].b", 0, 1, cost=1), step("a[0].b/llm", 0, 1, cost=5), step("a[1].b", 1, 2), step("a", 0, 2)]
    assert [(visit.step.step_key, visit.cost_micros) for visit in visits(steps, "a.b")] == [
        ("a[0].b", 6),
        ("a[1].b", 0),
    ]
    assert node_of("a[12].b/x/y") == "a.b"
