"""Runs whose caller waits for the answer: executed in the caller's thread while there is room, else by the queue."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.domain.runs import Run
from ionflux_core.web import routes as web
from ionflux_core.web.metrics import Requests
from tests.agents_for_tests.world import World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]


def _call(world: World, value: Any = None, target: str = "agent:probe", timeout: float = 30.0) -> Run:
    return world.app.runs.call(world.workspace, target, {"value": value}, timeout=timeout)


def test_a_call_is_executed_by_the_caller_and_recorded_like_any_run(world: World) -> None:
    threads: list[str] = []

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return {"result": ctx.step("double", lambda: inputs["value"] * 2)}

    world.agent("probe", run)
    world.started()
    ended = _call(world, 21)
    assert (ended.status, ended.outputs) == ("success", {"result": 42})
    assert threads == [threading.current_thread().name]
    assert world.get(ended.id) == ended
    assert world.steps(ended.id) == {"double": "success"}


def test_a_call_that_fails_tells_why_as_the_stored_run_does(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: 1 / 0)  # type: ignore[arg-type]
    world.started()
    ended = _call(world)
    assert ended.status == "error" and ended.error_message and "division" in ended.error_message
    assert world.get(ended.id) == ended


def test_a_call_beyond_the_limit_of_its_instance_waits_in_the_queue(world: World) -> None:
    busy, gate, peak = threading.Semaphore(0), threading.Event(), [0, 0]

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        peak[0] += 1
        peak[1] = max(peak)
        busy.release()
        gate.wait(10)
        peak[0] -= 1
        return {"result": inputs["value"]}

    world.agent("probe", run, concurrency=1)
    world.instance("probe")
    world.started()
    first = threading.Thread(target=lambda: _call(world, 1, "one"))
    first.start()
    busy.acquire(timeout=5)
    waiting = _call(world, 2, "one", timeout=0.3)
    assert waiting.status == "pending"
    gate.set()
    first.join()
    assert world.ended(waiting.id).outputs == {"result": 2}
    assert peak[1] == 1


def test_more_calls_than_places_are_all_answered(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": inputs["value"]}, concurrency=64)
    world.started(workers=2)
    answers = together(12, lambda number: _call(world, number))
    assert [answer.outputs for answer in answers] == [{"result": number} for number in range(12)]
    assert len(world.rows("runs", status="success")) == 12


def test_a_call_that_asks_a_person_is_parked_and_goes_on_in_the_queue(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.approve("Send it?").approved}

    world.agent("probe", run)
    world.started()
    parked = _call(world)
    assert parked.status == "awaiting_approval"
    (asked,) = world.rows("approvals")
    world.app.approvals.decide(world.workspace, asked.id, approved=True)
    assert world.until(parked.id, "success").outputs == {"result": True}


def test_a_call_is_cancelled_from_elsewhere(world: World) -> None:
    begun = threading.Event()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        for number in range(500):
            ctx.step(f"wait {number}", time.sleep, 0.01)
        return {}

    world.agent("probe", run)
    world.started()
    answers: list[Run] = []
    caller = threading.Thread(target=lambda: answers.append(_call(world)))
    caller.start()
    begun.wait(5)
    (row,) = world.rows("runs")
    world.app.runs.cancel(world.workspace, row.id)
    caller.join(5)
    assert [answer.status for answer in answers] == ["cancelled_by_user"]


def test_a_call_over_its_time_limit_is_cut_off(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": time.sleep(1.6)}, timeout_seconds=0.5)
    world.started()
    ended = _call(world)
    assert ended.status == "error" and ended.error_code == "timeout"


def test_without_a_worker_here_the_run_stays_in_the_queue(small_world: World) -> None:
    world = small_world
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    assert _call(world, timeout=0.2).status == "pending"


def test_a_sender_is_told_of_the_run_when_its_result_takes_too_long(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = small_world
    monkeypatch.setattr(web, "RESULT_SECONDS", 0.3)

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        time.sleep(1)
        return {"result": inputs["value"]}

    config = "{path: /in, auth: token, respond: result}"
    world.agent("probe", run, triggers=f"  - {{key: hook, type: webhook, config: {config}, payload_to: value}}\n")
    instance = world.instance("probe")
    (hook,) = [t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "webhook"]
    app = world.started()
    with TestClient(Starlette(middleware=web.middleware(app, Requests()))) as client:
        answer = client.post(f"/hooks/{hook.hook_path}", json={"n": 1})
    assert answer.status_code == 202 and answer.json()["status"] == "accepted"
    wait_for(lambda: world.get(answer.json()["run_id"]).status == "success")
