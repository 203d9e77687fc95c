"""What a review of the runner found: waits side by side, time limits, lanes inside of steps, what is asked once."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ionflux_core.domain.events import is_awaited
from ionflux_core.domain.money import dollar_micros
from ionflux_core.errors import BudgetReached, Invalid
from ionflux_core.ids import now
from ionflux_core.runtime.flow.results import Ended
from ionflux_core.runtime.flow.scope import Scope
from ionflux_core.storage import events as event_rows
from ionflux_core.storage.tables import agent_configurations, run_steps, runs
from tests.agents_for_tests.world import wait_for
from tests.flows.kit import Flows, small_flows, small_world, transforms_of_the_test

__all__ = ["small_flows", "small_world", "transforms_of_the_test"]

ASK = "{id: ask, approval: {title: 'Go on?', body: 'Dear all', editable: [body]}}"


def _pending(flows: Flows) -> list[Any]:
    return flows.world.app.approvals.pending(flows.world.workspace)


def _decide(flows: Flows, **options: Any) -> None:
    wait_for(lambda: _pending(flows))
    question = _pending(flows)[0]
    flows.world.app.approvals.decide(flows.world.workspace, question.id, approved=True, by="Ada", **options)


def _change(flows: Flows, table: Any, *where: Any, **values: Any) -> None:
    flows.world.app.db.write(lambda connection: connection.execute(update(table).where(*where).values(**values)))


def _refusing(asked: list[Any], error: Exception) -> Any:
    def work(value: Any) -> Any:
        asked.append(value)
        raise error

    return work


def test_with_a_time_limit_each_node_publishes_its_own_event_and_pays_its_own_steps(small_flows: Flows) -> None:
    def work(given: Any) -> int:
        def pay() -> int:
            given[0]._journal.cost_micros += 5
            return 1

        return int(given[0].step("inner", pay))

    small_flows.does("pay", work, ctx=True)
    run = small_flows.run(
        """
defaults: {timeout: 20s}
graph:
  - {id: a, transform: event.publish, inputs: {type: test.told, payload: {n: 1}}}
  - {id: b, transform: event.publish, inputs: {type: test.told, payload: {n: 2}}}
  - {id: c, transform: test.pay}
