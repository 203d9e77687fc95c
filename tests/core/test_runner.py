"""The runner: finished steps never run again, failures leave nothing behind, limits hold, runs survive their worker."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.errors import Invalid
from ionflux_core.limits import CLAIMS_PER_RUN, RUN_STEPS
from ionflux_core.runtime.journal import Journal
from ionflux_core.runtime.worker import is_dead, owner_name
from ionflux_core.sdk import Retry, Unavailable
from ionflux_core.storage.tables import runs
from tests.agents_for_tests.world import World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]


def test_a_run_records_its_steps_outputs_kpis_events_and_logs(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        doubled = ctx.step("double", lambda n: n * 2, inputs["value"])
        ctx.kpi("doubled", doubled, unit="count")
        ctx.emit("test.doubled", {"n": doubled})
        ctx.log("Doubled.", n=doubled)
        return {"result": doubled}

    world.agent("probe", run)
    done = world.run("probe", 21)
    assert (done.status, done.outputs, done.kpis, done.preview) == ("success", {"result": 42}, {"doubled": 42}, "42")
    (step,) = world.app.runs.steps(world.workspace, done.id)
    assert (step.step_key, step.status, step.outputs, step.inputs) == ("double", "success", 42, {"args": [21]})
    assert world.events() == [("test.doubled", {"n": 42})]
    assert [log.message for log in world.app.runs.logs(world.workspace, done.id)] == ["Doubled."]
    assert [row.value for row in world.rows("kpi_points")] == [42.0]
    (completed,) = world.events("ionflux.agent.run.completed")
    assert (completed[1]["run_id"], completed[1]["status"]) == (done.id, "success")


def test_a_finished_step_is_not_repeated_by_a_retry(world: World) -> None:
    ran: list[str] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        first = ctx.step("first", lambda: ran.append("first") or len(ran))
        ctx.step("second", lambda: _fail_twice(ran))
        return {"result": first}

    def _fail_twice(ran: list[str]) -> None:
        ran.append("second")
        if ran.count("second") < 3:
            raise Retry("Not yet.", after_seconds=0)

    world.agent("probe", run, retries=2)
    done = world.run("probe")
    assert (done.status, done.attempt, done.outputs) == ("success", 3, {"result": 1})
    assert ran == ["first", "second", "second", "second"]
    assert [s.attempt for s in world.app.runs.steps(world.workspace, done.id)] == [1, 3]


def test_a_retry_waits_as_long_as_it_was_told_and_ends_after_the_last_one(small_world: World) -> None:
    world, began = small_world, []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        began.append(time.monotonic())
        raise Retry("The shop is closed.", after_seconds=1.0)

    world.agent("probe", run, retries=1)
    done = world.run("probe")
    assert (done.status, done.error_code, done.error_message) == ("error", "retry", "The shop is closed.")
    assert len(began) == 2 and began[1] - began[0] >= 1.0
    assert "Attempt 1 failed" in world.app.runs.logs(world.workspace, done.id)[0].message


def test_backoff_doubles_with_every_attempt(small_world: World) -> None:
    world, began = small_world, []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        began.append(ids.now())
        raise Unavailable("Nobody there.")

    world.agent("probe", run, retries=2, backoff_seconds=0.6)
    assert world.run("probe").status == "error"
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(began, began[1:], strict=False)]
    assert gaps[0] >= 0.6 and gaps[1] >= 1.2


def test_an_error_of_the_agents_own_is_not_retried_and_shows_its_trace(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.step("divide", lambda: 1 / 0)}

    world.agent("probe", run, retries=3)
    done = world.run("probe")
    assert done.error is not None and done.attempt == 1
    assert (done.error.code, done.error.message) == ("agent_failed", "ZeroDivisionError: division by zero")
    assert "test_runner.py" in (done.error.trace or "")
    assert world.steps(done.id) == {"divide": "error"}


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_agent_that_ends_its_thread_fails_alone(small_world: World, ending: type[BaseException]) -> None:
    world = small_world

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if inputs.get("value"):
            raise ending
        return {"result": 1}

    world.agent("probe", run)
    for _ in range(3):
        assert world.run("probe", "end", timeout=3).error_code == "agent_failed"
    assert world.run("probe", timeout=3).status == "success"


def test_repeated_and_nested_names_get_keys_of_their_own(world: World) -> None:
    ran: list[str] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def outer(n: int) -> int:
            return ctx.step("inner", lambda: ran.append(f"inner {n}") or n * 10) + ctx.step("inner", lambda: n)

        answers = [ctx.step("x", lambda: "own"), ctx.step("x[1]", lambda: "named"), ctx.step("x", lambda: "again")]
        answers += [ctx.step("outer", outer, n) for n in (1, 2)]
        if ctx.attempt == 1:
            raise Retry("Once more.", after_seconds=0)
        return {"result": answers}

    world.agent("probe", run, retries=1)
    done = world.run("probe")
    assert done.outputs == {"result": ["own", "named", "again", 11, 22]}
    assert ran == ["inner 1", "inner 2"]
    keys = list(world.steps(done.id))
    assert keys[:3] == ["x", "x[1]", "x[2]"]
    assert {"outer", "outer/inner", "outer/inner[1]", "outer[1]"} < set(keys)


def test_long_step_names_stay_apart_and_are_stored(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def down(depth: int) -> int:
            return ctx.step("n" * 200, down, depth - 1) + 1 if depth else 0

        return {"result": down(4)}

    world.agent("probe", run)
    done = world.run("probe")
    assert done.outputs == {"result": 4}
    assert len(world.steps(done.id)) == 4


def test_a_run_has_a_cap_of_steps_even_under_one_name(small_world: World) -> None:
    database = small_world.app.db
    journal = Journal(database, small_world.app.files, small_world.workspace, "run", {}, owner="me")
    for _ in range(RUN_STEPS):
        journal.key("again")
    with pytest.raises(Exception, match=f"more than {RUN_STEPS} steps"):
        journal.key("again")


def test_large_outputs_are_kept_as_files_and_come_back_whole(world: World) -> None:
    text = "x" * 300_000

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        large = ctx.step("large", lambda: {"text": text})
        if ctx.attempt == 1:
            raise Retry("Once more.", after_seconds=0)
        return {"result": large}

    world.agent("probe", run, retries=1)
    done = world.run("probe")
    assert done.outputs is not None
    reference = done.outputs["result"]["storage_ref"]
    assert reference["size"] > 300_000
    assert text.encode() in world.app.runs.file(world.workspace, reference["sha256"])
    (step,) = world.app.runs.steps(world.workspace, done.id)
    assert (step.outputs, step.output_ref) == (None, reference["sha256"])


def test_outputs_are_plain_json_and_what_is_no_figure_becomes_null(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        back = ctx.step("odd", lambda: {"nan": math.nan, "money": Decimal("1.10"), "tuple": (1, 2), "inf": math.inf})
        return {"result": back}

    world.agent("probe", run)
    assert world.run("probe").outputs == {"result": {"nan": None, "money": "1.10", "tuple": [1, 2], "inf": None}}


@pytest.mark.parametrize("value", [object(), {"half": "\ud800"}, lambda: None], ids=["object", "text", "function"])
def test_a_step_that_returns_no_json_fails_and_drops_what_it_would_have_left(world: World, value: Any) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def step() -> Any:
            ctx.emit("test.lost", {})
            ctx.kpi("lost", 1)
            return value

        return {"result": ctx.step("odd", step)}

    world.agent("probe", run)
    done = world.run("probe")
    assert (done.status, done.error_code) == ("error", "not_json")
    assert world.steps(done.id) == {"odd": "error"}
    assert world.events() == [] and world.rows("kpi_points") == []


def test_a_failing_step_drops_its_events_and_kpis_and_those_of_the_steps_around_it(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def outer() -> None:
            ctx.emit("test.outer", {})
            ctx.kpi("outer", 1)
            ctx.step("inner", lambda: ctx.emit("test.inner", {}))
            raise ValueError("after the inner step")

        ctx.emit("test.before", {})
        try:
            ctx.step("outer", outer)
        except ValueError:
            ctx.log("Caught.")
        ctx.step("last", lambda: ctx.emit("test.last", {}))
        return {"result": 1}

    world.agent("probe", run)
    assert world.run("probe").status == "success"
    assert sorted(type for type, _ in world.events()) == ["test.before", "test.inner", "test.last"]
    assert world.rows("kpi_points") == []


def test_effects_of_a_repeated_attempt_are_there_once(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.emit("test.loose", {"attempt": 1})
        ctx.step("emit", lambda: (ctx.emit("test.step", {}), ctx.kpi("k", 2), ctx.emit("test.keyed", {}, key="one")))
        if ctx.attempt == 1:
            raise Retry("Once more.", after_seconds=0)
        return {"result": 1}

    world.agent("probe", run, retries=1)
    assert world.run("probe").status == "success"
    assert sorted(type for type, _ in world.events()) == ["test.keyed", "test.loose", "test.step"]
    assert world.run("probe").status == "success"
    assert [type for type, _ in world.events("test.keyed")] == ["test.keyed"]


def test_figures_that_are_none_are_refused_where_they_are_reported(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.kpi("margin", math.nan)
        return {}

    world.agent("probe", run)
    for _ in range(3):
        done = world.run("probe", timeout=3)
        assert (done.status, done.error_code) == ("error", "invalid")
        assert "no figure" in (done.error_message or "")


def test_texts_no_database_takes_do_not_stop_the_worker(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.log("half a pair \ud800 and a NUL \0", name="\0")
        back = ctx.step("nul", lambda: {"a": "x\0y", "\0": 1})
        ctx.emit("test.nul", {"text": "\0"})
        if inputs.get("value"):
            raise ValueError("bad \ud800 \0")
        return {"result": back}

    world.agent("probe", run)
    for _ in range(3):
        assert world.run("probe", timeout=3).status == "success"
        assert world.run("probe", "fail", timeout=3).error_code == "agent_failed"


def test_wrong_outputs_are_warnings_and_no_map_is_an_error(world: World) -> None:
    world.agent("extra", lambda ctx, inputs: {"other": 1})
    world.agent("none", lambda ctx, inputs: None)  # type: ignore[arg-type,return-value]
    done = world.run("extra")
    assert done.status == "success"
    assert done.warnings == ["Output 'result' is missing.", "Output 'other' is not in the manifest."]
    assert world.run("none").error_code == "bad_outputs"


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
    done = world.until(stuck, "error", timeout=8)
    assert done.error is not None and done.error.code == "timeout" and "'hang'" in done.error.message
    assert world.run("quick", timeout=5).status == "success"
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
        assert world.until(quick, "success", timeout=5).status == "success"
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
    assert world.ended(run_id, timeout=3).status == "success"


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
    assert world.ended(kept, timeout=3).status == "success"
    assert (world.ended(lost).status, world.ended(lost).error_code) == ("error", "not_found")


def test_a_dry_run_leaves_no_trace_but_itself(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.records.put("notes", "a", {"n": 1})
        ctx.records.put("notes", "b", {"n": 2})
        ctx.records.delete("notes", "b")
        ctx.step("effects", lambda: (ctx.emit("test.dry", {}), ctx.kpi("dry", 5)))
        ctx.value("money_made", 5, unit="USD", method="measured", note="a sale")
        decision = ctx.approve("May I?")
        ctx.wait(seconds=3600)
        seen = [record.key for record in ctx.records.find("notes")]
        return {"result": [ctx.dry_run, decision.approved, seen]}

    world.agent("probe", run)
    instance = world.instance("probe")
    before = world.app.agents.get(world.workspace, instance.id)
    done = world.run("one", dry_run=True)
    assert done.status == "success" and done.dry_run
    assert done.outputs == {"result": [True, True, ["a"]]}
    assert done.kpis == {"dry": 5}
    for table in ("events", "kpi_points", "value_entries", "records", "approvals"):
        assert world.rows(table) == [], table
    assert world.app.agents.get(world.workspace, instance.id) == before


def test_a_dry_run_that_fails_does_not_count_for_the_breaker(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1 / 0}, breaker=1)
    instance = world.instance("probe")
    assert world.run("one", dry_run=True).status == "error"
    after = world.app.agents.get(world.workspace, instance.id)
    assert (after.status, after.consecutive_failures) == ("active", 0)


def test_secrets_are_hidden_in_errors_logs_and_events_of_failure(world: World) -> None:
    value = "tok-4711-very-secret"

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.log(f"using {value}", token=value)
        raise ValueError(f"refused: {value}")

    world.agent("probe", run)
    world.app.secrets.put(world.workspace, "token", value)
    done = world.run("probe")
    assert done.error is not None
    assert "refused: [redacted]" in done.error.message and value not in (done.error.trace or "")
    (log,) = world.app.runs.logs(world.workspace, done.id)
    assert value not in log.message and value not in str(log.fields)
    assert value not in str(world.rows("events")) + str(world.rows("runs")) + str(world.rows("run_steps"))


def test_an_agent_knows_its_instance(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": [ctx.instance_name, ctx.workspace.name]})
    world.instance("probe", "My probe")
    assert world.run("My probe").outputs == {"result": ["My probe", "Test"]}


def test_an_event_of_an_instance_with_a_long_name_is_stored(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.emit("test.long", {}, key="k" * 500)
        return {"result": 1}

    world.agent("probe", run)
    world.instance("probe", "n" * 120)
    assert world.run("n" * 120).status == "success"
    assert [type for type, _ in world.events()] == ["test.long"]


def test_only_declared_collections_may_be_used(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": ctx.records.get("other", "x")})
    done = world.run("probe")
    assert done.error_code == Invalid.code and "not declared" in (done.error_message or "")


def test_many_starters_and_many_workers_lose_nothing(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("double", lambda n: n * 2, inputs["value"])})
    world.started(workers=4)
    started = [
        run_id
        for ids_ in together(4, lambda k: [world.start("probe", k * 10 + n) for n in range(10)])
        for run_id in ids_
    ]
    assert sorted(world.ended(run_id).outputs["result"] for run_id in started) == [n * 2 for n in range(40)]  # type: ignore[index]
