"""Who executes runs: limits and fairness hold, time limits end, and a run survives the worker that had it."""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.limits import CLAIMS_PER_RUN
from ionflux_core.runtime.worker import is_dead, owner_name
from ionflux_core.storage.tables import runs
from tests.agents_for_tests.world import World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]


def test_a_run_over_its_time_ends_and_its_place_is_filled_and_its_late_writes_are_refused(world: World) -> None:
    let_go, late = threading.Event(), []

    def hang(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def step() -> int:
            let_go.wait(20)
            return 1

        try:
            ctx.step("hang", step)
        except BaseException as error:
            late.append(type(error).__name__)
            for write in (lambda: ctx.records.put("notes", "late", {}), lambda: ctx.step("more", lambda: 1)):
                try:
                    write()
                except BaseException as again:
                    late.append(type(again).__name__)
        return {"result": "too late"}

    world.agent("hang", hang, timeout_seconds=0.3)
    world.agent("quick", lambda ctx, inputs: {"result": 1})
    world.started(workers=1)
    stuck = world.start("hang")
    done = world.until(stuck, "error", timeout=30)
    assert done.error is not None and done.error.code == "timeout" and "'hang'" in done.error.message
    assert world.run("quick", timeout=30).status == "success"
    let_go.set()
    wait_for(lambda: len(late) == 3)
    assert late == ["Revoked"] * 3
    time.sleep(0.1)
    assert world.get(stuck).status == "error" and world.get(stuck).outputs is None
    assert world.rows("records") == []
    assert "success" not in world.steps(stuck).values()


def test_a_long_step_is_shown_while_it_runs(small_world: World) -> None:
    world, let_go = small_world, threading.Event()
    world.agent("slow", lambda ctx, inputs: {"result": ctx.step("wait", lambda: let_go.wait(20))})
    world.started()
    run_id = world.start("slow")
    wait_for(lambda: world.steps(run_id) == {"wait": "running"}, 5)
    let_go.set()
    assert world.ended(run_id).status == "success"
    assert world.steps(run_id) == {"wait": "success"}


def test_an_instance_keeps_its_limit_of_runs_at_the_same_time(world: World) -> None:
    live, most, guard = 0, [0], threading.Lock()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        nonlocal live
        with guard:
            live += 1
            most[0] = max(most[0], live)
        time.sleep(0.03)
        with guard:
            live -= 1
        return {"result": 1}

    world.agent("probe", run, concurrency=2)
    world.started(workers=6)
    world.instance("probe")
    started = [world.start("one") for _ in range(10)]
    assert {world.ended(run_id).status for run_id in started} == {"success"}
    assert most[0] == 2


def test_a_workspace_keeps_its_limit_and_a_full_one_does_not_starve_another(world: World) -> None:
    order: list[str] = []
    live: dict[str, int] = {"a": 0, "b": 0}
    most: dict[str, int] = {"a": 0, "b": 0}
    guard = threading.Lock()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        name = inputs["value"]
        with guard:
            order.append(name)
            live[name] += 1
            most[name] = max(most[name], live[name])
        time.sleep(0.02)
        with guard:
            live[name] -= 1
        return {"result": 1}

    world.agent("probe", run)
    app = world.app
    other = app.workspaces.create("Other").id
    app.workspaces.save_settings(world.workspace, {"max_parallel_runs": 2})
    first = [world.start("probe", "a") for _ in range(60)]
    late = [app.runs.start(other, "agent:probe", {"value": "b"}).run_id for _ in range(5)]
    world.started(workers=4)
    for run_id in late:
        assert app.runs.wait(other, run_id, timeout=10).status == "success"
    assert order.count("a") < 60
    assert {world.ended(run_id).status for run_id in first} == {"success"}
    assert most["a"] <= 2 and most["b"] <= 4


def test_a_long_queue_of_one_instance_does_not_hide_the_others(small_world: World) -> None:
    world, let_go = small_world, threading.Event()
    world.agent("narrow", lambda ctx, inputs: {"result": let_go.wait(20)}, concurrency=1)
    world.agent("quick", lambda ctx, inputs: {"result": 1})
    assert world.app
    world.instance("narrow", "narrow one")
    world.instance("quick", "quick one")
    for _ in range(80):
        world.start("narrow one")
    quick = world.start("quick one")
    world.started(workers=3)
    try:
        assert world.until(quick, "success", timeout=30).status == "success"
    finally:
        let_go.set()


def test_higher_priority_goes_first(world: World) -> None:
    order: list[int] = []
    world.agent("probe", lambda ctx, inputs: {"result": order.append(inputs["value"])})
    started = [world.start("probe", n, priority=n) for n in (0, 5, 1, 9)]
    world.started(workers=1)
    for run_id in started:
        world.ended(run_id)
    assert order == [9, 5, 1, 0]


def test_the_breaker_stops_an_instance_once_and_a_person_brings_it_back(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if inputs["value"] == "fail":
            raise ValueError("broken")
        return {"result": 1}

    world.agent("probe", run, breaker=3)
    instance = world.instance("probe")
    for value in ("fail", "fail", "ok", "fail", "fail"):
        world.run("one", value)
    assert world.app.agents.get(world.workspace, instance.id).status == "active"
    world.run("one", "fail")
    stopped = world.app.agents.get(world.workspace, instance.id)
    assert stopped.status == "error_requires_review"
    assert "3 runs in a row failed" in (stopped.status_reason or "") and "broken" in (stopped.status_reason or "")
    assert stopped.last_run is not None
    world.run("one", "fail")
    alerts = world.events("ionflux.agent.instance.stopped")
    assert [payload["failures"] for _, payload in alerts] == [3]
    active = world.app.agents.set_status(world.workspace, instance.id, "active")
    assert (active.status, active.consecutive_failures, active.status_reason) == ("active", 0, None)


def test_a_late_failure_does_not_bring_back_an_archived_instance(small_world: World) -> None:
    world, let_go = small_world, threading.Event()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        let_go.wait(20)
        raise ValueError("late")

    world.agent("probe", run, breaker=1)
    instance = world.instance("probe")
    world.started()
    run_id = world.start("one")
    world.until(run_id, "running")
    world.app.agents.set_status(world.workspace, instance.id, "archived")
    let_go.set()
    assert world.ended(run_id).status == "error"
    assert world.app.agents.get(world.workspace, instance.id).status == "archived"


def _lose(app: Any, run_id: str, *, owner: str, seconds: float, claims: int = 0) -> None:
    """Make a pending run look as if a worker had taken it and was gone."""
    until = ids.now() + timedelta(seconds=seconds)
    values = {
        "status": "running",
        "lease_owner": owner,
        "lease_until": until,
        "claims": claims,
        "started_at": ids.now(),
    }
    app.db.write(lambda connection: connection.execute(update(runs).where(runs.c.id == run_id).values(**values)))


def test_a_run_whose_lease_is_over_is_taken_up_again(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    run_id = world.start("probe")
    _lose(world.app, run_id, owner="elsewhere:1:x", seconds=-1)
    world.started()
    assert world.ended(run_id).status == "success"


def test_a_run_of_a_living_worker_elsewhere_is_left_alone(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    run_id = world.start("probe")
    _lose(world.app, run_id, owner="elsewhere:1:x", seconds=60)
    world.started()
    time.sleep(1.0)
    assert world.get(run_id).status == "running"


def test_a_run_of_a_dead_process_of_this_host_is_taken_up_at_the_start(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    run_id = world.start("probe")
    dead = _dead_process()
    _lose(world.app, run_id, owner=owner_name().replace(f":{os.getpid()}:", f":{dead}:"), seconds=600)
    world.started()
    assert world.ended(run_id, timeout=30).status == "success"


def _dead_process() -> int:
    import subprocess

    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_who_holds_a_lease_is_told_apart() -> None:
    mine = owner_name()
    host, number, _ = mine.split(":")
    assert not is_dead(mine) and not is_dead("otherhost:1:abc") and not is_dead(f"{host}:{os.getppid()}:abc")
    assert is_dead(None) and is_dead(f"{host}:{_dead_process()}:abc")
    # The first process of a container has the same number after every restart.
    assert is_dead(f"{host}:{number}:0123456789ababcdef")


def test_a_run_that_loses_every_worker_is_given_up_in_plain_words(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    instance = world.instance("probe")
    run_id = world.start("one")
    _lose(world.app, run_id, owner="elsewhere:1:x", seconds=-1, claims=CLAIMS_PER_RUN - 1)
    world.started()
    done = world.ended(run_id)
    assert (done.status, done.error_code) == ("error", "abandoned")
    assert world.app.agents.get(world.workspace, instance.id).consecutive_failures == 1
    assert [payload["status"] for _, payload in world.events("ionflux.agent.run.completed")] == ["error"]


def test_a_run_that_gets_on_between_losses_is_not_given_up(small_world: World) -> None:
    world = small_world

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.step("first", lambda: 1)
        ctx.approve("Go on?")
        return {"result": 1}

    world.agent("probe", run)
    run_id = world.run("probe").id
    app = world.app
    assert app.worker is not None
    past = time.time_ns() // 1000 - 60_000_000
    values = {"status": "running", "lease_owner": "elsewhere:1:x", "lease_until": ids.now() - timedelta(seconds=1),
              "claims": CLAIMS_PER_RUN - 1, "change_seq": past}  # fmt: skip
    app.worker.stop()
    app.db.write(lambda connection: connection.execute(update(runs).where(runs.c.id == run_id).values(**values)))
    assert app.worker.recover() == 1
    assert world.get(run_id).status == "pending"


def test_a_worker_that_lost_its_lease_records_nothing_more(world: World) -> None:
    let_go, ran = threading.Event(), []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.step("first", lambda: ran.append("first"))
        ctx.step("second", lambda: (ran.append("second"), ran.count("second") == 1 and let_go.wait(20), 7)[2])
        ctx.step("third", lambda: ran.append("third"))
        return {"result": 1}

    world.agent("probe", run)
    world.started(lease_seconds=600)
    run_id = world.start("probe")
    wait_for(lambda: "second" in ran)
    # Another process thinks this worker is gone, takes the run and brings it to its end.
    other = world.application(workers=1)
    values = {"status": "pending", "lease_owner": None}
    other.db.write(lambda connection: connection.execute(update(runs).where(runs.c.id == run_id).values(**values)))
    other.start()
    assert world.until(run_id, "success").status == "success"
    let_go.set()
    time.sleep(0.3)
    assert ran == ["first", "second", "second", "third"]
    assert set(world.steps(run_id).values()) == {"success"}


def test_two_applications_share_the_work_and_no_step_runs_twice(world: World) -> None:
    ran: list[str] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        for name in ("a", "b", "c"):
            ctx.step(name, lambda name=name: ran.append(f"{ctx.run_id}/{name}"))
        return {"result": 1}

    world.agent("probe", run)
    first = world.app
    second = world.application()
    started = [world.start("probe") for _ in range(30)]
    first.start()
    second.start()
    for run_id in started:
        assert world.ended(run_id).status == "success"
    assert len(ran) == len(set(ran)) == 90


def test_stopping_puts_a_run_back_and_the_next_start_ends_it(world: World) -> None:
    ran: list[str] = []
    reached = threading.Event()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.step("first", lambda: ran.append("first"))
        reached.set()
        while len(ran) < 2:
            time.sleep(0.01)
            ctx.step("tick", lambda: None)
        return {"result": 1}

    world.agent("probe", run)
    app = world.started()
    run_id = world.start("probe")
    reached.wait(5)
    app.stop()
    assert world.get(run_id).status == "pending"
    ran.append("go on")
    app.start()
    assert world.ended(run_id).status == "success"
    assert ran == ["first", "go on"]


def test_a_run_whose_agent_is_gone_ends_at_once_and_stops_no_other(world: World) -> None:
    import shutil

    world.agent("gone", lambda ctx, inputs: {"result": 1})
    world.agent("here", lambda ctx, inputs: {"result": 1})
    lost, cancelled, kept = world.start("gone"), world.start("gone"), world.start("here")
    shutil.rmtree(world.app.catalog.folder("gone"))
    world.app.catalog.reload()
    assert world.app.runs.cancel(world.workspace, cancelled).status == "cancelled_by_user"
    world.started(workers=1)
    assert world.ended(kept, timeout=30).status == "success"
    assert (world.ended(lost).status, world.ended(lost).error_code) == ("error", "not_found")


def test_many_starters_and_many_workers_lose_nothing(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("double", lambda n: n * 2, inputs["value"])})
    world.started(workers=4)
    started = [
        run_id
        for ids_ in together(4, lambda k: [world.start("probe", k * 10 + n) for n in range(10)])
        for run_id in ids_
    ]
    assert sorted(world.ended(run_id).outputs["result"] for run_id in started) == [n * 2 for n in range(40)]  # type: ignore[index]


def test_a_crowd_of_senders_holds_a_queued_run_up_for_a_moment_only(small_world: World) -> None:
    small_world.agent("quick", lambda ctx, inputs: {"result": 1})
    app = small_world.started(workers=1)
    asked: list[int] = []
    app.crowded = lambda: asked.append(1) is None
    assert small_world.run("quick", timeout=30).status == "success"
    assert asked, "the worker looks before it takes a run"
