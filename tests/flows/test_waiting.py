"""Flows that wait: for people, times, events and other runs, several at once; cancelled, paused, taken up again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.runtime.flow import runner
from ionflux_core.storage.tables import runs
from tests.agents_for_tests.world import wait_for
from tests.flows.kit import Flows, flows, small_flows, small_world, transforms_of_the_test, world

__all__ = ["flows", "small_flows", "small_world", "transforms_of_the_test", "world"]

ASK = """
graph:
  - {id: draft, transform: log, inputs: {message: "Dear all"}}
  - id: ask
    approval: {title: "Send it?", body: "{{ nodes.draft.outputs.message }}", editable: [body], timeout: 1h}
  - {id: send, if: "nodes.ask.outputs.approved", transform: log, inputs: {message: "{{ nodes.ask.outputs.body }}"}}
output: {sent: "{{ nodes.send.outputs.message | default('') }}", by: "{{ nodes.ask.outputs.by }}"}
"""


def _question(flows: Flows, title: str = "") -> Any:
    approvals, ws = flows.world.app.approvals, flows.world.workspace
    wait_for(lambda: [each for each in approvals.pending(ws) if title in each.title])
    return next(each for each in approvals.pending(ws) if title in each.title)


def _decide(flows: Flows, title: str = "", *, approved: bool = True, **options: Any) -> None:
    question = _question(flows, title)
    flows.world.app.approvals.decide(flows.world.workspace, question.id, approved=approved, by="Ada", **options)


def test_a_person_decides_and_may_edit(flows: Flows) -> None:
    first = flows.start(ASK)
    question = _question(flows)
    assert (question.title, question.body, question.step_key) == ("Send it?", "Dear all", "ask")
    _decide(flows, edits={"body": "Hello"})
    assert flows.ended(first).outputs == {"sent": "Hello", "by": "Ada"}
    second = flows.start(ASK)
    _decide(flows, approved=False)
    assert flows.ended(second).outputs == {"sent": "", "by": "Ada"}


SCOPED = "graph: [{id: a, transform: noop, scope: 'chat:post:general', on_error: continue}]"


def test_a_scope_is_asked_of_the_policies_and_without_one_of_a_person(flows: Flows) -> None:
    app, ws = flows.world.started(), flows.world.workspace
    for approved, status in ((True, "success"), (False, "error")):
        run_id = flows.start(SCOPED)
        _decide(flows, "May tried do chat:post:general?", approved=approved)
        assert flows.ended(run_id).outputs == {"nodes": {"a": status}}
    app.policies.save(ws, [{"channel": "chat:post:general", "agent": "tried", "verdict": "allow"}])
    assert flows.run(SCOPED).outputs == {"nodes": {"a": "success"}}
    flow = app.flows.get(ws, "tried")
    app.policies.save(ws, [{"channel": "chat:post:general", "agent": "tried", "verdict": "deny"}])
    assert [each.path for each in app.flows.validate(ws, flow.yaml, but="tried")] == ["graph.0.scope"]
    run = flows.ended(app.runs.start(ws, flow.id, {}).run_id)
    assert run.outputs == {"nodes": {"a": "error"}} and not app.approvals.pending(ws)


def test_a_dry_run_passes_what_would_wait(small_flows: Flows) -> None:
    run = small_flows.run(ASK, dry_run=True)
    assert run.outputs == {"sent": "Dear all", "by": "dry run"}
    text = "name: tried\ngraph: [{id: nap, wait: {for: 2d}}, {id: a, after: [nap], transform: noop}]"
    started = small_flows.world.app.flows.try_it(small_flows.world.workspace, text)
    tried = small_flows.ended(started.run_id)
    assert (tried.status, tried.dry_run, tried.instance_id) == ("success", True, None)


def test_several_waits_at_once_each_going_on_when_its_own_is_over(flows: Flows) -> None:
    run_id = flows.start(
        """
