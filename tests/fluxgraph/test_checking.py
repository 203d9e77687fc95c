"""The checks of a whole flow: names, order, inputs, scopes, recursion; each problem at its line and column."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.ordering import ordered
from ionflux_core.fluxgraph.reading import parse
from ionflux_core.fluxgraph.surroundings import Known, Offer
from ionflux_core.yaml_text import dump
from tests.fluxgraph.apart import marked
from tests.fluxgraph.test_conditions import ATTACKS as CONDITION_ATTACKS
from tests.fluxgraph.test_reading import OLDER, WHOLE
from tests.fluxgraph.test_templates import ATTACKS as TEMPLATE_ATTACKS

AROUND = Known(
    transforms={
        "log@1": Offer({"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}),
        "http.request@1": Offer({"type": "object", "properties": {"url": {"type": "string"}}}, scope="http:get:any"),
        "http.request@2": Offer(
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["url"],
                "properties": {
                    "url": {"type": "string"},
                    "tries": {"type": "integer"},
                    "rate": {"type": "number", "minimum": 0},
                    "method": {"enum": ["GET", "POST"]},
                    "json": {"type": "object", "properties": {"n": {"type": "number"}}},
                    "wait": {"type": "boolean"},
                },
            },
            frozenset({"status", "body"}),
        ),
    },
    agents={"revenue_tracker": Offer({"type": "object", "properties": {}})},
    flows={"digest": Offer(calls=frozenset({"report"})), "report": Offer(calls=frozenset({"x"})), "alone": Offer()},
    verdict=lambda scope: "deny" if scope.startswith("email:") else "ask",
)


def told(graph: str, around: Any = None) -> list[tuple[int, int, str]]:
    found = validate(f"name: x\ngraph:\n{graph}", around)
    assert all(problem.hint and problem.path for problem in found)
    return [(problem.line, problem.column, problem.message) for problem in found]


NODE = "  - {{id: {0}, transform: log@1, inputs: {{message: '{1}'}}}}\n"


def node(name: str, text: str = "x") -> str:
    """A node that reads something; a § before the text stands before its quote."""
    made = NODE.format(name, text.replace("'", "''").removeprefix("§"))
    return made.replace("message: '", "message: §'") if text.startswith("§") else made


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("  - {id: a, flow: y}\n  - {id: §a, flow: y}\n", "The id 'a' is there twice; the first is on line 3."),
        (node("a", "§{{ nodes.b.outputs.x }}"), "There is no node 'b'."),
        (node("a", "§{{ nodes.a.outputs.x }}"), "Node 'a' reads itself."),
        (node("a") + node("b", "§{{ nodes.a.output.x }}"), "A node has outputs and a status, not 'output'."),
        (node("a") + node("b", "§{{ a.x }}"), "There is no 'a' here."),
        (node("a", "§{{ triger.input_data.x }}"), "There is no 'triger' here."),
        (node("a", "§{{ trigger.input.x }}"), "trigger has no 'input'."),
        (node("a", "§{{ system.now }}"), "system has no 'now'."),
        (node("a", "§{{ loop.index }}"), "There is no 'loop' here."),
        (node("a", "§{{ error.message }}"), "There is no 'error' here."),
        (node("a", "§{{ 7*7 }}"), "* cannot be used in a template."),
        (node("a", "§{{ x"), "The template cannot be read"),
        ("  - {id: a, flow: b, if: §'run.id =='}\n", "The condition cannot be read: it ends too early"),
        ("  - {id: a, flow: b, if: §'5'}\n", "The condition came to '5', not to true or false."),
        ("  - {id: a, flow: b, if: §'value > 1'}\n", "There is no 'value' here."),
        ("  - {id: a, flow: b, if: §'false'}\n", "Node 'a' never runs: its condition is false."),
        ("  - {id: a, flow: b, after: [§a]}\n", "Node 'a' waits for itself."),
        ("  - {id: a, flow: b, after: [§c]}\n", "There is no node 'c' in this graph."),
        ("  - {id: a, foreach: §'trigger.input_data.l', graph: []}\n", "A loop needs a list."),
        ("  - {id: a, foreach: §[], graph: []}\n", "The loop 'a' has no items."),
        ("  - {id: a, foreach: [1], as: §run, graph: []}\n", "The loop's variable 'run' hides"),
        ("  - {id: a, foreach: [1], as: l, graph: [{id: b, foreach: [2], as: §l, graph: []}]}\n", "variable 'l'"),
        ("  - {id: a, foreach: [1], graph: [{id: §a, flow: b}]}\n", "The id 'a' hides the node"),
        ("  - {id: a, switch: '1', cases: [{when: 'true'}, {when: §value == 2}]}\n", "never reached"),
        ("  - {id: a, switch: '1', cases: [{when: §'false'}, {when: value == 2}]}\n", "never taken"),
        ("  - {id: a, switch: §value, cases: [{when: 'true'}]}\n", "There is no 'value' here."),
        ("  - {id: a, flow: §x}\n", "The flow calls itself: x -> x."),
        ("  - {id: a, wait: {until: §'{{ nodes.b.outputs.t }}'}}\n", "There is no node 'b'."),
        ("  - {id: a, approval: {title: §'{{ t }}'}}\n", "There is no 't' here."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_graph(graph: str, words: str) -> None:
    plain, place = marked(f"name: x\ngraph:\n{graph}")
    (problem,) = validate(plain)
    assert words in problem.message
    assert (problem.line, problem.column) == place
    assert problem.hint and problem.path


def test_a_branch_sees_what_is_around_it_and_not_into_other_branches() -> None:
    graph = """\
  - {id: first, transform: log@1}
  - id: route
    switch: nodes.first.outputs.kind
    cases:
      - {when: value == 'a', graph: [{id: low, transform: log@1, inputs: {m: "{{ nodes.first.outputs.x }}"}}]}
      - {when: value == 'b', graph: [{id: high, transform: log@1, inputs: {m: "{{ nodes.low.outputs.x }}"}}]}
  - {id: last, transform: log@1, inputs: {m: "{{ nodes.low.outputs.x }} {{ nodes.route.status }}"}}
  - {id: wrong, transform: log@1, on_error: {then: {graph: [{id: f, flow: y, if: nodes.wrong.status == ''}]}}}
