"""Agents that start agents: a child is a step, the parent waits without a thread, nothing is started twice."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.sdk import IonfluxError
from ionflux_core.storage import taint
from tests.agents_for_tests.world import World, small_world, wait_for, world

__all__ = ["small_world", "world"]


def start(world: World, slug: str) -> str:
    world.started()
    return world.start(slug)


def adds_one(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"result": inputs.get("value", 0) + 1}


def asks_twice(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    first = ctx.run_agent("agent:child", {"value": 1})["result"]
    return {"result": ctx.run_agent("agent:child", {"value": first})["result"]}


def test_a_child_runs_as_a_step_and_its_outputs_come_back(world: World) -> None:
    world.agent("child", adds_one)
    world.agent("parent", asks_twice)
    parent = world.until(start(world, "parent"), "success", "error")
    assert parent.outputs == {"result": 3}, parent.error
    assert world.steps(parent.id) == {"run agent:child": "success", "run agent:child[1]": "success"}
    children = [row for row in world.rows("runs") if row.parent_run_id == parent.id]
    assert [row.status for row in children] == ["success", "success"]
    assert {row.correlation_id for row in children} == {parent.correlation_id}
    assert {row.depth for row in children} == {1}


def test_the_parent_holds_no_thread_while_its_child_waits_for_a_person(world: World) -> None:
    def asks_a_person(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.approve("May it?").approved}

    world.agent("child", asks_a_person)
    world.agent("parent", lambda ctx, inputs: ctx.run_agent("agent:child"))
    app = world.started(workers=1)
    run_id = world.start("parent")
    wait_for(lambda: app.approvals.pending(world.workspace))
    assert world.until(run_id, "waiting").wait
    [asked] = app.approvals.pending(world.workspace)
    app.approvals.decide(world.workspace, asked.id, approved=True)
    assert world.until(run_id, "success", "error").outputs == {"result": True}


def test_a_child_that_fails_is_told_once_and_not_started_again(world: World) -> None:
    started: list[int] = []

    def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        started.append(1)
        raise IonfluxError("It rained.", hint="Take an umbrella.", code="rain")

    def goes_on(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            ctx.run_agent("agent:child")
        except IonfluxError as error:
            told = [error.code, error.message, error.hint]
        ctx.wait(seconds=0.05)
        return {"result": [*told, ctx.run_agent("agent:other", {"value": 1})["result"]]}

    world.agent("child", fails)
    world.agent("other", adds_one)
    world.agent("parent", goes_on)
    parent = world.until(start(world, "parent"), "success", "error")
    assert parent.outputs == {"result": ["rain", "agent:child: It rained.", "Take an umbrella.", 2]}, parent.error
    assert len(started) == 1


def test_what_cannot_be_started_is_an_error_of_the_step(small_world: World) -> None:
    def tries(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        told = []
        for target, given in (("nobody", {}), ("agent:child", {"wrong": 1})):
            try:
                ctx.run_agent(target, given)
            except IonfluxError as error:
                told.append(error.code)
        return {"result": told}

    small_world.agent("child", adds_one)
    small_world.agent("parent", tries)
    parent = small_world.until(start(small_world, "parent"), "success", "error")
    assert parent.outputs == {"result": ["not_found", "invalid"]}


def test_agents_that_start_each_other_end_at_a_depth(small_world: World) -> None:
    small_world.agent("parent", lambda ctx, inputs: ctx.run_agent("agent:parent"))
    parent = small_world.until(start(small_world, "parent"), "error", timeout=30)
    assert parent.error_code == "limit_exceeded"
    assert max(row.depth for row in small_world.rows("runs")) == 5


def test_a_cancelled_parent_takes_its_child_with_it(small_world: World) -> None:
    small_world.agent("child", lambda ctx, inputs: ctx.wait(seconds=60) or {"result": 1})
    small_world.agent("parent", lambda ctx, inputs: ctx.run_agent("agent:child"))
    run_id = start(small_world, "parent")
    small_world.until(run_id, "waiting")
    wait_for(lambda: [row for row in small_world.rows("runs", parent_run_id=run_id) if row.status == "waiting"])
    small_world.app.runs.cancel(small_world.workspace, run_id)
    wait_for(lambda: small_world.rows("runs", parent_run_id=run_id)[0].status == "cancelled_by_user")


def test_a_cancelled_child_is_told_to_its_parent(small_world: World) -> None:
    small_world.agent("child", lambda ctx, inputs: ctx.wait(seconds=60) or {"result": 1})
    small_world.agent("parent", lambda ctx, inputs: ctx.run_agent("agent:child"))
    run_id = start(small_world, "parent")
    small_world.until(run_id, "waiting")
    wait_for(lambda: small_world.rows("runs", parent_run_id=run_id)[0].status == "waiting")
    small_world.app.runs.cancel(small_world.workspace, small_world.rows("runs", parent_run_id=run_id)[0].id)
    parent = small_world.until(run_id, "error")
    assert parent.error_code == "child_ended" and "cancelled by user" in (parent.error_message or "")


def test_a_dry_run_has_dry_children(small_world: World) -> None:
    small_world.agent("child", adds_one)
    small_world.agent("parent", asks_twice)
    small_world.started()
    parent = small_world.until(small_world.start("parent", dry_run=True), "success", "error")
    assert parent.outputs == {"result": 3}
    assert all(row.dry_run for row in small_world.rows("runs"))
    assert small_world.events(COMPLETED) == []


def test_a_replay_starts_no_child_and_sees_another_question(world: World) -> None:
    world.agent("child", adds_one)
    world.agent("parent", asks_twice)
    parent = world.until(start(world, "parent"), "success", "error")
    count = len(world.rows("runs"))
    replayed = world.app.forks.replay(world.workspace, parent.id).run_id
    assert world.until(replayed, "success", "error").outputs == {"result": 3}
    assert len(world.rows("runs")) == count + 1

    world.replace("parent", lambda ctx, inputs: ctx.run_agent("agent:child", {"value": 5}))
    other = world.app.forks.replay(world.workspace, parent.id).run_id
    assert world.until(other, "success", "error").error_code == "recording_missed"
    assert len(world.rows("runs")) == count + 2


@pytest.mark.parametrize("after", ["run agent:child", "run agent:child[1]"])
def test_a_worker_that_is_lost_starts_no_child_twice(world: World, after: str) -> None:
    """Another process takes the run up from its rows: what was started before is waited for."""
    world.agent("child", adds_one)
    world.agent("parent", asks_twice)
    first = world.application(workers=1)
    run_id = world.start("parent")
    first.start()
    wait_for(lambda: after in world.steps(run_id))
    assert first.worker is not None
    first.worker.stop(patience=0.1)
    second = world.application(workers=1)
    second.start()
    assert world.until(run_id, "success", "error").outputs == {"result": 3}
    assert len(world.rows("runs", parent_run_id=run_id)) == 2


def test_what_a_child_or_a_found_run_has_read_the_parent_has_read(small_world: World) -> None:
    def listens(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": "umbrella"}

    small_world.agent("child", listens)
    small_world.agent("finder", lambda ctx, inputs: {"result": ctx.find_runs("umbrella")})
    small_world.agent("parent", lambda ctx, inputs: ctx.run_agent("agent:child"))
    app = small_world.started()
    clean = small_world.until(small_world.start("parent"), "success")
    stored = app.runs.upload(small_world.workspace, "mail.txt", b"umbrella", "text/plain")
    given = small_world.until(small_world.start("child", stored), "success")
    finder = small_world.until(small_world.start("finder"), "success", "error")
    assert finder.outputs
    found = {row["run_id"] for row in finder.outputs["result"]}
    assert given.id in found
    with app.db.read() as connection:
        assert taint.reasons(connection, clean) == []
        assert "read the answer of a run that has read outside text" in " ".join(taint.reasons(connection, finder))


def test_found_runs_are_a_step_with_what_answers(small_world: World) -> None:
    small_world.agent("teller", lambda ctx, inputs: {"result": f"The {inputs['value']} went up."})
    small_world.agent("finder", lambda ctx, inputs: {"result": ctx.find_runs(inputs["value"], limit=3)})
    small_world.started()
    told = small_world.until(small_world.start("teller", "margin"), "success")
    finder = small_world.until(small_world.start("finder", "margin"), "success", "error")
    assert finder.outputs
    rows = {row["run_id"]: row for row in finder.outputs["result"]}
    assert rows[told.id]["agent"] == "teller" and "margin" in rows[told.id]["fragment"]
    assert small_world.steps(finder.id) == {"find runs": "success"}
