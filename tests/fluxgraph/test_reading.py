"""Reading a flow's text: the design's whole document, older spellings, and each mistake with its line and column."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.document import FlowNode, ForeachNode, OnError, SwitchNode
from ionflux_core.fluxgraph.document_parts import HookConfig, seconds
from ionflux_core.fluxgraph.reading import parse, read
from tests.fluxgraph.apart import marked

WHOLE = (Path(__file__).parent / "order_guard.yaml").read_text(encoding="utf-8")


def test_the_whole_document_of_the_design_loads_without_problems() -> None:
    assert validate(WHOLE) == []
    flow = parse(WHOLE)
    assert [node.id for node in flow.graph] == ["margin", "big", "route", "lines", "ask", "pause", "post", "next"]
    assert [trigger.type for trigger in flow.triggers] == ["event", "schedule", "webhook", "manual", "flow"]
    hook = flow.triggers[2].config
    assert isinstance(hook, HookConfig)
    assert (hook.auth, hook.secret, hook.path) == ("standard", "secret://order_hook", "/order-guard")
    assert flow.limits.timeout == 3600
    assert flow.defaults.retry is not None and flow.defaults.retry.backoff == 2
    route, lines, following = flow.graph[2], flow.graph[3], flow.graph[7]
    assert isinstance(route, SwitchNode) and route.cases[1].when == "true"
    assert isinstance(lines, ForeachNode) and (lines.as_, lines.max_parallel) == ("line", 4)
    assert isinstance(following, FlowNode) and following.wait is True
    failing = flow.graph[6].on_error
    assert isinstance(failing, OnError) and failing.then is not None and failing.then.graph[0].id == "fallback"


OLDER = """\
version: "0.1.0"
name: order_alert
triggers: [{type: event, config: {topic: "ionflux.shopify.order.created"}}, {type: manual}]
input_schema: {type: object, required: [total_price], properties: {total_price: {type: number}}}
output_schema: {type: object, properties: {sent: {type: boolean}}}
graph:
  - {id: big, transform: ConditionalRouter, inputs: {value: "{{trigger.input_data.total_price}}"}, outputs: [yes_]}
  - {id: ask, transform: ActionApproval, if: "{{nodes.big.outputs.yes_}}", inputs: {urgency: high}, outputs: [approved]}
  - id: post
    agent: agent_007_refactored
    if: "{{nodes.ask.outputs.approved == true}}"
    outputs: [sent]
    dependencies: [big]
    ionwall_approval_scope: "chat:post:general"
    on_error: {retry: {max: 2, backoff_s: 5}, fallback: log}
