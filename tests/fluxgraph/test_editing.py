"""Edits by form and picture: one place of the text changes, comments and everything else stay as they were."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.fluxgraph import editing
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.reading import parse
from ionflux_core.yaml_text import load, set_value
from tests.fluxgraph.test_reading import WHOLE


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line.startswith("- ")], [line[2:] for line in lines if line.startswith("+ ")]


def test_renaming_changes_every_line_that_reads_the_node_and_no_other() -> None:
    after = editing.rename_node(WHOLE, "margin", "gain")
    gone, come = changed(WHOLE, after)
    assert come == [line.replace("nodes.margin", "nodes.gain").replace("id: margin", "id: gain") for line in gone]
    assert len(gone) == 3
    assert validate(after) == []


def test_renaming_reaches_waits_conditions_outputs_and_inner_graphs_but_no_words() -> None:
    text = """\
name: x
graph:
  - id: a   # the node a
    flow: y
    note: nodes.a is read below
  - id: b
    flow: y
    after: [a, 'c']
    if: "nodes.a.status == 'nodes.a'"   # asks a
    inputs: {one: '{{ nodes["a"].outputs.x }} nodes.a', two: "{{ nodes.ab.outputs }}"}
  - {id: c, foreach: "{{ nodes.a.outputs.l }}", graph: [{id: d, flow: y, if: "nodes.a.status == ''"}]}
  - {id: ab, flow: y}
output: {x: "{{ nodes . a . outputs | default('nodes.a') }}"}
"""
    after = editing.rename_node(text, "a", "first")
    assert changed(text, after)[1] == [
        "  - id: first   # the node a",
        "    after: [first, 'c']",
        "    if: \"nodes.first.status == 'nodes.a'\"   # asks a",
        '    inputs: {one: \'{{ nodes["first"].outputs.x }} nodes.a\', two: "{{ nodes.ab.outputs }}"}',
        '  - {id: c, foreach: "{{ nodes.first.outputs.l }}", '
        "graph: [{id: d, flow: y, if: \"nodes.first.status == ''\"}]}",
        "output: {x: \"{{ nodes . first . outputs | default('nodes.a') }}\"}",
    ]
    assert editing.rename_node(after, "first", "a") == text


def test_a_node_in_a_loop_is_named_by_its_path() -> None:
    after = editing.rename_node(WHOLE, "lines.stock", "store")
    assert len(changed(WHOLE, after)[0]) == 1
    assert parse(after).graph[3].graph[0].id == "store"  # type: ignore[union-attr]
    assert editing.node_path(WHOLE, "post.fallback") == ("graph", 6, "on_error", "then", "graph", 0)


@pytest.mark.parametrize(
    ("key", "new", "kind", "words"),
    [
        ("margin", "big", Conflict, "already"),
        ("lines.stock", "margin", Conflict, "already"),
        ("margin", "Big", Invalid, "no id"),
        ("nobody", "a", NotFound, "no node 'nobody'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(key: str, new: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        editing.rename_node(WHOLE, key, new)


def test_a_position_is_one_line_of_its_node() -> None:
    after = editing.place_node(WHOLE, "post", 10, 20.125)
    assert changed(WHOLE, after) == ([], ["    position: {x: 10, y: 20.12}"])
    again = editing.place_node(after, "post", 11, 0)
    assert changed(after, again) == (["    position: {x: 10, y: 20.12}"], ["    position: {x: 11, y: 0}"])
    assert validate(again) == []


def test_adding_and_deleting_leaves_the_text_as_it_was() -> None:
    node = {"id": "fresh", "transform": "log@1", "inputs": {"message": "{{ run.id }}"}}
    added = editing.add_node(WHOLE, node)
    assert validate(added) == []
    assert changed(WHOLE, added) == (
        [], ["  - id: fresh", "    transform: log@1", "    inputs:", "      message: '{{ run.id }}'"],
    )  # fmt: skip
    assert editing.delete_node(added, "fresh") == WHOLE
    with pytest.raises(Conflict):
        editing.add_node(added, node)


def test_nodes_inside_brackets_come_and_go_alone() -> None:
    graph = ("graph", 3, "graph")
    added = editing.add_node(WHOLE, {"id": "two", "flow": "y"}, graph=graph)
    assert len(changed(WHOLE, added)[0]) <= 1
    assert [node.id for node in parse(added).graph[3].graph] == ["stock", "two"]  # type: ignore[union-attr]
    after = editing.delete_node(WHOLE, "route.low")
    gone, come = changed(WHOLE, after)
    assert len(gone) == 1
    assert come == ['      - {when: "value < 0.15", graph: []}']


def test_a_field_is_set_in_its_place() -> None:
    after = editing.set_field(WHOLE, "lines.stock", ("retry", "max"), 7)
    gone, come = changed(WHOLE, after)
    assert come == [gone[0].replace("max: 4", "max: 7")]


def test_a_first_node_can_be_added() -> None:
    text = "name: x   # a flow\ngraph: []   # nothing yet\n"
    after = editing.add_node(text, {"id": "a", "flow": "y"})
    assert load(after).data["graph"] == [{"id": "a", "flow": "y"}]
    assert "# a flow" in after and "# nothing yet" in after


OLD = """\
version: "0.1.0"   # old
name: order_alert
triggers:
  - type: event_stream
    config:   # what to hear
      # the topic
      kafka_topic_name: "a.b"   # c
    key: a
  - {type: scheduled, config: {cron_expression: "0 5 * * *"}}
  - {type: flow, from_flow: other}
