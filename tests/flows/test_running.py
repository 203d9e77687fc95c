"""What a flow does when it runs: order, choices, loops, branches, errors, retries, limits."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ionflux_core.errors import Invalid, Unavailable
from ionflux_core.limits import RUN_STEPS
from tests.flows.kit import Flows, flows, small_flows, small_world, transforms_of_the_test, world

__all__ = ["flows", "small_flows", "small_world", "transforms_of_the_test", "world"]


def _failing(times: int) -> Any:
    left = [times]

    def work(value: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise Unavailable("The shop is closed.", hint="Wait.")
        return value

    return work


def test_values_flow_from_node_to_node_with_their_types(flows: Flows) -> None:
    flows.does("double", lambda value: value * 2)
    run = flows.run(
        """
input_schema: {type: object, properties: {n: {type: number, default: 4}, who: {type: string}}, required: [who]}
graph:
  - {id: last, transform: test.double, inputs: {value: "{{ nodes.first.outputs.value }}"}}
  - {id: first, transform: test.double, inputs: {value: "{{ inputs.n }}"}}
  - {id: told, transform: log, inputs: {message: "{{ trigger.input_data.who }}: {{ nodes.last.outputs.value }}"}}
output: {value: "{{ nodes.last.outputs.value }}", told: "{{ nodes.told.outputs.message }}", run: "{{ run.id }}"}
""",
        {"who": "Ada"},
    )
    assert run.outputs == {"value": 16, "told": "Ada: 16", "run": run.id}
    assert flows.steps(run) == {key: ("transform", "success") for key in ("first", "last", "told")}


def test_one_case_runs_and_what_reads_a_skipped_node_is_skipped(flows: Flows) -> None:
    text = """
input_schema: {type: object, properties: {n: {type: integer}}}
graph:
  - {id: big, if: "inputs.n > 10", transform: log, inputs: {message: big}}
  - {id: reader, transform: log, inputs: {message: "{{ nodes.big.outputs.message }}"}}
  - {id: lenient, transform: log, inputs: {message: "{{ nodes.big.outputs.message | default('none') }}"}}
  - id: route
    switch: inputs.n
    cases:
      - {when: "value > 10", graph: [{id: high, transform: log, inputs: {message: high}}]}
      - {when: "value > 1", graph: [{id: middle, transform: log, inputs: {message: middle}}]}
output: {route: "{{ nodes.route.outputs }}", status: "{{ nodes.big.status }}"}
"""
    run = flows.run(text, {"n": 5})
    assert run.outputs == {"route": {"case": 2, "middle": {"message": "middle"}}, "status": "skipped"}
    steps = flows.steps(run)
    assert (steps["big"][0], steps["reader"][0], steps["lenient"][0]) == ("skipped", "skipped", "transform")
    assert "route.middle" in steps and "route.high" not in steps
    assert flows.run(text, {"n": 0}).outputs == {"route": {"case": None}, "status": "skipped"}
    assert flows.run(text, {"n": 11}).outputs["status"] == "success"  # type: ignore[index]


def test_a_loop_gives_its_results_in_the_order_of_the_items(flows: Flows) -> None:
    flows.does("double", lambda value: value * 2)
    run = flows.run(
        """
input_schema: {type: object, properties: {items: {type: array}}}
graph:
  - id: lines
    foreach: "{{ inputs.items }}"
    as: line
    max_parallel: 4
    graph:
      - {id: twice, transform: test.double, inputs: {value: "{{ line.n }}"}}
      - {id: odd, if: "loop.index == 1", transform: log, inputs: {message: "{{ loop.index }}: {{ line.n }}"}}
output: {items: "{{ nodes.lines.outputs.items }}", count: "{{ nodes.lines.outputs.count }}"}
""",
        {"items": [{"n": 3}, {"n": 1}, {"n": 2}]},
    )
    assert run.outputs == {
        "items": [
            {"twice": {"value": 6}},
            {"twice": {"value": 2}, "odd": {"message": "1: 1"}},
            {"twice": {"value": 4}},
        ],
        "count": 3,
    }
    assert flows.steps(run)["lines[2].twice"] == ("transform", "success")


@pytest.mark.parametrize(("items", "said"), [({"a": 1}, "needs a list, not a map"), ("abc", "needs a list, not str"),
                                             ([0] * (RUN_STEPS + 1), f"{RUN_STEPS + 1} items")])  # fmt: skip
def test_a_loop_over_what_is_no_list_or_too_long_fails_with_a_sentence(
    small_flows: Flows, items: Any, said: str
) -> None:
    run = small_flows.run(
        """