"""


def test_a_document_in_the_older_form_loads() -> None:
    assert validate(OLDER) == []
    flow = parse(OLDER)
    post = flow.graph[2]
    assert (post.after, post.scope) == (("big",), "chat:post:general")
    assert isinstance(post.on_error, OnError) and post.on_error.retry is not None
    assert post.on_error.retry.backoff == 5
    assert [trigger.key for trigger in flow.triggers] == ["event", "manual_2"]


@pytest.mark.parametrize(
    ("written", "kind", "field", "value"),
    [
        ("{key: k, type: scheduled, cron: '0 5 * * *'}", "schedule", "cron", "0 5 * * *"),
        ("{key: k, type: cron, config: {cron_expression: every Monday at 9}}", "schedule", "cron", "0 9 * * 1"),
        ("{key: k, type: event_stream, config: {kafka_topic_name: a.b}}", "event", "topic", "a.b"),
        ("{key: k, type: stream, nats_subject: a.b}", "event", "topic", "a.b"),
        ("{key: k, type: event_driven, subject: a.*}", "event", "topic", "a.*"),
        ("{key: k, type: nats, topic: a.>}", "event", "topic", "a.>"),
        ("{key: k, type: flow, flow: other, on: failure}", "flow", "from_flow", "other"),
        ("{key: k, type: flow, config: {from_flow: other}}", "flow", "from_flow", "other"),
        ("{trigger_key: k, type: webhook, webhook_path_suffix: in}", "webhook", "path", "/in"),
    ],
)
def test_older_triggers_are_read(written: str, kind: str, field: str, value: str) -> None:
    flow = parse(f"name: x\ntriggers:\n  - {written}\ngraph: []\n")
    trigger = flow.triggers[0]
    assert (trigger.key, trigger.type, getattr(trigger.config, field)) == ("k", kind, value)


def test_a_problem_of_an_older_spelling_stands_where_it_is_written() -> None:
    text = "name: x\ntriggers:\n  - type: cron\n    config:\n      cron_expression: nonsense\ngraph: []\n"
    problem = validate(text)[0]
    assert (problem.line, problem.column, problem.path) == (5, 24, "triggers.0.config.cron_expression")


# § marks where the mistake is told to be.
MISTAKES = [
    ("name: §Order Guard\ngraph: []\n", "name", "not written as it should be"),
    ("§graph: []\n", "", "'name' is missing"),
    ("§name: x\n", "", "'graph' is missing"),
    ("name: x\n§titel: y\ngraph: []\n", "titel", "not a known key"),
    ("name: x\nversion: §'7'\ngraph: []\n", "version", "reads version 1"),
    ("§- a\n", "", "map of keys"),
    ("name: x\ngraph: §{}\n", "graph", "must be a valid list"),
    ("name: x\ngraph: [\n§", "", "YAML is broken"),
    ("name: x\n§name: y\ngraph: []\n", "", "twice"),
    ("name: x\ntriggers: [{key: a, type: §sometimes}]\ngraph: []\n", "triggers.0.type", "no kind of trigger"),
    ("name: x\ntriggers: [§{key: a, type: schedule}]\ngraph: []\n", "triggers.0", "'cron' is missing"),
    ("name: x\ntriggers: [{type: cron, cron: §0 0 30 2 *}]\ngraph: []\n", "triggers.0.cron", "never fires"),
    ("name: x\ntriggers: [{type: manual, form: §maybe}]\ngraph: []\n", "triggers.0.form", "must be a valid bool"),
    ("name: x\ntriggers: [{type: manual, §fom: true}]\ngraph: []\n", "triggers.0.fom", "not a known key"),
    ("name: x\nlimits: {timeout: §soon}\ngraph: []\n", "limits.timeout", "no duration"),
    ("name: x\nlimits: {max_steps: §0}\ngraph: []\n", "limits.max_steps", "greater than or equal to 1"),
    ("name: x\ngraph:\n  - id: §Big\n    transform: log@1\n", "graph.0.id", "small letters"),
    ("name: x\ngraph:\n  - §transform: log@1\n", "graph.0", "'id' is missing"),
    ("name: x\ngraph:\n  - §id: a\n", "graph.0", "Node 'a' has no kind"),
    ("name: x\ngraph:\n  - id: a\n    §transfrom: log@1\n", "graph.0.transfrom", "no kind of node"),
    ("name: x\ngraph:\n  - id: a\n    transform: log@1\n    §agent: b\n", "graph.0.agent", "one kind"),
    ("name: x\ngraph:\n  - §just text\n", "graph.0", "A node is a map"),
    ("name: x\ngraph:\n  - {id: a, transform: §'log 1'}\n", "graph.0.transform", "not written as it should"),
    ("name: x\ngraph:\n  - {id: a, wait: §{for: 1h, until: x}}\n", "graph.0.wait", "exactly one of for"),
    ("name: x\ngraph:\n  - {id: a, wait: {§fro: 1h}}\n", "graph.0.wait.fro", "not a known key"),
    ("name: x\ngraph:\n  - {id: a, switch: '1', cases: §[]}\n", "graph.0.cases", "at least one entry"),
    ("name: x\ngraph:\n  - {id: a, switch: '1', cases: [§{graph: []}]}\n", "graph.0.cases.0", "'when' is miss"),
    ("name: x\ngraph:\n  - {id: a, approval: §{body: b}}\n", "graph.0.approval", "'title' is missing"),
    ("name: x\ngraph:\n  - {id: a, approval: {title: b, timeout: §1s}}\n", "graph.0.approval.timeout", "10s"),
    ("name: x\ngraph:\n  - {id: a, code: §{language: js}}\n", "graph.0.code", "exactly one of source"),
    ("name: x\ngraph:\n  - {id: a, code: {language: §py, source: x}}\n", "graph.0.code.language", "'js', 'ts'"),
    ("name: x\ngraph:\n  - {id: a, flow: b, on_error: §stop}\n", "graph.0.on_error", "'fail' or 'continue'"),
    ("name: x\ngraph:\n  - {id: a, flow: b, retry: {max: §x}}\n", "graph.0.retry.max", "valid integer"),
    ("name: x\ngraph:\n  - {id: a, flow: b, scope: §everything}\n", "graph.0.scope", "not written"),
    ("name: x\ngraph:\n  - {id: a, flow: b, after: §c}\n", "graph.0.after", "valid list"),
    ("name: x\ngraph:\n  - {id: a, flow: b, dependencies: [], §after: []}\n", "graph.0.after", "mean the same"),
    ("name: x\ngraph:\n  - {id: a, parallel: {l: {graph: [{id: §B, flow: c}]}}}\n",
     "graph.0.parallel.l.graph.0.id", "small letters"),
    ("name: x\ngraph:\n  - {id: a, flow: b, on_error: {then: {graph: [§{id: c}]}}}\n",
     "graph.0.on_error.then.graph.0", "has no kind"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "words"), MISTAKES)
def test_mistake_is_told_with_its_place(text: str, path: str, words: str) -> None:
    plain, place = marked(text)
    problems = validate(plain)
    assert words in problems[0].message
    assert ((problems[0].line, problems[0].column), problems[0].path) == (place, path)
    assert problems[0].hint
    assert len(problems) == 1


def test_all_mistakes_are_told_at_once_and_one_does_not_hide_another() -> None:
    text = """\
