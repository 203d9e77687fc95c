"""Runs made from runs: what is reused, what runs anew, what a child knows of its parent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from ionflux_core.domain.lineage import notes_of
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.sdk import Unavailable
from ionflux_core.storage.tables import run_steps
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]

Ran = list[str]


def five_steps(ran: Ran, broken: set[int] | None = None) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    """An agent of five steps, each of which takes the answer of the last and says that it ran."""

    def one(n: int, before: Any) -> Any:
        ran.append(f"step {n}")
        if n in (broken or set()):
            raise Unavailable("The shop is closed.")
        return [*before, n]

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        answer: Any = [inputs.get("value")]
        for n in range(1, 6):
            answer = ctx.step(f"step {n}", one, n, answer)
            ctx.kpi("steps", n)
        return {"result": answer}

    return run


def test_a_retry_repeats_nothing_that_was_finished_and_says_whence_it_came(world: World) -> None:
    ran, broken = Ran(), {4}
    world.agent("probe", five_steps(ran, broken))
    failed = world.run("probe", "a")
    assert (failed.status, world.steps(failed.id)["step 4"]) == ("error", "error")
    broken.clear()
    started = world.app.forks.retry(world.workspace, failed.id, by="me")
    done = world.ended(started.run_id)
    assert (done.status, done.outputs) == ("success", {"result": ["a", 1, 2, 3, 4, 5]})
    assert (done.lineage, done.parent_run_id, done.correlation_id) == ("retry", failed.id, failed.correlation_id)
    assert ran == ["step 1", "step 2", "step 3", "step 4", "step 4", "step 5"]
    steps = world.app.runs.steps(world.workspace, done.id)
    assert [step.status for step in steps] == ["reused"] * 3 + ["success"] * 2
    assert {step.source_run_id for step in steps[:3]} == {failed.id}
    before = {step.step_key: step.outputs_hash for step in world.app.runs.steps(world.workspace, failed.id)}
    assert all(step.outputs_hash == before[step.step_key] for step in steps[:3])


def test_a_run_that_goes_well_or_still_runs_is_not_retried(world: World) -> None:
    world.agent("probe", five_steps([]))
    done = world.run("probe")
    with pytest.raises(Conflict, match="ended well"):
        world.app.forks.retry(world.workspace, done.id)
    world.agent("asks", lambda ctx, inputs: {"result": ctx.approve("Go on?").approved})
    parked = world.run("asks")
    with pytest.raises(Conflict, match="not ended"):
        world.app.forks.fork(world.workspace, parked.id)
    with pytest.raises(NotFound):
        world.app.forks.replay(world.workspace, "nobody")


def test_a_fork_runs_anew_from_its_step_with_other_inputs(world: World) -> None:
    ran = Ran()
    world.agent("probe", five_steps(ran))
    parent = world.run("probe", "a")
    ran.clear()
    forked = world.app.forks.fork(world.workspace, parent.id, step="step 3", inputs={"value": "b"})
    done = world.ended(forked.run_id)
    assert ran == ["step 3", "step 4", "step 5"]
    # What came before the step is the parent's, so the new input shows from there on only where it is read.
    assert done.outputs == {"result": ["a", 1, 2, 3, 4, 5]}
    assert (done.lineage, done.forked_at, done.inputs) == ("fork", "step 3", {"value": "b"})
    assert done.changes == {"inputs": {"value": {"from": "a", "to": "b"}}}
    assert done.config["origins"]["inputs.value"] == "run"
    assert done.config_sha256 != parent.config_sha256
    whole = world.ended(world.app.forks.fork(world.workspace, parent.id, inputs={"value": "b"}).run_id)
    assert whole.outputs == {"result": ["b", 1, 2, 3, 4, 5]}
    assert (whole.config_sha256, whole.kpis) == (done.config_sha256, done.kpis)


def test_a_fork_may_change_what_the_step_itself_was_given(world: World) -> None:
    world.agent("probe", five_steps([]))
    parent = world.run("probe", "a")
    forks = world.app.forks
    plan = forks.plan(world.workspace, parent.id, "step 3")
    assert plan.step_inputs == {"args": [3, ["a", 1, 2]], "kwargs": {}}
    assert [key for key, _ in plan.reused] == ["step 1", "step 2"]
    forked = forks.fork(world.workspace, parent.id, step="step 3", step_inputs={"args": [7, ["edited"]]})
    done = world.ended(forked.run_id)
    assert done.outputs == {"result": ["edited", 7, 4, 5]}
    assert done.changes is not None and notes_of(done.changes) == ["this step's own inputs"]
    with pytest.raises(Invalid, match="takes other inputs"):
        forks.fork(world.workspace, parent.id, step="step 3", step_inputs={"args": [7]})


def test_step_inputs_that_are_kept_in_short_cannot_be_edited(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.step("long", len, "x" * 600)
        ctx.step("dated", str, ctx.now().date())
        ctx.step("pair", len, (1, 2))
        return {"result": ctx.step("nothing", dict)}

    world.agent("probe", run)
    parent = world.run("probe")
    for step in ("long", "dated", "pair", "nothing"):
        assert world.app.forks.plan(world.workspace, parent.id, step).step_inputs is None
        with pytest.raises(Invalid, match="cannot be edited"):
            world.app.forks.fork(world.workspace, parent.id, step=step, step_inputs={"args": ["y"]})


def test_a_fork_may_have_another_model_and_says_so(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.inputs})
    parent = world.run("probe")
    forked = world.app.forks.fork(world.workspace, parent.id, model="openai:gpt-9")
    done = world.ended(forked.run_id)
    assert done.config["stack"]["model"] == "openai:gpt-9"
    assert done.changes is not None and done.changes["model"]["to"] == "openai:gpt-9"
    with pytest.raises(Invalid, match="names no model"):
        world.app.forks.fork(world.workspace, parent.id, model="gpt 9")


def test_a_fork_may_take_another_saved_version(world: World) -> None:
    world.agent("probe", five_steps([]))
    one = world.instance("probe", yaml="inputs:\n  value: saved 1\n")
    world.started()
    parent = world.run("one")
    world.app.agents.save(world.workspace, one.id, "inputs:\n  value: saved 2\n")
    same = world.ended(world.app.forks.fork(world.workspace, parent.id).run_id)
    other = world.ended(world.app.forks.fork(world.workspace, parent.id, version=2).run_id)
    assert (same.inputs, other.inputs) == ({"value": "saved 1"}, {"value": "saved 2"})
    assert same.changes is None and same.config_sha256 == parent.config_sha256
    assert other.changes is not None and other.changes["version"] == {"from": 1, "to": 2}
    assert other.config["instance_version"] == 2
    again = world.ended(world.app.forks.fork(world.workspace, other.id, version=1, inputs={"value": "x"}).run_id)
    assert (again.inputs, again.config["instance_version"]) == ({"value": "x"}, 1)
    with pytest.raises(NotFound):
        world.app.forks.fork(world.workspace, parent.id, version=9)


def test_inputs_of_a_fork_are_checked(world: World) -> None:
    world.agent("probe", five_steps([]))
    parent = world.run("probe", 1)
    with pytest.raises(Invalid) as refused:
        world.app.forks.fork(world.workspace, parent.id, inputs={"valeu": 2})
    assert "no input 'valeu'" in str(refused.value.problems[0]) and "value" in refused.value.problems[0].hint
    emptied = world.ended(world.app.forks.fork(world.workspace, parent.id, inputs={"value": None}).run_id)
    assert emptied.inputs == {}
    with pytest.raises(NotFound):
        world.app.forks.fork(world.workspace, parent.id, step="step 9")


def test_a_fork_inside_a_step_runs_the_step_around_it_again(world: World) -> None:
    ran = Ran()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def said(name: str) -> str:
            ran.append(name)
            return name

        def outer() -> list[str]:
            ran.append("outer")
            return [ctx.step("first", said, "first"), ctx.step("second", said, "second")]

        ctx.step("before", said, "before")
        return {"result": ctx.step("outer", outer)}

    world.agent("probe", run)
    parent = world.run("probe")
    ran.clear()
    done = world.ended(world.app.forks.fork(world.workspace, parent.id, step="outer/second").run_id)
    assert (done.status, ran) == ("success", ["outer", "second"])
    assert world.steps(done.id) == {
        "before": "reused", "outer/first": "reused", "outer": "success", "outer/second": "success",
    }  # fmt: skip


def test_a_step_whose_record_was_tampered_with_is_not_reused(world: World) -> None:
    world.agent("probe", five_steps([]))
    parent = world.run("probe")
    change = update(run_steps).where(run_steps.c.run_id == parent.id, run_steps.c.step_key == "step 2")
    world.app.db.write(lambda connection: connection.execute(change.values(outputs=["forged"])))
    for make in (world.app.forks.replay, lambda ws, run: world.app.forks.fork(ws, run, step="step 4")):
        with pytest.raises(Conflict) as refused:
            make(world.workspace, parent.id)
        assert refused.value.code == "recording_damaged" and "step 2" in refused.value.message
    # Before the damage all is well.
    assert world.ended(world.app.forks.fork(world.workspace, parent.id, step="step 2").run_id).status == "success"


def test_large_answers_are_reused_from_their_file_and_verified(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        text = ctx.step("large", lambda: "é" * 100_000)
        return {"result": ctx.step("count", len, text)}

    world.agent("probe", run)
    parent = world.run("probe")
    (large, _) = world.app.runs.steps(world.workspace, parent.id)
    assert large.output_ref == large.outputs_hash
    done = world.ended(world.app.forks.fork(world.workspace, parent.id, step="count").run_id)
    assert (done.status, done.outputs) == ("success", {"result": 100_000})
    next(world.app.settings.data_dir.glob(f"artifacts/*/{large.output_ref}")).write_bytes(b'"forged"')
    with pytest.raises(Conflict, match="hash"):
        world.app.forks.fork(world.workspace, parent.id, step="count")


def test_approvals_waits_and_dry_runs_are_taken_over(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        decision = ctx.approve("Go on?", data={"text": "x"}, editable=["text"])
        ctx.wait(seconds=0)
        return {"result": [decision.edits, ctx.step("last", lambda: ctx.dry_run)]}

    world.agent("probe", run)
    parked = world.run("probe")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=True, edits={"text": "y"})
    parent = world.until(parked.id, "success")
    done = world.ended(world.app.forks.fork(world.workspace, parent.id, step="last", dry_run=True).run_id)
    assert (done.status, done.outputs) == ("success", {"result": [{"text": "y"}, True]})
    assert world.steps(done.id) == {"approval": "reused", "wait": "reused", "last": "success"}
    assert done.changes == {"dry_run": {"from": False, "to": True}}


def test_figures_of_reused_steps_stay_with_the_run(world: World) -> None:
    broken = {5}

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def outer() -> None:
            ctx.step("inner", lambda: ctx.kpi("inner", 2))
            ctx.kpi("outer", 1)

        ctx.step("outer", outer)
        ctx.step("fails", lambda: 1 / 0 if broken else ctx.kpi("late", 3))
        return {"result": None}

    world.agent("probe", run)
    failed = world.run("probe")
    broken.clear()
    done = world.ended(world.app.forks.retry(world.workspace, failed.id).run_id)
    assert (done.status, done.kpis) == ("success", {"inner": 2, "outer": 1, "late": 3})
    # They are reported once.
    assert sorted(row.name for row in world.rows("kpi_points")) == ["inner", "late", "outer"]


def test_a_child_goes_by_the_clock_and_the_seed_of_its_parent(world: World) -> None:
    broken = [True]

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        told = [ctx.now().isoformat(), ctx.seed]
        ctx.step("fails", lambda: 1 / 0 if broken else None)
        return {"result": told}

    world.agent("probe", run)
    failed = world.run("probe")
    broken.clear()
    first = world.ended(world.app.forks.retry(world.workspace, failed.id).run_id)
    second = world.ended(world.app.forks.fork(world.workspace, first.id).run_id)
    assert first.outputs == second.outputs
    assert first.clock == failed.started_at and first.started_at != failed.started_at


def test_the_same_key_makes_one_child(world: World) -> None:
    world.agent("probe", five_steps([]))
    parent = world.run("probe")
    make = [world.app.forks.fork(world.workspace, parent.id, step="step 2", key="once") for _ in range(2)]
    assert (make[0].run_id, [made.repeated for made in make]) == (make[1].run_id, [False, True])
    world.ended(make[0].run_id)
    assert len(world.rows("runs")) == 2


def test_children_of_children_name_the_run_that_really_executed_a_step(world: World) -> None:
    world.agent("probe", five_steps([]))
    first = world.run("probe")
    second = world.ended(world.app.forks.fork(world.workspace, first.id, step="step 3").run_id)
    third = world.ended(world.app.forks.fork(world.workspace, second.id, step="step 5").run_id)
    sources = [step.source_run_id for step in world.app.runs.steps(world.workspace, third.id)]
    assert sources == [first.id, first.id, second.id, second.id, None]


def test_the_lineage_is_a_tree_in_pages(world: World) -> None:
    world.agent("probe", five_steps([]))
    world.run("probe")
    root = world.run("probe")
    forks = world.app.forks
    left = world.ended(forks.fork(world.workspace, root.id, inputs={"value": "left"}).run_id)
    right = world.ended(forks.fork(world.workspace, root.id, step="step 2").run_id)
    leaf = world.ended(forks.replay(world.workspace, left.id).run_id)
    tree = forks.lineage(world.workspace, leaf.id)
    assert [node.run_id for node in tree.ancestors] == [root.id, left.id]
    assert [(node.run_id, node.parent_run_id, node.lineage) for node in tree.family] == [
        (root.id, None, None),
        (left.id, root.id, "fork"),
        (right.id, root.id, "fork"),
        (leaf.id, left.id, "replay"),
    ]
    assert tree.family[1].notes == ["input value: not given → left"]
    page = forks.lineage(world.workspace, root.id, limit=3)
    assert (len(page.family), page.cursor) == (3, right.id)
    rest = forks.lineage(world.workspace, root.id, limit=3, cursor=page.cursor)
    assert ([node.run_id for node in rest.family], rest.cursor) == ([leaf.id], None)
    assert forks.lineage(world.workspace, world.run("probe").id).ancestors == []


def test_a_family_is_not_shown_to_another_workspace(world: World) -> None:
    world.agent("probe", five_steps([]))
    parent = world.run("probe")
    other = world.app.workspaces.create("Other").id
    for use in (world.app.forks.lineage, world.app.forks.retry, world.app.forks.fork, world.app.forks.replay):
        with pytest.raises(NotFound):
            use(other, parent.id)


def test_a_fork_is_ready_in_less_than_a_tenth_of_a_second(small_world: World) -> None:
    world = small_world

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": [len(ctx.step(f"step {n}", lambda: "x" * 10_000)) for n in range(5)]}

    world.agent("probe", run)
    parent = world.run("probe")
    took = []
    for _ in range(5):
        began = time.perf_counter()
        forked = world.app.forks.fork(world.workspace, parent.id, step="step 3")
        took.append(time.perf_counter() - began)
        world.ended(forked.run_id)
    assert min(took) < 0.1


def test_steps_cost_what_their_own_calls_cost(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def paid(micros: int) -> None:
            ctx._journal.cost_micros += micros

        def outer() -> None:
            paid(10)
            ctx.step("inner", paid, 5)

        ctx.step("outer", outer)
        ctx.step("last", paid, 1)
        return {}

    world.agent("probe", run)
    done = world.run("probe")
    costs = {step.step_key: step.cost_micros for step in world.app.runs.steps(world.workspace, done.id)}
    assert (costs, done.cost_micros) == ({"outer": 10, "outer/inner": 5, "last": 1}, 16)
    child = world.ended(world.app.forks.fork(world.workspace, done.id, step="last").run_id)
    costs = {step.step_key: step.cost_micros for step in world.app.runs.steps(world.workspace, child.id)}
    assert (costs, child.cost_micros) == ({"outer": 0, "outer/inner": 0, "last": 1}, 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    place=st.integers(0, 30),
    value=st.text(max_size=8),
)
def test_forks_reuse_exactly_what_came_before(small_world: World, lengths: list[int], place: int, value: str) -> None:
    """A fork executes the chosen step, those around it and those after it, and no other."""
    world, ran = small_world, Ran()

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        def leaf(key: str) -> str:
            ran.append(key)
            return f"{key} {value}"

        def group(n: int, length: int) -> list[str]:
            ran.append(f"group {n}")
            return [ctx.step(f"leaf {m}", leaf, f"group {n}/leaf {m}") for m in range(length)]

        return {"result": [ctx.step(f"group {n}", group, n, length) for n, length in enumerate(lengths)]}

    if "shapes" not in {definition.slug for definition in world.app.catalog.definitions()}:
        world.agent("shapes", run)
    world.replace("shapes", run)
    parent = world.run("shapes")
    order = list(ran)
    chosen = order[place % len(order)]
    ran.clear()
    done = world.ended(world.app.forks.fork(world.workspace, parent.id, step=chosen).run_id)
    expected = order[order.index(chosen) :]
    if "/" in chosen:
        expected = [chosen.partition("/")[0], *expected]
    assert (done.outputs, ran) == (parent.outputs, expected)