"""
    )
    assert run.status == "success", run.error
    assert sorted(payload["n"] for _, payload in small_flows.world.events()) == [1, 2]
    costs = {row.step_key: row.cost_micros for row in small_flows.world.rows("run_steps")}
    assert (costs["c"], costs["c/inner"]) == (0, 5) and run.cost_micros == 5


def test_what_failed_for_good_is_neither_tried_nor_told_again_after_a_wait(small_flows: Flows) -> None:
    asked: list[Any] = []
    small_flows.does("picky", _refusing(asked, Invalid("That is no number.", hint="Give one.")))
    run_id = small_flows.start(
        f"graph: [{ASK}, {{id: a, transform: test.picky, retry: {{max: 5, backoff: 10ms}}, on_error: continue}}]"
    )
    _decide(small_flows)
    run = small_flows.ended(run_id)
    logs = [line.message for line in small_flows.world.app.runs.logs(small_flows.world.workspace, run_id)]
    assert (run.outputs, len(asked)) == ({"nodes": {"ask": "success", "a": "error"}}, 1)
    assert sum("goes on" in line for line in logs) == 1


def test_a_flow_that_its_budget_stopped_goes_on_where_it_was(small_flows: Flows) -> None:
    done: list[Any] = []

    def work(value: Any) -> Any:
        done.append(value)
        if done.count("dear") == 1 and value == "dear":
            raise BudgetReached("The budget is used up.", hint="Raise it.")
        return value

    small_flows.does("note", work)
    run = small_flows.run(
        "graph: [{id: a, transform: test.note, inputs: {value: first}}, "
        "{id: b, after: [a], transform: test.note, inputs: {value: dear}, on_error: continue}]"
    )
    assert run.status == "budget_stopped"
    app, ws = small_flows.world.app, small_flows.world.workspace
    app.budgets.continue_with(ws, run.id)
    assert small_flows.ended(run.id).status == "success" and done == ["first", "dear", "dear"]


def test_a_flow_may_limit_what_a_run_of_it_costs(small_flows: Flows) -> None:
    text = "limits: {budget_c_ion: 2}\ngraph: [{id: a, transform: noop}]"
    assert small_flows.run(text).budget_micros == dollar_micros(2_000_000)
    assert small_flows.run(text, budget_micros=7).budget_micros == 7


def test_the_time_limit_of_a_flow_leaves_its_waits_out_and_holds_for_no_replay(small_flows: Flows) -> None:
    text = f"limits: {{timeout: 30s}}\ngraph: [{{id: a, transform: noop}}, {ASK}]"
    for worked, status in ((0, "success"), (40, "error")):
        run_id = small_flows.start(text)
        wait_for(lambda: _pending(small_flows))
        small_flows.world.until(run_id, "awaiting_approval")
        _change(small_flows, runs, runs.c.id == run_id, started_at=now() - timedelta(days=1))
        begun = now() - timedelta(seconds=worked)
        _change(small_flows, run_steps, run_steps.c.run_id == run_id, run_steps.c.step_key == "a", started_at=begun)
        _decide(small_flows)
        assert small_flows.ended(run_id).status == status
        if status == "success":
            again = small_flows.world.app.forks.replay(small_flows.world.workspace, run_id).run_id
            assert small_flows.ended(again).status == "success"


@pytest.mark.parametrize("most", [1, 2])
def test_a_loop_begins_no_more_items_than_it_may_also_while_they_wait(small_flows: Flows, most: int) -> None:
    run_id = small_flows.start(
        f"graph: [{{id: l, foreach: [1, 2, 3], max_parallel: {most}, graph: [{ASK}]}}]\n"
        "output: {n: '{{ nodes.l.outputs.count }}'}"
    )
    for left in (3, 2, 1):
        small_flows.world.until(run_id, "awaiting_approval")
        wait_for(lambda left=left: len(_pending(small_flows)) == min(most, left))  # type: ignore[misc]
        _decide(small_flows)
    assert small_flows.ended(run_id).outputs == {"n": 3}


def test_a_key_of_any_length_is_found_again(small_flows: Flows) -> None:
    asked: list[Any] = []
    small_flows.does("closed", _refusing(asked, OSError("closed")))
    graph = "{id: end, transform: test.closed, retry: {max: 1, backoff: 10ms}}"
    for depth in range(5):
        graph = f"{{id: {'abcde'[depth] * 60}, foreach: [1], as: i{depth}, graph: [{graph}]}}"
    run = small_flows.run(f"graph: [{graph}]")
    assert (run.status, len(asked)) == ("error", 2)


def test_what_a_given_up_branch_has_asked_is_taken_back(small_flows: Flows) -> None:
    small_flows.does("closed", _refusing([], Invalid("no", hint="none")))
    run = small_flows.run(
        f"graph: [{{id: both, on_error: continue, parallel: {{left: {{graph: [{ASK}]}}, "
        "right: {graph: [{id: b, transform: test.closed}]}}}]"
    )
    assert run.outputs == {"nodes": {"both": "error"}} and not _pending(small_flows)
    assert small_flows.steps(run)["both.left.ask"] == ("approval", "cancelled")


def test_a_flow_that_fails_takes_the_runs_it_waited_for_with_it(small_flows: Flows) -> None:
    small_flows.world.agent("asker", lambda ctx, inputs: {"result": ctx.approve("Inner?").approved})
    small_flows.does("closed", _refusing([], Invalid("no", hint="none")))
    run = small_flows.run("graph: [{id: a, agent: asker}, {id: b, transform: test.closed}]")
    app, ws = small_flows.world.app, small_flows.world.workspace
    assert run.status == "error"
    wait_for(lambda: not app.runs.unfinished(ws) and not _pending(small_flows))
    assert {row.status for row in small_flows.world.rows("runs")} == {"error", "cancelled_by_user"}


def test_an_event_from_before_a_wait_is_not_what_it_waits_for(small_flows: Flows, monkeypatch: Any) -> None:
    run_id = small_flows.start(
        f"graph: [{{id: x, wait: {{event: {{topic: test.x, timeout: 1h}}}}}}, {ASK}, "
        "{id: y, after: [ask], wait: {event: {topic: test.y, timeout: 1h}}}]\n"
        "output: {y: '{{ nodes.y.outputs.event.payload.n }}'}"
    )
    app, ws, world = small_flows.world.app, small_flows.world.workspace, small_flows.world
    world.until(run_id, "awaiting_approval")
    app.events.publish(ws, "test.y", {"n": 1}, source="test")
    _decide(small_flows)
    wait_for(lambda: world.steps(run_id).get("y") == "waiting")
    world.until(run_id, "waiting")
    monkeypatch.setattr(event_rows, "_AT_ONCE", 1)
    app.events.publish(ws, "test.x", {}, source="test")
    wait_for(lambda: world.steps(run_id).get("x") == "success")
    app.events.publish(ws, "test.y", {"n": 2}, source="test")
    assert small_flows.ended(run_id).outputs == {"y": 2}
    event = app.events.find(ws, prefix="test.y", limit=1)[0]
    assert not is_awaited({"topic": "test.y", "after": event.seq}, event)
    assert is_awaited({"topic": "test.y", "after": event.seq - 1}, event)


def test_an_event_that_came_in_time_while_the_run_was_paused_is_heard(small_flows: Flows) -> None:
    run_id = small_flows.start(
        "graph: [{id: x, wait: {event: {topic: 'test.*', timeout: 1h}}}]\n"
        "output: {late: '{{ nodes.x.outputs.timed_out }}'}"
    )
    app, ws = small_flows.world.app, small_flows.world.workspace
    small_flows.world.until(run_id, "waiting")
    app.runs.pause(ws, run_id)
    app.events.publish(ws, "test.x", {}, source="test")
    (row,) = small_flows.world.rows("run_steps", run_id=run_id)
    waited = row.outputs | {"until": now().isoformat()}
    _change(small_flows, run_steps, run_steps.c.run_id == run_id, outputs=waited)
    app.runs.resume(ws, run_id)
    assert small_flows.ended(run_id).outputs == {"late": False}


def test_a_text_that_is_no_text_of_this_language_any_more_ends_its_runs_and_is_listed(small_flows: Flows) -> None:
    run_id = small_flows.start(f"graph: [{ASK}]")
    app, ws = small_flows.world.app, small_flows.world.workspace
    run = small_flows.world.until(run_id, "awaiting_approval")
    old = "name: tried\ngraph: [{id: a, gone: 1}]"
    _change(small_flows, runs, runs.c.id == run_id, config=run.config | {"advanced_features": {"flow": old}})
    _change(small_flows, agent_configurations, agent_configurations.c.id == run.instance_id, yaml_config_text=old)
    _decide(small_flows)
    ended = small_flows.ended(run_id)
    assert ended.error and ended.error.code == "invalid"
    assert [each.name for each in app.flows.find(ws)] == ["tried"] and app.flows.validate(ws, old, but="tried")
    with pytest.raises(Invalid):
        app.runs.start(ws, "tried", {})


def test_the_words_of_a_question_are_edited_as_words(small_flows: Flows) -> None:
    run_id = small_flows.start(f"graph: [{ASK}]\noutput: {{body: '{{{{ nodes.ask.outputs.body }}}}'}}")
    wait_for(lambda: _pending(small_flows))
    assert _pending(small_flows)[0].data == {"body": "Dear all"}
    with pytest.raises(Invalid):
        _decide(small_flows, edits={"body": {"a": "map"}})
    _decide(small_flows, edits={"body": "Hello"})
    assert small_flows.ended(run_id).outputs == {"body": "Hello"}


def test_what_was_denied_or_asked_stays_so_for_the_run_and_its_replay(small_flows: Flows) -> None:
    app, ws = small_flows.world.started(), small_flows.world.workspace
    text = (
        f"graph: [{ASK}, {{id: a, transform: noop, scope: 'chat:post', on_error: continue}}, "
        "{id: b, transform: noop, scope: 'page:write'}]\noutput: {a: '{{ nodes.a.status }}', b: '{{ nodes.b.status }}'}"
    )
    flow = small_flows.keep(text)
    app.policies.save(ws, [{"channel": "chat:post", "agent": "tried", "verdict": "deny"}])
    run_id = app.runs.start(ws, flow, {}).run_id
    wait_for(lambda: len(_pending(small_flows)) == 2)
    app.policies.save(ws, [{"channel": "*", "agent": "tried", "verdict": "allow"}])
    _decide(small_flows)
    _decide(small_flows)
    run = small_flows.ended(run_id)
    assert run.outputs == {"a": "error", "b": "success"} and not _pending(small_flows)
    app.policies.save(ws, [])
    again = small_flows.ended(app.forks.replay(ws, run_id).run_id)
    assert (again.status, again.outputs) == ("success", run.outputs), again.error


def test_a_replay_asks_for_the_agent_that_was_asked_whatever_it_is_called_today(small_flows: Flows) -> None:
    small_flows.world.agent("adder", lambda ctx, inputs: {"result": inputs["value"] + 1})
    app, ws = small_flows.world.started(), small_flows.world.workspace
    run = small_flows.run("graph: [{id: a, agent: adder, inputs: {value: 1}}]")
    assert run.status == "success"
    small_flows.world.instance("adder", "adder")
    again = small_flows.ended(app.forks.replay(ws, run.id).run_id)
    assert again.status == "success", again.error


SCHEMA = "input_schema: {type: object, properties: {a: %s}, required: [a]}\ngraph: [{id: a, transform: noop}]"


def test_what_a_flow_is_started_with_is_data_to_its_schema_and_no_pattern_holds_it_up(small_flows: Flows) -> None:
    for schema, given in (
        ("{type: string, pattern: '(a|a)*$'}", {"a": "a" * 4000 + "b{{ x }}"}),
        ("{type: string, maxLength: 3}", {"a": "{{ inputs.a }}"}),
        ("{$ref: '#/properties/a'}", {"a": 1}),
    ):
        begun = time.process_time()
        run = small_flows.run(SCHEMA % schema, given)
        assert run.error and run.error.code == "bad_inputs" and time.process_time() - begun < 15, run.error
    validate, ws = small_flows.world.app.flows.validate, small_flows.world.workspace
    for schema, path in (
        ("{type: integer, default: x}", "input_schema"),
        ("{type: object, patternProperties: {'(a+)+$': {}}}", "input_schema"),
        ("{type: integer, default: 4}", None),
    ):
        found = [each.path for each in validate(ws, "name: other\n" + SCHEMA % schema)]
        assert found == ([path] if path else []), schema


def test_a_flow_is_forked_with_other_inputs_and_never_started_without_a_name(small_flows: Flows) -> None:
    run = small_flows.run(
        "input_schema: {type: object, properties: {orderId: {type: integer}, 'a b': {type: string}}}\n"
        "graph: [{id: a, transform: noop}]\noutput: {n: '{{ inputs.orderId }}'}",
        {"orderId": 1},
    )
    app, ws = small_flows.world.app, small_flows.world.workspace
    forked = small_flows.ended(app.forks.fork(ws, run.id, inputs={"orderId": 2}).run_id)
    assert forked.outputs == {"n": 2}, forked.error
    bare = small_flows.ended(app.runs.start(ws, "agent:flow", {}).run_id)
    assert bare.error and bare.error.code == "no_flow"


def test_threads_that_need_the_engine_of_conditions_at_once_all_get_the_whole_of_it() -> None:
    """In a process of its own: the engine is loaded once."""
    code = (
        "import threading\nfrom ionflux_core.fluxgraph import conditions\nfound = []\n"
        "gate = threading.Barrier(8)\n"
        "def work():\n    gate.wait()\n    found.append(hasattr(conditions._engine(), 'compile'))\n"
        "crew = [threading.Thread(target=work) for _ in range(8)]\n"
        "[each.start() for each in crew]\n[each.join() for each in crew]\nassert found == [True] * 8, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_thousand_nodes_do_not_copy_what_all_of_them_may_read() -> None:
    scope = Scope({"nodes": {}})
    begun = time.process_time()
    for number in range(2000):
        scope.filled(f"{{{{ nodes.n{number - 1}.outputs.value }}}}" if number else "begin")
        scope.end(f"n{number}", Ended("success", {"value": number}))
    assert scope.filled("{{ nodes.n7.outputs.value }}") == 7 and time.process_time() - begun < 3
    inner = scope.inside("l[0].", item=1)
    inner.end("own", Ended("skipped"))
    assert "own" not in scope.read()["nodes"] and inner.filled("{{ item }}") == 1