graph:
  - id: all
    parallel:
      person:
        graph:
          - {id: ask, approval: {title: Person}}
          - {id: a, after: [ask], transform: log, inputs: {message: asked}}
      event:
        graph:
          - {id: hear, wait: {event: {topic: test.come, filter: {n_gt: 3}, timeout: 1h}}}
          - {id: b, transform: log, inputs: {message: "{{ nodes.hear.outputs.event.payload.n }}"}}
      time: {graph: [{id: nap, wait: {for: 50ms}}, {id: c, after: [nap], transform: log, inputs: {message: woke}}]}
      second: {graph: [{id: ask, approval: {title: Another}}]}
output: {b: "{{ nodes.all.outputs.event.b.message }}"}
"""
    )
    app, ws = flows.world.app, flows.world.workspace
    wait_for(lambda: flows.world.steps(run_id).get("all.time.c") == "success")
    flows.world.until(run_id, "awaiting_approval")
    assert len(app.approvals.pending(ws)) == 2
    app.events.publish(ws, "test.come", {"n": 1}, source="test")
    app.events.publish(ws, "test.come", {"n": 7}, source="test")
    wait_for(lambda: flows.world.steps(run_id).get("all.event.b") == "success")
    _decide(flows, "Another")
    wait_for(lambda: flows.world.steps(run_id).get("all.second.ask") == "success")
    assert flows.world.get(run_id).status not in ("success", "error")
    _decide(flows, "Person")
    assert flows.ended(run_id).outputs == {"b": "7"}


def test_agents_and_flows_are_called_by_name_and_their_outputs_read(flows: Flows) -> None:
    flows.world.agent("adder", lambda ctx, inputs: {"result": inputs["value"] + 1})
    flows.world.started()
    flows.world.instance("adder", "my adder")
    flows.keep(
        "input_schema: {type: object, properties: {n: {type: number}}}\n"
        "graph: [{id: a, agent: adder, inputs: {value: '{{ inputs.n }}'}}]\n"
        "output: {n: '{{ nodes.a.outputs.result }}'}",
        name="inner",
    )
    run = flows.run(
        """
graph:
  - {id: one, agent: my adder, inputs: {value: 1}}
  - {id: two, flow: inner, inputs: {n: "{{ nodes.one.outputs.result }}"}}
  - {id: three, agent: inner, inputs: {n: "{{ nodes.two.outputs.n }}"}}
  - {id: loose, flow: inner, inputs: {n: 100}, wait: false}
