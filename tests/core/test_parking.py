"""Runs that wait for a person, a time or an event: no thread is held, and no answer is lost."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.errors import Conflict, Invalid, NotFound
from tests.agents_for_tests.world import Clock, World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]


def _ask(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    ctx.step("draft", lambda: "hello")
    decision = ctx.approve(
        "Send it?",
        body="hello",
        data={"text": "hello", "to": "a@b.c"},
        editable=["text"],
        **(inputs.get("value") or {}),
    )
    return {"result": [decision.approved, decision.by, decision.edits, decision.timed_out, decision.comment]}


def test_a_parked_run_holds_no_thread_and_is_decided_once(world: World) -> None:
    world.agent("probe", _ask)
    world.started(workers=1)
    parked = [world.start("probe") for _ in range(3)]
    for run_id in parked:
        assert world.until(run_id, "awaiting_approval").status == "awaiting_approval"
    assert world.app.worker is not None and world.app.worker.running == 0
    questions = world.app.approvals.pending(world.workspace)
    assert [question.run_id for question in questions] == parked
    assert (questions[0].title, questions[0].data["to"], questions[0].editable) == ("Send it?", "a@b.c", ["text"])
    answers = together(
        6, lambda n: world.app.approvals.decide(world.workspace, questions[0].id, approved=n % 2 == 0, by=str(n))
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    done = world.ended(parked[0])
    assert done.status == "success"
    (decided,) = [answer for answer in answers if not isinstance(answer, Exception)]
    assert done.outputs is not None
    assert done.outputs["result"][:2] == [decided.status == "approved", decided.decided_by]
    assert world.get(parked[1]).status == "awaiting_approval"


def test_only_editable_fields_are_edited_and_a_no_is_a_normal_result(world: World) -> None:
    world.agent("probe", _ask)
    first, second = world.run("probe").id, world.run("probe").id
    one, two = world.app.approvals.pending(world.workspace)
    with pytest.raises(Invalid, match="'to' cannot be edited"):
        world.app.approvals.decide(world.workspace, one.id, approved=True, edits={"to": "x@y.z"})
    with pytest.raises(NotFound):
        world.app.approvals.decide(ids.new_id(), one.id, approved=True)
    world.app.approvals.decide(world.workspace, one.id, approved=True, by="Ana", edits={"text": "hi"})
    world.app.approvals.decide(world.workspace, two.id, approved=False, by="Bo", comment="too short")
    assert world.ended(first).outputs == {"result": [True, "Ana", {"text": "hi"}, False, None]}
    assert world.ended(second).outputs == {"result": [False, "Bo", {}, False, "too short"]}


@pytest.mark.parametrize(("on_timeout", "expected"), [("deny", False), ("approve", True), ("fail", None)])
def test_an_unanswered_question_ends_as_it_was_asked_to(small_world: World, on_timeout: str, expected: Any) -> None:
    world, clock = small_world, Clock()
    world.agent("probe", _ask)
    run_id = world.run("probe", {"timeout_seconds": 60, "on_timeout": on_timeout}).id
    clock.forward(seconds=59)
    time.sleep(0.7)
    assert world.get(run_id).status == "awaiting_approval"
    clock.forward(seconds=2)
    done = world.until(run_id, "success", "error")
    if expected is None:
        assert (done.status, done.error_code) == ("error", "approval_timeout")
    else:
        assert done.outputs == {"result": [expected, None, {}, True, None]}
    assert world.steps(run_id)["draft"] == "success"


def test_an_answer_given_while_the_run_is_being_parked_is_not_lost(world: World) -> None:
    world.agent("probe", _ask)
    answered: list[Any] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        park = ctx._journal.park

        def park_then_decide(step: Any, outputs: Any) -> None:
            park(step, outputs)
            (question,) = world.app.approvals.pending(world.workspace)
            answered.append(world.app.approvals.decide(world.workspace, question.id, approved=True, by="quick"))

        ctx._journal.park = park_then_decide
        return _ask(ctx, inputs)

    world.replace("probe", run)
    world.started()
    run_id = world.start("probe")
    assert world.until(run_id, "success", timeout=30).outputs == {"result": [True, "quick", {}, False, None]}


def _nap(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    ctx.step("before", lambda: 1)
    ctx.wait(seconds=inputs["value"])
    return {"result": ctx.step("after", lambda: "awake")}


def test_a_timer_survives_a_restart(world: World) -> None:
    clock = Clock()
    world.agent("probe", _nap)
    run_id = world.run("probe", 3600).id
    assert world.get(run_id).status == "waiting"
    assert world.get(run_id).wake_at == clock.at + timedelta(hours=1)
    world.app.stop()
    clock.forward(minutes=59)
    world.app.start()
    time.sleep(0.7)
    assert world.get(run_id).status == "waiting"
    clock.forward(minutes=2)
    assert world.until(run_id, "success").outputs == {"result": "awake"}
    assert world.steps(run_id) == {"before": "success", "wait": "success", "after": "success"}


def test_a_paused_timer_goes_on_waiting_after_it_is_resumed(small_world: World) -> None:
    world, clock = small_world, Clock()
    world.agent("probe", _nap)
    run_id = world.run("probe", 3600).id
    assert world.app.runs.pause(world.workspace, run_id).status == "paused"
    clock.forward(minutes=30)
    world.app.runs.resume(world.workspace, run_id)
    assert world.until(run_id, "waiting").wake_at == clock.at + timedelta(minutes=30)
    clock.forward(minutes=31)
    assert world.until(run_id, "success").status == "success"


def _listen(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    event = ctx.wait_for_event("shop.reply", filter={"payload.order": 7}, timeout_seconds=3600)
    return {"result": event and event["payload"]}


def test_a_run_waits_for_its_event_and_no_other(world: World) -> None:
    world.agent("probe", _listen)
    world.started()
    run_id = world.run("probe").id
    publish = world.app.events.publish
    publish(world.workspace, "shop.reply", {"order": 8})
    publish(world.workspace, "shop.other", {"order": 7})
    time.sleep(0.4)
    assert world.get(run_id).status == "waiting"
    publish(world.workspace, "shop.reply", {"order": 7, "text": "yes"})
    assert world.until(run_id, "success").outputs == {"result": {"order": 7, "text": "yes"}}


def test_two_matching_events_at_once_wake_a_run_once(world: World) -> None:
    ran, let_go = [], threading.Event()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        event = ctx.wait_for_event("shop.reply", timeout_seconds=3600)
        ctx.step("work", lambda: (ran.append(event["payload"]["n"]), let_go.wait(5))[0])
        return {"result": event["payload"]["n"]}

    world.agent("probe", run)
    app = world.started()
    run_id = world.run("probe").id
    assert app.bus is not None
    app.bus.stop()
    for n in (1, 2):
        app.events.publish(world.workspace, "shop.reply", {"n": n})
    # Between the first event and the second the run is taken up: then the second must leave it alone.
    settle = app.events._settle

    def settle_then_wait(event: Any, woken: Any) -> None:
        settle(event, woken)
        app.runs.announce()
        wait_for(lambda: ran)

    app.events._settle = settle_then_wait  # type: ignore[method-assign]
    app.events.deliver()
    assert world.get(run_id).status == "running"
    let_go.set()
    assert world.until(run_id, "success").outputs == {"result": 1}
    assert ran == [1]


def test_an_event_that_comes_while_the_run_is_being_parked_wakes_it(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        park = ctx._journal.park

        def park_slowly(step: Any, outputs: Any) -> None:
            park(step, outputs)
            # The answer is here before the run is parked, and nobody is found waiting for it.
            world.app.events.publish(world.workspace, "shop.reply", {"order": 7})
            world.app.events.deliver()

        ctx._journal.park = park_slowly
        return _listen(ctx, inputs)

    world.agent("probe", run)
    assert world.until(world.run("probe").id, "success").outputs == {"result": {"order": 7}}


def test_an_event_that_woke_a_run_is_kept_over_a_pause_and_a_restart(world: World) -> None:
    world.agent("probe", _listen)
    app = world.started()
    run_id = world.run("probe").id
    app.stop()
    app.events.publish(world.workspace, "shop.reply", {"order": 7})
    app.events.deliver()
    assert world.get(run_id).status == "pending"
    app.start()
    assert world.until(run_id, "success").outputs == {"result": {"order": 7}}


def test_a_run_that_is_stopped_right_after_it_was_woken_still_gets_its_event(small_world: World) -> None:
    world = small_world
    stop_it = [True]

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if ctx._run.wait and stop_it:
            stop_it.clear()
            ctx.parks_as = "pending"
        return _listen(ctx, inputs)

    world.agent("probe", run)
    world.started()
    run_id = world.run("probe").id
    world.app.events.publish(world.workspace, "shop.reply", {"order": 7})
    assert world.until(run_id, "success").outputs == {"result": {"order": 7}}


def test_a_wait_for_an_event_ends_with_its_time(small_world: World) -> None:
    world, clock = small_world, Clock()
    world.agent("probe", _listen)
    run_id = world.run("probe").id
    clock.forward(hours=2)
    assert world.until(run_id, "success").outputs == {"result": None}


def test_a_run_cannot_be_parked_inside_a_step(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("ask", lambda: ctx.approve("Now?").approved)})
    done = world.run("probe")
    assert done.error is not None and "parked inside step 'ask'" in done.error.message and done.error.hint


def test_cancelling_a_waiting_run_withdraws_its_question(world: World) -> None:
    world.agent("probe", _ask)
    run_id = world.run("probe").id
    (question,) = world.app.approvals.pending(world.workspace)
    world.app.runs.cancel(world.workspace, run_id)
    assert world.app.approvals.count(world.workspace) == 0
    with pytest.raises(Conflict, match="answered this already"):
        world.app.approvals.decide(world.workspace, question.id, approved=True)
    assert world.get(run_id).status == "cancelled_by_user"
