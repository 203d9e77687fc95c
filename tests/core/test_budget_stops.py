"""Runs that a budget stops: before the next call, with what they have, and how they go on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ionflux_core.domain.runs import Run
from ionflux_core.errors import BudgetReached, Conflict, Invalid
from ionflux_core.runtime.calls import Calls
from tests.agents_for_tests.world import World, together, world

__all__ = ["world"]

CENT = 10_000


def pay(ctx: Any, name: str, cents: float, made: Counter[str] | None = None) -> str:
    """A step whose one call costs so many cents."""

    def call() -> str:
        micros = int(cents * CENT)
        spending = ctx._ports.spending
        reservation = spending.reserve(ctx._run, name, micros, service="llm")
        if made is not None:
            made[name] += 1
        with Calls(ctx._run, ctx._journal, ctx._ports).recorded("llm", "acme", "wise", {}) as answer:
            answer["cost_micros"] = micros
        spending.settle(reservation, micros)
        return f"answer to {name}"

    return str(ctx.step(name, call))


def five_steps(made: Counter[str]) -> Any:
    """An agent of five steps, a cent each."""

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.kpi("begun", 1)
        return {"result": [pay(ctx, f"part {number}", 1, made) for number in range(5)]}

    return run


def test_a_run_over_its_budget_stops_before_the_next_call_and_keeps_what_it_has(world: World) -> None:
    made = Counter[str]()
    world.agent("probe", five_steps(made))
    run = world.run("probe", budget_micros=3 * CENT)
    assert run.status == "budget_stopped"
    assert made.total() == 3
    assert run.cost_micros == 3 * CENT
    assert run.kpis == {"begun": 1}
    assert run.preview and "after 3 finished steps and $0.03" in run.preview
    assert run.error and run.error.code == "budget_reached" and "Continue the run" in run.error.hint
    assert list(world.steps(run.id).values()) == ["success", "success", "success", "error"]


def test_it_goes_on_with_more_and_repeats_nothing(world: World) -> None:
    made = Counter[str]()
    world.agent("probe", five_steps(made))
    run = world.run("probe", budget_micros=3 * CENT)
    world.app.budgets.continue_with(world.workspace, run.id, 4 * CENT, by="ada")
    assert world.until(run.id, "budget_stopped", "success", "error").status == "budget_stopped"
    world.app.budgets.continue_with(world.workspace, run.id, 5 * CENT, by="ada")
    ended = world.until(run.id, "success", "error")
    assert ended.status == "success"
    assert ended.outputs == {"result": [f"answer to part {number}" for number in range(5)]}
    assert set(made.values()) == {1}
    assert (ended.cost_micros, ended.budget_micros, ended.error) == (5 * CENT, 5 * CENT, None)
    assert world.app.ledger.spent_by_run(world.workspace, run.id) == 5 * CENT
    # Each of its ends was told to whoever listens.
    ends = [payload["status"] for _, payload in world.events("ionflux.agent.run.completed")]
    assert ends == ["budget_stopped", "budget_stopped", "success"]


def test_more_must_be_more(world: World) -> None:
    world.agent("probe", five_steps(Counter()))
    run = world.run("probe", budget_micros=3 * CENT)
    with pytest.raises(Invalid, match=r"has spent \$0\.03 already"):
        world.app.budgets.continue_with(world.workspace, run.id, 3 * CENT)
    with pytest.raises(BudgetReached):
        world.app.budgets.continue_with(world.workspace, run.id)
    assert world.get(run.id).status == "budget_stopped"


def test_only_a_stopped_run_is_continued_and_by_one_of_two(world: World) -> None:
    world.agent("probe", five_steps(Counter()))
    run = world.run("probe", budget_micros=3 * CENT)
    answers = together(2, lambda _: world.app.budgets.continue_with(world.workspace, run.id, 9 * CENT))
    assert {type(answer) for answer in answers} == {Run, Conflict}
    world.until(run.id, "success")
    with pytest.raises(Conflict):
        world.app.budgets.continue_with(world.workspace, run.id, 99 * CENT)


def test_a_budget_of_others_has_to_be_raised_first(world: World) -> None:
    world.agent("probe", five_steps(Counter()))
    world.app.budgets.set(world.workspace, limit_micros=2 * CENT, period="day")
    run = world.run("probe")
    assert run.status == "budget_stopped"
    with pytest.raises(BudgetReached, match="The workspace's budget for today") as refused:
        world.app.budgets.continue_with(world.workspace, run.id, 9 * CENT)
    assert "Raise that budget" in refused.value.hint
    world.app.budgets.set(world.workspace, limit_micros=9 * CENT, period="day")
    world.app.budgets.continue_with(world.workspace, run.id)
    assert world.until(run.id, "success", "error").status == "success"


def test_an_agent_that_wraps_the_error_is_stopped_all_the_same(world: World) -> None:
    def wraps(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            pay(ctx, "dear", 9)
        except Exception as error:
            raise RuntimeError("the model does not answer") from error
        return {}

    world.agent("probe", wraps)
    run = world.run("probe", budget_micros=CENT)
    assert run.status == "budget_stopped"
    assert run.error and run.error.code == "budget_reached"


def test_an_agent_that_gets_by_without_the_call_succeeds(world: World) -> None:
    def gets_by(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"result": pay(ctx, "dear", 9)}
        except Exception:
            return {"result": "a short answer"}

    world.agent("probe", gets_by)
    assert world.run("probe", budget_micros=CENT).outputs == {"result": "a short answer"}


def test_the_breaker_does_not_count_a_stop(world: World) -> None:
    world.agent("probe", five_steps(Counter()), breaker=1, retries=2)
    instance = world.instance("probe")
    for _ in range(3):
        run = world.run("one", budget_micros=CENT)
        assert (run.status, run.attempt) == ("budget_stopped", 1)
    known = world.app.agents.get(world.workspace, instance.id)
    assert (known.status, known.consecutive_failures) == ("active", 0)
    assert known.last_run and known.last_run["status"] == "budget_stopped"


def test_s24_fifty_runs_at_once_under_a_cap_of_ten_spend_ten_at_most(world: World) -> None:
    made = Counter[str]()

    def one_call(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": pay(ctx, f"call of {ctx.run_id}", 1, made)}

    world.agent("probe", one_call, concurrency=16)
    world.app.workspaces.save_settings(world.workspace, {"max_parallel_runs": 16})
    world.app.budgets.set(world.workspace, limit_micros=10 * CENT, period="total")
    started = [world.start("probe") for _ in range(50)]
    world.started(workers=8)
    ends = Counter(world.until(run_id, "success", "error", "budget_stopped", timeout=60).status for run_id in started)
    assert ends == {"success": 10, "budget_stopped": 40}
    assert made.total() == 10
    assert [use.used_micros for use in world.app.budgets.find(world.workspace)] == [10 * CENT]
    assert world.app.ledger.is_consistent(world.workspace)