output: {n: "{{ nodes.three.outputs.n }}", loose: "{{ nodes.loose.outputs.run_id }}"}
"""
    )
    assert run.outputs and run.outputs["n"] == 4
    assert flows.ended(run.outputs["loose"]).outputs == {"n": 101}
    assert flows.steps(run)["one"] == ("run", "success")


def test_a_called_agent_that_fails_is_started_anew_as_often_as_asked(flows: Flows) -> None:
    tries: list[int] = []

    def work(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("not yet")
        return {"result": len(tries)}

    flows.world.agent("shy", work)
    flows.world.started()
    text = "graph: [{id: a, agent: shy, retry: {max: %d, backoff: 10ms}}]\noutput: {n: '{{ nodes.a.outputs.result }}'}"
    assert flows.run(text % 2).outputs == {"n": 3}
    tries.clear()
    failed = flows.run(text % 1)
    assert failed.error and "not yet" in failed.error.message and len(tries) == 2


def test_a_flow_that_calls_itself_is_refused_and_depth_is_guarded(small_flows: Flows) -> None:
    problems = small_flows.world.app.flows.validate(small_flows.world.workspace, "name: me\ngraph: [{id: a, flow: me}]")
    assert any("calls itself" in problem.message for problem in problems)
    small_flows.keep("graph: [{id: a, transform: noop}]", name="first")
    for n in range(7):
        small_flows.keep(f"graph: [{{id: a, flow: {'first' if n == 0 else f'step{n - 1}'}}}]", name=f"step{n}")
    run = small_flows.run("graph: [{id: a, flow: step6}]")
    assert run.status == "error" and run.error and "deep" in run.error.message


def test_a_cancelled_flow_ends_with_what_it_waits_for(flows: Flows) -> None:
    flows.world.agent("asker", lambda ctx, inputs: {"result": ctx.approve("Inner?").approved})
    run_id = flows.start("graph: [{id: a, agent: asker}, {id: ask, approval: {title: Outer}}]")
    app, ws = flows.world.app, flows.world.workspace
    wait_for(lambda: len(app.approvals.pending(ws)) == 2)
    app.runs.cancel(ws, run_id)
    wait_for(lambda: not app.approvals.pending(ws) and not app.runs.unfinished(ws))
    assert flows.world.get(run_id).status == "cancelled_by_user"


def test_a_paused_flow_goes_on_where_it_was(small_flows: Flows) -> None:
    done: list[Any] = []
    world, app = small_flows.world, small_flows.world.started()

    def work(value: Any) -> Any:
        done.append(value)
        if value == 1:
            app.runs.pause(world.workspace, world.rows("runs")[0].id)
        return value

    small_flows.does("note", work)
    run_id = small_flows.start(
        "graph: [{id: l, foreach: [0, 1, 2, 3], graph: [{id: a, transform: test.note, inputs: {value: '{{ item }}'}}]}]"
    )
    world.until(run_id, "paused")
    assert done == [0, 1]
    app.runs.resume(world.workspace, run_id)
    assert small_flows.ended(run_id).status == "success" and done == [0, 1, 2, 3]


TREE = """
input_schema: {type: object, properties: {items: {type: array}}}
graph:
  - {id: first, transform: test.note, inputs: {value: start}}
  - id: l
    foreach: "{{ inputs.items }}"
    max_parallel: 3
    graph: [{id: a, transform: test.note, inputs: {value: "{{ item }}"}}]
  - {id: last, transform: test.note, inputs: {value: "{{ nodes.l.outputs.count }} {{ nodes.first.outputs.value }}"}}
output: {last: "{{ nodes.last.outputs.value }}"}
"""


def test_replayed_nothing_runs_forked_only_what_comes_after(flows: Flows) -> None:
    done: list[Any] = []
    flows.does("note", lambda value: done.append(value) or value)
    run = flows.run(TREE, {"items": ["x", "y"]})
    app, ws = flows.world.app, flows.world.workspace
    assert sorted(map(str, done)) == ["2 start", "start", "x", "y"]
    again = flows.ended(app.forks.replay(ws, run.id).run_id)
    assert (again.status, again.outputs, len(done)) == ("success", run.outputs, 4), again.error
    edit = {"args": [], "kwargs": {"value": "changed"}}
    forked = flows.ended(app.forks.fork(ws, run.id, step="last", step_inputs=edit).run_id)
    assert forked.outputs == {"last": "changed"} and done[4:] == ["changed"], forked.error


@pytest.mark.parametrize("nodes", range(6))
def test_a_worker_that_is_gone_anywhere_loses_and_repeats_nothing(
    flows: Flows, nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is cut off before its node of that number; another takes the run up again."""
    done: list[Any] = []
    flows.does("note", lambda value: done.append(value) or value)
    world = flows.world
    world.started()
    flow = flows.keep(TREE.replace("    max_parallel: 3\n", "    after: [first]\n"))
    begun = [0]
    node = runner.FlowRun.node

    def dying(self: Any, ctx: Any, spot: Any, scope: Any) -> Any:
        begun[0] += 1
        if begun[0] == nodes + 1:
            ctx._journal.revoked = True
        return node(self, ctx, spot, scope)

    monkeypatch.setattr(runner.FlowRun, "node", dying)
    run_id = world.app.runs.start(world.workspace, flow, {"items": ["x", "y", "z"]}).run_id
    wait_for(lambda: begun[0] > nodes)
    gone = {"lease_until": ids.now() - timedelta(seconds=5), "lease_owner": "elsewhere:1:x"}
    chosen = update(runs).where(runs.c.id == run_id, runs.c.status == "running").values(**gone)
    world.app.db.write(lambda connection: connection.execute(chosen))
    assert flows.ended(run_id).status == "success"
    assert done == ["start", "x", "y", "z", "3 start"]
