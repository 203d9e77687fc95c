"""Runs as people and callers steer them: started once, cancelled, paused, resumed, found and waited for."""

from __future__ import annotations

import threading
import time
from collections import namedtuple
from typing import Any

import pytest
from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.domain.runs import RunFilter
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound, Unavailable
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.tables import runs
from tests.agents_for_tests.world import World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]


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
    assert [len(page) for page in pages] == [3, 3, 1] and [i for page in pages for i in page] == started[::-1]
    assert [run.id for run in app.search.find(world.workspace, RunFilter(text="ANSWER 3")).runs] == [started[3]]
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
    assert 0.25 < time.monotonic() - began < 15
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


def test_half_a_character_in_an_input_is_refused_with_a_sentence(small_world: World) -> None:
    small_world.agent("quick", lambda ctx, inputs: {"result": 1})
    with pytest.raises(Invalid, match="half a character"):
        small_world.start("quick", "a\ud83d b")
