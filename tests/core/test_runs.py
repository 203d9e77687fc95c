"""Runs as people and callers steer them: started once, cancelled, paused, asked for approval, woken by time and event."""

from __future__ import annotations

import threading
import time
from collections import namedtuple
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.domain.runs import RunFilter
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound, Unavailable
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.tables import runs
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


def test_the_same_key_starts_one_run_however_many_ask_at_once(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    assert world.app
    answers = together(8, lambda n: world.app.runs.start(world.workspace, "agent:probe", {"value": n}, key="order-1"))
    assert len({answer.run_id for answer in answers}) == 1
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 7
    other = world.app.workspaces.create("Other").id
    assert not world.app.runs.start(other, "agent:probe", key="order-1").repeated


def test_long_keys_are_told_apart(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    first, second = (world.start("probe", key="k" * 400 + end) for end in "ab")
    assert first != second
    assert world.start("probe", key="k" * 400 + "a") == first


def test_what_cannot_start_says_why_and_writes_nothing(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    start = world.app.runs.start
    with pytest.raises(NotFound, match="no agent instance 'nobody'"):
        start(world.workspace, "nobody")
    with pytest.raises(Invalid, match="no input 'valeu'"):
        start(world.workspace, "agent:probe", {"valeu": 1})
    with pytest.raises(Invalid, match="no task 'fly'"):
        start(world.workspace, "agent:probe", task="fly")
    with pytest.raises(LimitExceeded, match="too large"):
        start(world.workspace, "agent:probe", {"value": "x" * 17_000_000})
    with pytest.raises(LimitExceeded, match="started each other"):
        start(world.workspace, "agent:probe", depth=6)
    with pytest.raises(NotFound):
        start(ids.new_id(), "agent:probe")
    assert world.rows("runs") == []


def test_a_nearly_full_disk_starts_nothing(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    assert world.app
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(100, 99, 1_000_000))
    with pytest.raises(Unavailable, match="nearly full") as caught:
        world.start("probe")
    assert caught.value.hint and world.rows("runs") == []


def test_a_pending_run_is_cancelled_at_once(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    run_id = world.start("probe")
    assert world.app.runs.cancel(world.workspace, run_id, by="Ana").status == "cancelled_by_user"
    world.started()
    time.sleep(0.1)
    assert world.get(run_id).status == "cancelled_by_user"
    with pytest.raises(Conflict, match="cannot become"):
        world.app.runs.cancel(world.workspace, run_id)
    assert [(row.action, row.who) for row in world.rows("audit_log", entity_id=run_id)] == [("cancelled", "Ana")]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "another process"])
def test_a_running_run_is_cancelled_and_its_step_in_flight_is_not_recorded(world: World, elsewhere: bool) -> None:
    let_go, ran = threading.Event(), []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def slow() -> None:
            ctx.emit("test.slow", {})
            ran.append("slow")
            let_go.wait(20)

        ctx.step("quick", lambda: 1)
        ctx.step("slow", slow)
        ctx.step("after", lambda: ran.append("after"))
        return {"result": 1}

    world.agent("probe", run)
    world.started(lease_seconds=600)
    run_id = world.start("probe")
    wait_for(lambda: ran)
    canceller = world.application(workers=0) if elsewhere else world.app
    canceller.runs.cancel(world.workspace, run_id)
    let_go.set()
    time.sleep(0.3)
    assert world.get(run_id).status == "cancelled_by_user" and world.get(run_id).outputs is None
    assert ran == ["slow"] and world.steps(run_id)["quick"] == "success"
    assert "success" not in [status for key, status in world.steps(run_id).items() if key != "quick"]
    assert world.events() == []


def test_cancelling_a_waiting_run_withdraws_its_question(world: World) -> None:
    world.agent("probe", _ask)
    run_id = world.run("probe").id
    (question,) = world.app.runs.approvals(world.workspace)
    world.app.runs.cancel(world.workspace, run_id)
    assert world.app.runs.approvals_count(world.workspace) == 0
    with pytest.raises(Conflict, match="answered this already"):
        world.app.runs.decide(world.workspace, question.id, approved=True)
    assert world.get(run_id).status == "cancelled_by_user"


def test_a_running_run_is_paused_at_its_next_step_and_goes_on_from_there(world: World) -> None:
    reached, let_go, ran = threading.Event(), threading.Event(), []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def first() -> None:
            ran.append("first")
            reached.set()
            let_go.wait(20)

        ctx.step("first", first)
        ctx.step("second", lambda: ran.append("second"))
        return {"result": 1}

    world.agent("probe", run)
    world.started()
    run_id = world.start("probe")
    reached.wait(5)
    world.app.runs.pause(world.workspace, run_id)
    let_go.set()
    assert world.until(run_id, "paused").status == "paused"
    assert ran == ["first"]
    with pytest.raises(Conflict):
        world.app.runs.pause(world.workspace, run_id)
    world.app.runs.resume(world.workspace, run_id)
    assert world.until(run_id, "success").outputs == {"result": 1}
    assert ran == ["first", "second"]
    with pytest.raises(Conflict, match="Only a paused run"):
        world.app.runs.resume(world.workspace, run_id)


def test_a_pause_asked_for_in_another_process_is_met(small_world: World) -> None:
    world, reached = small_world, threading.Event()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        for _ in range(2000):
            ctx.step("tick", time.sleep, 0.01)
            reached.set()
        return {"result": 1}

    world.agent("probe", run)
    world.started(lease_seconds=2)
    run_id = world.start("probe")
    reached.wait(5)
    world.application(workers=0).runs.pause(world.workspace, run_id)
    assert world.until(run_id, "paused").status == "paused"


def test_who_resumes_late_does_not_take_the_run_from_its_worker(world: World) -> None:
    reached, let_go, ran = threading.Event(), threading.Event(), []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.step("only", lambda: (ran.append(1), reached.set(), let_go.wait(20), 1)[3])
        return {"result": 1}

    world.agent("probe", run)
    run_id = world.start("probe")
    world.app.runs.pause(world.workspace, run_id)
    paused = world.get(run_id)
    world.app.runs.resume(world.workspace, run_id)
    world.started()
    reached.wait(5)
    # A second person pressed Resume while the page still said "paused".
    world.app.runs.get = lambda *_: paused  # type: ignore[method-assign]
    world.app.runs.resume(world.workspace, run_id)
    del world.app.runs.get
    assert world.get(run_id).status == "running"
    let_go.set()
    assert world.ended(run_id).status == "success" and ran == [1]


def test_a_parked_run_holds_no_thread_and_is_decided_once(world: World) -> None:
    world.agent("probe", _ask)
    world.started(workers=1)
    parked = [world.start("probe") for _ in range(3)]
    for run_id in parked:
        assert world.until(run_id, "awaiting_approval").status == "awaiting_approval"
    assert world.app.worker is not None and world.app.worker.running == 0
    questions = world.app.runs.approvals(world.workspace)
    assert [question.run_id for question in questions] == parked
    assert (questions[0].title, questions[0].data["to"], questions[0].editable) == ("Send it?", "a@b.c", ["text"])
    answers = together(
        6, lambda n: world.app.runs.decide(world.workspace, questions[0].id, approved=n % 2 == 0, by=str(n))
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
    one, two = world.app.runs.approvals(world.workspace)
    with pytest.raises(Invalid, match="'to' cannot be edited"):
        world.app.runs.decide(world.workspace, one.id, approved=True, edits={"to": "x@y.z"})
    with pytest.raises(NotFound):
        world.app.runs.decide(ids.new_id(), one.id, approved=True)
    world.app.runs.decide(world.workspace, one.id, approved=True, by="Ana", edits={"text": "hi"})
    world.app.runs.decide(world.workspace, two.id, approved=False, by="Bo", comment="too short")
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
            (question,) = world.app.runs.approvals(world.workspace)
            answered.append(world.app.runs.decide(world.workspace, question.id, approved=True, by="quick"))

        ctx._journal.park = park_then_decide
        return _ask(ctx, inputs)

    world.replace("probe", run)
    world.started()
    run_id = world.start("probe")
    assert world.until(run_id, "success", timeout=5).outputs == {"result": [True, "quick", {}, False, None]}


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


def test_runs_are_found_in_pages_and_filters_and_only_in_their_workspace(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": f"answer {inputs['value']}"})
    world.started()
    started = [world.run("probe", n).id for n in range(7)]
    app = world.app
    pages, cursor = [], None
    while True:
        page = app.runs.find(world.workspace, cursor=cursor, limit=3)
        pages.append([run.id for run in page.runs])
        if (cursor := page.cursor) is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1] and sum(pages, []) == started[::-1]
    assert [run.id for run in app.runs.find(world.workspace, RunFilter(text="ANSWER 3")).runs] == [started[3]]
    assert app.runs.count(world.workspace, RunFilter(statuses=["error"])) == 0
    other = app.workspaces.create("Other").id
    assert app.runs.find(other).runs == []
    for ask in (app.runs.get, app.runs.steps, app.runs.logs, app.runs.calls, app.runs.cancel, app.runs.pause):
        with pytest.raises(NotFound):
            ask(other, started[0])


def test_a_file_of_another_workspace_is_not_there(small_world: World) -> None:
    app = small_world.app
    stored = app.runs.upload(small_world.workspace, "../../etc/orders.csv", b"a,b", "text/csv")
    assert stored["name"] == "orders.csv"
    assert app.runs.file(small_world.workspace, stored["sha256"]) == b"a,b"
    for name in (stored["sha256"][:-1] + "0", "../../key", ""):
        with pytest.raises(NotFound):
            app.runs.file(small_world.workspace, name)
    with pytest.raises(NotFound):
        app.runs.file(app.workspaces.create("Other").id, stored["sha256"])


def test_waiting_for_a_run_ends_with_the_run_or_the_time(small_world: World) -> None:
    world, let_go = small_world, threading.Event()
    world.agent("probe", lambda ctx, inputs: {"result": let_go.wait(20)})
    world.started()
    run_id = world.start("probe")
    began = time.monotonic()
    assert world.ended(run_id, timeout=0.3).status == "running"
    assert 0.25 < time.monotonic() - began < 2
    let_go.set()
    assert world.ended(run_id).status == "success"


def test_a_run_another_process_ends_is_seen(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    looking: Application = world.app
    world.application(workers=1).start()
    run_id = looking.runs.start(world.workspace, "agent:probe").run_id
    assert looking.runs.wait(world.workspace, run_id, timeout=8).status == "success"


def test_the_stored_status_is_never_outside_the_table_of_moves(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    run_id = world.run("probe").id
    for target in ("pending", "running", "error", "paused", "cancelled_by_user", "waiting"):
        assert not world.app.db.write(lambda c, t=target: run_rows.move(c, run_id, t))  # type: ignore[misc]
    assert world.get(run_id).status == "success"
    world.app.db.write(lambda c: c.execute(update(runs).where(runs.c.id == run_id).values(status="pending")))
    assert world.until(run_id, "success").status == "success"