input_schema: {type: object, properties: {items: {}}}
graph: [{id: lines, foreach: "{{ inputs.items }}", graph: [{id: a, transform: noop}]}]
""",
        {"items": items},
    )
    assert run.status == "error" and run.error and said in run.error.message and run.error.message.startswith("lines: ")


def test_branches_and_independent_nodes_run_side_by_side(small_flows: Flows) -> None:
    together = threading.Barrier(3)
    small_flows.does("meet", lambda value: together.wait(20) >= 0)
    run = small_flows.run(
        """
graph:
  - {id: alone, transform: test.meet}
  - id: both
    parallel:
      left: {graph: [{id: a, transform: test.meet}]}
      right: {graph: [{id: b, transform: test.meet}]}
output: {both: "{{ nodes.both.outputs }}"}
"""
    )
    assert run.outputs == {"both": {"left": {"a": {"value": True}}, "right": {"b": {"value": True}}}}


def test_max_parallel_of_a_loop_is_kept(small_flows: Flows) -> None:
    now, most, lock = [0], [0], threading.Lock()
    both = threading.Barrier(2)

    def work(value: Any) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(20)
        with lock:
            now[0] -= 1
        return value

    small_flows.does("count", work)
    run = small_flows.run(
        "graph: [{id: l, foreach: [1, 2, 3, 4], max_parallel: 2, graph: [{id: a, transform: test.count}]}]"
    )
    assert (run.status, most[0]) == ("success", 2)


def test_a_failed_node_is_tried_again_later_and_nothing_else_is_repeated(flows: Flows) -> None:
    done: list[Any] = []
    flows.does("once", lambda value: done.append(value) or value)
    flows.does("flaky", _failing(2))
    run = flows.run(
        """
graph:
  - {id: before, transform: test.once, inputs: {value: 1}}
  - id: shop
    transform: test.flaky
    inputs: {value: "{{ nodes.before.outputs.value }}"}
    retry: {max: 2, backoff: 10ms}
"""
    )
    assert (run.status, done) == ("success", [1])
    attempts = {step.step_key: step.attempt for step in flows.world.app.runs.steps(flows.world.workspace, run.id)}
    assert attempts == {"before": 1, "shop": 3}


def test_what_a_failed_try_has_asked_is_asked_again(flows: Flows) -> None:
    answers = iter([503, 503, 200])

    def work(given: Any) -> Any:
        status = given[0].step("ask", lambda: next(answers))
        if status != 200:
            raise Unavailable(f"It answered {status}.")
        return status

    flows.does("shop", work, ctx=True)
    run = flows.run("graph: [{id: a, transform: test.shop, retry: {max: 2, backoff: 10ms}}]")
    assert run.status == "success" and [*flows.steps(run)] == ["a", "a/ask", "a/try 2/ask", "a/try 3/ask"]


def test_a_node_that_fails_once_too_often_fails_the_flow_and_says_which_it_was(flows: Flows) -> None:
    flows.does("flaky", _failing(9))
    run = flows.run("graph: [{id: shop, transform: test.flaky, retry: {max: 1, backoff: 10ms}}]")
    assert run.status == "error" and run.error
    assert (run.error.code, run.error.message, run.error.hint) == ("unavailable", "shop: The shop is closed.", "Wait.")
    assert flows.steps(run) == {"shop": ("transform", "error")}


def test_what_cannot_come_right_is_not_tried_again(small_flows: Flows) -> None:
    asked: list[Any] = []

    def work(value: Any) -> Any:
        asked.append(value)
        raise Invalid("That is no number.", hint="Give one.")

    small_flows.does("picky", work)
    run = small_flows.run("graph: [{id: a, transform: test.picky, retry: {max: 5, backoff: 10ms}}]")
    assert (run.status, len(asked)) == ("error", 1)


def test_a_flow_goes_on_after_an_error_or_other_nodes_take_over(flows: Flows) -> None:
    flows.does("closed", _failing(99))
    run = flows.run(
        """