"""
    assert told(graph) == [
        (8, 79, "Node 'low' cannot have run by then: it is in case 1 of 'route'."),
        (9, 46, "Node 'low' cannot have run by then: it is in case 1 of 'route'."),
        (10, 82, "Node 'wrong' cannot have run by then: 'f' is inside it."),
    ]


def test_loops_know_their_item_and_errors_their_message() -> None:
    graph = """\
  - id: lines
    foreach: "{{ trigger.input_data.lines }}"
    as: line
    graph:
      - {id: a, flow: y, inputs: {n: "{{ loop.index }} {{ line.sku }} {{ item }}"}}
      - id: b
        flow: y
        if: line.n > 1
        on_error: {then: {graph: [{id: c, flow: y, inputs: {e: "{{ error.message }}"}}]}}
  - {id: after, flow: y, inputs: {n: "{{ line.sku }}"}}
"""
    assert told(graph) == [(7, 38, "There is no 'item' here."), (12, 38, "There is no 'line' here.")]


def test_circles_are_named_with_their_way_once_each() -> None:
    graph = (
        node("a", "{{ nodes.c.outputs.x }}")
        + node("b", "{{ nodes.a.outputs.x }}")
        + node("c", "{{ nodes.b.outputs.x }}")
        + "  - {id: d, flow: y, after: [e]}\n  - {id: e, flow: y, after: [d]}\n  - {id: f, flow: y, after: [a]}\n"
    )  # fmt: skip
    assert told(graph) == [
        (3, 5, "These nodes wait for each other: a -> b -> c -> a."),
        (6, 5, "These nodes wait for each other: d -> e -> d."),
    ]


def test_knots_are_told_once_each_and_what_waits_for_one_is_none() -> None:
    graph = "".join(
        f"  - {{id: {name}, flow: y, after: [{needs}]}}\n"
        for name, needs in [("a", "b, c"), ("b", "a"), ("c", "a"), ("d", "a, e"), ("e", "d"), ("f", "e")]
    )
    assert [message for _, _, message in told(graph)] == [
        "These nodes wait for each other: a -> b -> a.",
        "These nodes wait for each other: d -> e -> d.",
    ]


LONG = 1_500
CROWDS = {
    "a chain against the text": "".join(f"- {{id: n{each}, flow: y, after: [n{each + 1}]}}\n" for each in range(LONG)),
    "many circles": "".join(f"- {{id: n{each}, flow: y, after: [n{each ^ 1}]}}\n" for each in range(LONG)),
    "one large circle": "".join(f"- {{id: n{each}, flow: y, after: [n{(each + 1) % LONG}]}}\n" for each in range(LONG)),
    "nothing of that name": "".join(f"- {{id: n{each}, flow: y, after: [m{each}]}}\n" for each in range(LONG)),
    "everything is dead": '- {id: n0, flow: y, if: "false"}\n'
    + "".join(
        f"- {{id: n{each}, flow: y, inputs: {{a: '{{{{nodes.n{each - 1}.outputs}}}}'}}}}\n" for each in range(1, LONG)
    ),
    "unknown paths": "".join(f"- {{id: n{each}, flow: y, if: 'nod.n{each} == a{each}'}}\n" for each in range(LONG)),
    "unknown keys": "".join(f"- {{id: n{each}, flow: y, k{each}: 1, l: 2}}\n" for each in range(LONG)),
    "a long key": f"- {{id: a, flow: y, {'k' * 100_000}: 1}}\n",
    "a long name": f"- {{id: a, flow: y, after: [{'k' * 100_000}]}}\n",
    "everybody reads everybody": "".join(
        f"- {{id: n{each}, flow: y, after: [{', '.join(f'n{other}' for other in range(each))}]}}\n"
        for each in range(160)
    ),
}


@pytest.mark.parametrize("name", CROWDS)
def test_a_large_flow_is_checked_in_little_time(name: str) -> None:
    text = f"name: x\ngraph:\n{CROWDS[name]}"
    assert len(text) <= 262_144
    began = time.process_time()
    problems = validate(text)
    # At most 0.7 s on a quiet machine.
    assert time.process_time() - began < 15
    assert len(problems) <= 200
    assert all(len(problem.message) + len(problem.path) < 2_000 for problem in problems)


def test_a_circle_through_a_branch_is_found() -> None:
    graph = """\
  - id: s
    parallel: {left: {graph: [{id: in_it, flow: y, inputs: {m: "{{ nodes.t.outputs.x }}"}}]}}
  - {id: t, flow: y, after: [s]}
