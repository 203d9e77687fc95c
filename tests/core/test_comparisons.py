"""Two runs side by side: what is told of each, of their steps, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.domain.comparisons import RunComparison
from ionflux_core.errors import Invalid, NotFound
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]


def writer(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """A draft in some steps; `value` says which of them, and with what."""
    wish = inputs["value"]
    ctx.step("Read", lambda: {"voice": "warm"})
    if wish.get("extra"):
        ctx.step("Extra", lambda: wish["extra"])
    draft = ctx.step("Write", lambda to: f"Dear {to},\nthis is a long line that stays as it is.\nBye.", wish["to"])
    for number in range(wish.get("calls", 1)):
        ctx.llm.complete(f"Word {number}")
    ctx.step("Large", lambda: [wish["to"]] * 30_000)
    if wish.get("fail"):
        ctx.step("Fail", lambda: 1 / 0)
    ctx.kpi("words", len(draft.split()))
    return {"result": {"draft": draft, "list": wish.get("list", [1, 2])}}


def compared(world: World, one: dict[str, Any], two: dict[str, Any]) -> RunComparison:
    world.agent("writer", writer)
    left, right = (world.run("writer", value).id for value in (one, two))
    return world.app.comparisons.runs(world.workspace, left, right)


def marks(found: RunComparison) -> dict[str, str]:
    return {pair.step_key: pair.mark for pair in found.steps}


def test_two_runs_with_the_same_inputs_are_the_same(world: World) -> None:
    found = compared(world, {"to": "Ada"}, {"to": "Ada"})
    assert set(marks(found).values()) == {"same"}
    assert all(pair.mark == "same" for pair in (*found.inputs, *found.outputs, *found.settings))
    assert found.kpis[0].delta == 0


def test_steps_stand_beside_the_step_with_the_same_key(world: World) -> None:
    found = compared(world, {"to": "Ada", "fail": True}, {"to": "Bob", "extra": "x", "calls": 2})
    assert [pair.step_key for pair in found.steps][:3] == ["Read", "Extra", "Write"]
    known = marks(found)
    assert (known["Read"], known["Extra"], known["Write"]) == ("same", "only_right", "changed")
    assert (known["Large"], known["Fail"]) == ("changed", "only_left")
    write = next(pair for pair in found.steps if pair.step_key == "Write")
    assert [(change.path, change.left, change.right) for change in write.inputs.changes] == [("args[0]", "Ada", "Bob")]
    (change,) = write.outputs.changes
    assert change.text is not None and (change.text.added, change.text.removed) == (1, 1)
    fail = next(pair for pair in found.steps if pair.step_key == "Fail")
    assert fail.left is not None and "ZeroDivisionError" in (fail.left.error or "")
    assert found.left.status == "error" and found.right.status == "success"
    assert [pair.mark for pair in found.outputs] == ["added"]


def test_calls_and_their_cost_are_summed_by_side_and_step(world: World) -> None:
    found = compared(world, {"to": "Ada", "calls": 1}, {"to": "Ada", "calls": 3})
    assert (found.left.spent.calls, found.right.spent.calls) == (1, 3)
    figures = {figure.name: figure for figure in found.figures}
    assert figures["calls"].delta == 2
    assert figures["tokens_in"].delta and figures["tokens_in"].delta > 0
    by_step = sum(pair.right.spent.calls for pair in found.steps if pair.right)
    assert by_step == 3


def test_a_moved_item_of_an_output_is_no_difference(world: World) -> None:
    found = compared(world, {"to": "Ada", "list": [1, 2, 3]}, {"to": "Ada", "list": [3, 1, 2]})
    assert [pair.mark for pair in found.outputs] == ["same"]


def test_a_large_output_that_is_gone_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(sha256: str) -> bytes:
        raise NotFound("gone")

    monkeypatch.setattr(world.app.files, "read", gone)
    found = compared(world, {"to": "Ada"}, {"to": "Bob"})
    large = next(pair for pair in found.steps if pair.step_key == "Large")
    assert large.mark == "changed" and large.note == "A large output is not stored any more."


def test_a_secret_in_a_difference_is_not_shown(world: World) -> None:
    world.agent("writer", writer)
    left = world.run("writer", {"to": "plain"}).id
    right = world.run("writer", {"to": "canary-88-of-the-mine"}).id
    world.app.secrets.put(world.workspace, "late", "canary-88-of-the-mine")
    found = world.app.comparisons.runs(world.workspace, left, right)
    assert "canary-88" not in repr(found)
    assert marks(found)["Write"] == "changed"


def test_only_runs_of_the_workspace_are_compared(world: World) -> None:
    world.agent("writer", writer)
    one = world.run("writer", {"to": "Ada"}).id
    two = world.run("writer", {"to": "Bob"}).id
    other = world.app.workspaces.create("Second").id
    for left, right in ((one, two), (one, "no-such-run")):
        with pytest.raises(NotFound):
            world.app.comparisons.runs(other if right == two else world.workspace, left, right)
    with pytest.raises(Invalid):
        world.app.comparisons.runs(world.workspace, one, one)


def test_two_versions_of_a_configuration(small_world: World) -> None:
    small_world.agent("writer", writer)
    instance = small_world.instance("writer", yaml="inputs:\n  value: {to: Ada, calls: 1}\n")
    save = small_world.app.agents.save
    save(small_world.workspace, instance.id, "# mine\ninputs:\n  value: {calls: 1, to: Ada}\n")
    save(small_world.workspace, instance.id, "# mine\ninputs:\n  value: {calls: 2, to: Ada}\n")
    versions = small_world.app.comparisons.versions
    assert versions(small_world.workspace, instance.id, 1, 2).same
    found = versions(small_world.workspace, instance.id, 2, 3)
    assert [(change.path, change.left, change.right) for change in found.values.changes] == [
        ("inputs.value.calls", 1, 2)
    ]
    with pytest.raises(NotFound):
        versions(small_world.workspace, instance.id, 1, 9)


def test_a_fork_shows_what_it_took_over(world: World) -> None:
    world.agent("writer", writer)
    parent = world.run("writer", {"to": "Ada"})
    forked = world.app.forks.fork(world.workspace, parent.id, step="Write", inputs={"value": {"to": "Bob"}})
    child = world.ended(forked.run_id)
    found = world.app.comparisons.runs(world.workspace, parent.id, child.id)
    assert found.right.parent_run_id == parent.id and found.right.lineage == "fork"
    assert (marks(found)["Read"], marks(found)["Write"]) == ("reused", "changed")
    read = found.steps[0].right
    assert read is not None and read.source_run_id == parent.id