name: x
graph:
  - id: a
    transform: log@1
    retry: {max: many}
    inputs: {m: "{{ nodes.absent.outputs.x }}"}
  - id: b
    kind: log
  - id: c
    transform: log@1
    if: "1 =="
    after: [b, a, nowhere]
"""
    found = {(problem.line, problem.column): problem.message for problem in validate(text)}
    assert list(found) == [(5, 18), (6, 17), (7, 5), (11, 9), (12, 19)]
    assert "absent" in found[6, 17]
    assert "nowhere" in found[12, 19]


def test_a_trigger_of_no_kind_is_one_problem() -> None:
    text = "name: x\ntriggers: [{key: a, type: webhok, path: p, auth: {kind: hmac}}, {cron: x}]\ngraph: []\n"
    assert [(problem.path, problem.hint) for problem in validate(text)] == [
        ("triggers.0.type", "Did you mean 'webhook'?"),
        ("triggers.1", "Add type: here."),
    ]


def test_near_names_are_hinted_at() -> None:
    hints = [problem.hint for problem in validate("name: x\ngrapf: []\ngraph:\n  - {id: a, flow: b, retri: {}}\n")]
    assert hints == ["Did you mean 'graph'?", "Did you mean 'retry'?"]


def test_parse_raises_with_every_problem() -> None:
    with pytest.raises(Invalid, match="2 problems") as caught:
        parse("name: X\ngraph:\n  - id: a\n")
    assert [problem.line for problem in caught.value.problems] == [1, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\ngraph:\n" + "".join(f"  - {{id: n{each}, flow: y}}\n" for each in range(20_000)), "256 KiB"),
        ("name: x\ngraph:\n" + "".join(f"- {{id: n{each}, flow: y}}\n" for each in range(3_000)), "2000 nodes"),
        ("name: x\ngraph: [" + "{}," * 10_000 + "]\n", "2000 nodes"),
        ("name: x\ngraph: " + "[{id: a, foreach: [], graph: " * 7 + "[]" + "}]" * 7 + "\n", "deeper than 6"),
        ("name: x\ngraph: " + "[" * 5_000 + "\n", "deeper than 32"),
        ("name: x\ngraph: [&a {id: b}, *a]\n", "Anchors"),
    ],
)
def test_a_crowd_is_one_problem_and_soon(text: str, words: str) -> None:
    began = time.process_time()
    problems = validate(text)
    assert time.process_time() - began < 10, "0.3 s alone on a machine; here it must only not run away"
    assert len(problems) == 1
    assert words in problems[0].message


def test_problems_are_told_up_to_a_limit() -> None:
    text = "name: x\ngraph:\n" + "".join(f"  - {{id: n{each}, flow: y, typo: 1}}\n" for each in range(500))
    assert len(validate(text)) == 200


@pytest.mark.parametrize(
    ("written", "value"),
    [("500ms", 0.5), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), (5, 5), ("1.5h", 5400)],
)
def test_durations(written: object, value: float) -> None:
    assert seconds(written) == value


@pytest.mark.parametrize("written", ["", "h", "10", "10 parsecs", "-1s", "0s", True, None, "400d", [], "1h 30", "1e9s"])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"duration|366 days"):
        seconds(written)


def test_what_is_left_of_a_broken_flow_can_still_be_drawn() -> None:
    reading = read("name: x\ngraph:\n  - {id: a, flow: b}\n  - {id: c}\n")
    assert reading.problems
    assert reading.flow is not None
    assert [node.id for node in reading.flow.graph] == ["a", "c"]