"""
    assert told(graph) == [(3, 5, "These nodes wait for each other: s -> t -> s.")]


def test_what_needs_a_dead_node_is_dead() -> None:
    graph = (
        "  - {id: a, flow: y, if: '1 > 2'}\n"
        + node("b", "{{ nodes.a.outputs.x }}")
        + node("c", "{{ nodes.a.outputs.x | default('') }}")
    )
    assert [message for _, _, message in told(graph)] == [
        "Node 'a' never runs: its condition is false.",
        "Node 'b' never runs: it needs 'a'.",
    ]


def test_order_follows_from_what_is_read_and_after() -> None:
    flow = parse(
        "name: x\ngraph:\n"
        + node("end", "{{ nodes.left.outputs.x }} {{ nodes.loop.outputs }}")
        + node("left", "{{ nodes.start.outputs.x }}")
        + "  - {id: loop, foreach: [1], graph: [{id: in_it, flow: y, inputs: {m: '{{ nodes.start.outputs.x }}'}}]}\n"
        + node("start") + "  - {id: side, flow: y, after: [start]}\n"
    )  # fmt: skip
    order = ordered(flow)[("graph",)]
    assert order.levels == (("start",), ("left", "loop", "side"), ("end",))
    assert order.sequence == ("start", "left", "loop", "side", "end")
    assert order.needs["end"] == {"left", "loop"}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("§{tries: 1}", "Input 'url' is missing."),
        ("{url: §5}", "Input 'url' must be text."),
        ("{url: x, §urll: y}", "There is no input 'urll' here."),
        ("{url: x, tries: §'3'}", "Input 'tries' must be a whole number."),
        ("{url: x, tries: §'a {{ run.id }}'}", "Input 'tries' must be a whole number."),
        ("{url: x, tries: §3.5}", "Input 'tries' must be a whole number."),
        ("{url: x, rate: §-1}", "Input 'rate' does not fit"),
        ("{url: x, method: §get}", "Input 'method' must be one of GET, POST."),
        ("{url: x, json: {n: §y}}", "Input 'json.n' must be a number."),
        ("{url: x, json: §[]}", "Input 'json' must be a map."),
        ("{url: x, wait: §1}", "Input 'wait' must be true or false."),
    ],
)
def test_inputs_are_checked_as_far_as_they_are_written(inputs: str, words: str) -> None:
    plain, place = marked(f"name: x\ngraph:\n  - {{id: a, transform: http.request@2, inputs: {inputs}}}\n")
    (problem,) = validate(plain, AROUND)
    assert words in problem.message
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize(
    "inputs",
    ["{url: '{{ run.id }}'}", "{url: 'a {{ run.id }}'}", "{url: x, tries: '{{ inputs.n }}'}", "{url: x, rate: 19.90}",
     "{url: x, json: {n: '{{ inputs.n }}', m: x}}", "{url: x, wait: true}", "{url: x, tries: '{{ inputs.n | int }}'}"],
)  # fmt: skip
def test_inputs_that_fit_or_are_known_later_pass(inputs: str) -> None:
    assert told(f"  - {{id: a, transform: http.request@2, inputs: {inputs}}}\n", AROUND) == []
    assert told(f"  - {{id: a, transform: http.request, inputs: {inputs}}}\n", AROUND) == []


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("  - {id: a, transform: §log@2}\n", "There is no transform 'log@2'."),
        ("  - {id: a, transform: §nothing}\n", "There is no transform 'nothing'."),
        ("  - {id: a, agent: §revenue_trackr}\n", "There is no agent 'revenue_trackr'."),
        ("  - {id: a, flow: §dijest}\n", "There is no flow 'dijest'."),
        ("  - {id: a, flow: §digest}\n", "The flow calls itself: x -> digest -> report -> x."),
        ("  - §{id: a, transform: http.request@1}\n", "Node 'a' needs a scope"),
        ("  - {id: a, flow: alone, scope: §'email:send:all'}\n", "policies deny 'email:send:all'"),
        ("  - {id: a, transform: http.request@2, inputs: {url: x}}\n"
         "  - {id: b, flow: alone, inputs: {t: §'{{ nodes.a.outputs.text }}'}}\n", "has no output 'text'"),
    ],
)  # fmt: skip
def test_what_the_surroundings_do_not_have(graph: str, words: str) -> None:
    plain, place = marked(f"name: x\ngraph:\n{graph}")
    (problem,) = validate(plain, AROUND)
    assert words in problem.message
    assert (problem.line, problem.column) == place
    if "flow calls" not in words:
        assert validate(plain) == [], "without a catalogue that kind is not checked"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("triggers: [{key: a, type: manual}, {key: §a, type: manual}]\n", "The trigger 'a' is there twice."),
        ("triggers: [{key: a, type: webhook, path: p}, {key: b, type: webhook, path: §/p}]\n", "Two webhooks"),
        ("triggers: [{key: a, type: flow, flow: §x}]\n", "The flow starts itself"),
        ("input_schema: §{type: objekt}\n", "input_schema is no JSON Schema"),
        ("input_schema: {properties: {n: {}}, additionalProperties: false}\noutput: {a: §'{{ trigger.payload.m }}'}\n",
         "The input_schema has no 'm'."),
        ("output: {a: §'{{ nodes.b.outputs }}'}\n", "There is no node 'b'."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_header(text: str, words: str) -> None:
    plain, place = marked(f"name: x\n{text}graph: []\n")
    (problem,) = validate(plain)
    assert words in problem.message
    assert (problem.line, problem.column) == place
    assert problem.hint


def test_validating_a_thousand_hostile_flows_starts_nothing_and_opens_nothing() -> None:
    seen: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event.startswith(("subprocess", "os.system", "os.exec", "os.fork", "os.posix_spawn", "socket")):
            seen.append(event)

    validate(f"name: x\ngraph:\n{node('a', '{{ x | upper }}')}")
    sys.addaudithook(watch)
    texts = [*CONDITION_ATTACKS, *TEMPLATE_ATTACKS]
    for number in range(1_000):
        text = texts[number % len(texts)]
        document = {
            "name": "x",
            "graph": [{"id": "a", "code": {"language": "js", "source": text}, "inputs": {"a": text}}],
        }
        document["graph"][0]["if"] = text  # type: ignore[index]
        assert isinstance(validate(dump(document)), list)
    watching = False
    assert seen == []


WORDS = st.sampled_from(["id", "transform", "graph", "a", "{{ nodes.a.outputs }}", "1", "if", "cases", "when", "wait"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "graph", "triggers", "limits", "output", "defaults"]), JUNK))
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_is_answered_with_problems_that_have_a_place(document: dict[str, Any]) -> None:
    try:
        text = dump(document)
    except Invalid:
        return
    for problem in validate(text):
        assert problem.line >= 1 and problem.column >= 1 and problem.message


PIECES = st.sampled_from(
    ["{", "}", "[", "]", ": ", " ", "\n", "- ", "a", "'", '"', "{{", "}}", "null", "1.10", "&a ", "#"]
)
EDITS = st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 12), PIECES | st.just("")), min_size=1, max_size=6)


@given(st.sampled_from([WHOLE, OLDER]), EDITS)
@settings(max_examples=200, deadline=None)
def test_any_misspelt_flow_is_answered_with_places(text: str, edits: list[tuple[int, int, str]]) -> None:
    for at, length, piece in edits:
        at %= len(text)
        text = text[:at] + piece + text[at + length :]
    lines = text.count("\n") + 1
    for problem in validate(text, AROUND):
        assert 1 <= problem.line <= lines + 1 and problem.column >= 1 and problem.message