graph:
  - id: a   # first
    transform: log@1
    retry: {max: 1, backoff_s: 5}
    inputs: {m: "{{ trigger.payload.x }} trigger.payload"}   # m
  - id: b
    transform: log@1
    dependencies: [a]
    if: "trigger.payload.y > 1"
    ionwall_approval_scope: "chat:post:general"
"""


def test_saving_writes_todays_spelling_and_keeps_every_comment() -> None:
    today = editing.modernised(OLD)
    assert changed(OLD, today)[1] == [
        "  - type: event",
        "    # what to hear",
        "    # the topic",
        '    topic: "a.b"   # c',
        '  - {type: schedule, cron: "0 5 * * *"}',
        "  - {type: flow, flow: other}",
        "    retry: {max: 1, backoff: 5}",
        '    inputs: {m: "{{ trigger.input_data.x }} trigger.payload"}   # m',
        "    after: [a]",
        '    if: "trigger.input_data.y > 1"',
        '    scope: "chat:post:general"',
    ]
    assert editing.modernised(today) == today
    assert editing.modernised(WHOLE) == WHOLE
    assert validate(today) == []


IDS = st.lists(st.sampled_from([f"n{number}" for number in range(12)]), min_size=1, max_size=6, unique=True)
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"]), max_size=10)
COMMENTS = st.sampled_from(["", "   # a note", "  # é: {x}", "   # [1, 2]"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A flow as a person would write it: block and flow style mixed, comments at the ends and on lines of their own."""
    lines = ["# a flow", f"name: x{draw(COMMENTS)}", "", "graph:"]
    ids = draw(IDS)
    for at, name in enumerate(ids):
        reads = f"{{{{ nodes.{ids[at - 1]}.outputs.x }}}}" if at else "{{ trigger.input_data.x }}"
        word = json.dumps(draw(WORDS), ensure_ascii=False)
        kind = draw(st.sampled_from(["flow", "block", "loop", "switch"]))
        if draw(st.booleans()):
            lines.append(f"  # about {name}")
        if kind == "flow":
            lines.append(f"  - {{id: {name},  transform: log@1, inputs: {{message: {word}, n: 1.10}}}}{draw(COMMENTS)}")
        elif kind == "block":
            lines += [f"  - id: {name}{draw(COMMENTS)}", "    transform: text.template@1", f"    title: {word}"]
            lines += ["    inputs:   # values", f'      template: "{reads}"', "      when: 010", ""]
        elif kind == "loop":
            lines += [f"  - id: {name}", f'    foreach: "{reads}"{draw(COMMENTS)}', "    graph:"]
            lines += [f"      - {{id: in_{name}, flow: y, inputs: {{v: '{{{{ item }}}}'}}}}   # inner"]
        else:
            lines += [f"  - id: {name}", "    switch: run.id", "    cases:"]
            lines += [
                f"      - {{when: value == 'a', graph: [{{id: in_{name}, flow: y}}, {{id: out_{name}, flow: y}}]}}"
            ]
    return "\n".join(lines) + "\n" + draw(st.sampled_from(["", "# the end\n", "output: {a: 1}\n"]))


def comments(text: str) -> Counter[str]:
    """How often each comment stands in a text."""
    known = ["# a flow", "# a note", "# é: {x}", "# [1, 2]", "# about", "# values", "# inner", "# the end"]
    return Counter({each: text.count(each) for each in known if each in text})


@given(documents(), st.data())
@settings(max_examples=200, deadline=None)
def test_an_edit_changes_only_its_path_and_comments_survive(text: str, data: st.DataObject) -> None:
    before = load(text).data
    nodes = before["graph"]
    at = data.draw(st.integers(0, len(nodes) - 1), "node")
    name = nodes[at]["id"]
    kind = data.draw(st.sampled_from(["field", "place", "rename", "add", "delete", "inner"]), "edit")
    meant = json.loads(json.dumps(before))
    kept = comments(text)
    if kind == "field":
        value = data.draw(st.one_of(WORDS, st.integers(0, 99), st.none()), "value")
        after = editing.set_field(text, name, ("inputs", "message"), value)
        meant["graph"][at].setdefault("inputs", {})["message"] = value
    elif kind == "place":
        after = editing.place_node(text, name, 5, 7)
        meant["graph"][at]["position"] = {"x": 5, "y": 7}
    elif kind == "rename":
        after = editing.rename_node(text, name, "renamed")
        meant = json.loads(json.dumps(before).replace(f"nodes.{name}.", "nodes.renamed."))
        meant["graph"][at]["id"] = "renamed"
    elif kind == "add":
        after = editing.add_node(text, {"id": "fresh", "flow": "y"})
        meant["graph"].append({"id": "fresh", "flow": "y"})
    elif kind == "inner" and ("cases" in nodes[at] or "foreach" in nodes[at]):
        after = editing.delete_node(text, f"{name}.in_{name}")
        inner: Any = meant["graph"][at]
        (inner["cases"][0] if "cases" in inner else inner)["graph"].pop(0)
        kept = comments(text) - Counter({"# inner": int("foreach" in nodes[at])})
    else:
        after = editing.delete_node(text, name)
        meant["graph"].pop(at)
        kept = Counter()
    assert load(after).data == meant
    gone, _ = changed(text, after)
    assert len(gone) <= {"field": 1, "place": 1, "rename": 3, "add": 0, "inner": 2}[kind] if kept else 8
    assert comments(after) >= kept


def test_what_is_added_can_stand_on_one_line() -> None:
    assert set_value("a:\n  b: 1   # b\n", ("a", "c"), {"x": 1}, on_one_line=True) == "a:\n  b: 1   # b\n  c: {x: 1}\n"
    assert set_value("a: [1]\n", ("b",), [1, 2], on_one_line=True) == "a: [1]\nb: [1, 2]\n"