graph:
  - {id: optional, transform: test.closed, on_error: continue}
  - {id: after, if: "nodes.optional.status == 'error'", transform: log, inputs: {message: went on}}
  - id: guarded
    transform: test.closed
    on_error:
      retry: {max: 1, backoff: 10ms}
      then: {graph: [{id: told, transform: log, inputs: {message: "{{ error.message }} {{ error.hint }}"}}]}
  - {id: reads, transform: log, inputs: {message: "{{ nodes.guarded.outputs.told.message }}"}}
output:
  after: "{{ nodes.after.outputs.message }}"
  reads: "{{ nodes.reads.outputs.message }}"
  how: "{{ nodes.guarded.status }}"
"""
    )
    assert run.outputs == {"after": "went on", "reads": "The shop is closed. Wait.", "how": "error"}
    steps = flows.steps(run)
    assert steps["guarded"] == ("transform", "error") and steps["guarded.told"] == ("transform", "success")


def test_a_missing_path_is_false_in_a_condition_and_told_and_an_error_in_a_template(small_flows: Flows) -> None:
    run = small_flows.run(
        "graph: [{id: a, if: 'trigger.input_data.gone > 1', transform: noop}, {id: b, transform: noop}]"
    )
    logs = [line.message for line in small_flows.world.app.runs.logs(small_flows.world.workspace, run.id)]
    assert run.status == "success" and any("trigger.input_data.gone is missing" in line for line in logs)
    failed = small_flows.run("graph: [{id: a, transform: log, inputs: {message: '{{ trigger.input_data.gone }}'}}]")
    assert failed.error and "There is no trigger.input_data.gone" in failed.error.message


def test_a_node_that_takes_too_long_is_given_up_and_its_late_words_are_not_heard(small_flows: Flows) -> None:
    let_go, late = threading.Event(), []

    def work(given: Any) -> Any:
        let_go.wait(20)
        try:
            given[0].step("late", lambda: 1)
        except BaseException as error:
            late.append(type(error).__name__)
            raise
        return 1

    small_flows.does("hang", work, ctx=True)
    run = small_flows.run("graph: [{id: slow, transform: test.hang, timeout: 200ms, on_error: continue}]")
    let_go.set()
    assert run.status == "success" and run.outputs == {"nodes": {"slow": "error"}}
    step = small_flows.world.app.runs.steps(small_flows.world.workspace, run.id)[0]
    assert step.error and step.error.code == "node_timeout" and "longer than 0.2 s" in step.error.message
    for _ in range(500):
        if late:
            break
        threading.Event().wait(0.01)
    assert late == ["Revoked"] and [*small_flows.steps(run)] == ["slow"]


def test_a_flow_ends_at_its_step_cap(small_flows: Flows) -> None:
    run = small_flows.run(
        """
limits: {max_steps: 5}
graph: [{id: l, foreach: [1, 2, 3, 4, 5, 6, 7, 8], graph: [{id: a, transform: noop}]}]
"""
    )
    assert run.error and (run.error.code, "5 steps" in run.error.message) == ("too_many_steps", True)


def test_inputs_that_do_not_fit_the_schema_are_refused_before_anything_runs(small_flows: Flows) -> None:
    text = """
input_schema: {type: object, properties: {n: {type: integer, minimum: 3}, kind: {enum: [a, b]}}, required: [n]}
graph: [{id: a, transform: noop}]
"""
    flow = small_flows.keep(text)
    for wrong in ({}, {"n": "x"}, {"n": 5, "kind": "c"}, {"n": 5, "more": 1}):
        with pytest.raises(Invalid):
            small_flows.world.app.runs.start(small_flows.world.workspace, flow, wrong)
    run = small_flows.run(text, {"n": 2})
    assert run.error and (run.error.code, [*small_flows.steps(run)]) == ("bad_inputs", [])


def test_a_run_keeps_the_text_it_started_with(flows: Flows) -> None:
    text = """
graph:
  - {id: ask, approval: {title: 'Go on?'}}
  - {id: say, after: [ask], transform: log, inputs: {message: %s}}
output: {said: '{{ nodes.say.outputs.message }}'}
"""
    first = flows.start(text % "old")
    flows.world.until(first, "awaiting_approval")
    second = flows.start(text % "new")
    flows.world.until(second, "awaiting_approval")
    for question in flows.world.app.approvals.pending(flows.world.workspace):
        flows.world.app.approvals.decide(flows.world.workspace, question.id, approved=True, by="Ada")
    assert [flows.ended(each).outputs for each in (first, second)] == [{"said": "old"}, {"said": "new"}]
