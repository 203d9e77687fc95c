"""Complaints heard about money elsewhere, each as what happens here instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ionflux_core.errors import Invalid
from tests.agents_for_tests.paid import CALL_MICROS, PRICED, UNPRICED, Chooser, Stand
from tests.agents_for_tests.world import World, world

__all__ = ["world"]


@pytest.fixture
def models(world: World) -> Chooser:
    """A stand-in for every model."""
    chooser = Chooser()
    world.app.models.model = lambda workspace_id, chosen: Stand(chosen, chooser.asked)  # type: ignore[method-assign]
    return chooser


def asks(models: Chooser, count: int) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        ctx.kpi("asked", count)
        return {"result": [models.ask(ctx, f"question {n}") for n in range(count)]}

    return run


def test_complaint_6_i_can_see_spend_but_not_cap_it(world: World, models: Chooser) -> None:
    world.agent("probe", asks(models, 5))
    run = world.run("probe", budget_micros=3 * CALL_MICROS + 1_000)
    # It stopped before the next call and kept its partial result.
    assert run.status == "budget_stopped"
    assert models.asked.total() == 3
    assert run.cost_micros == 3 * CALL_MICROS
    assert list(world.steps(run.id).values()) == ["success", "success", "success", "error"]
    assert run.kpis == {"asked": 5}
    assert run.preview and "after 3 finished steps and $0.01" in run.preview
    calls = world.app.runs.calls(world.workspace, run.id)
    assert [call["cost_micros"] for call in calls] == [CALL_MICROS] * 3
    # It goes on with more, and pays for nothing twice.
    world.app.budgets.continue_with(world.workspace, run.id, 6 * CALL_MICROS)
    ended = world.until(run.id, "success", "error", "budget_stopped")
    assert ended.status == "success"
    assert ended.outputs == {"result": [f"answer to question {n}" for n in range(5)]}
    assert models.asked == Counter({f"question {n}": 1 for n in range(5)})
    assert ended.cost_micros == world.app.ledger.spent_by_run(world.workspace, run.id) == 5 * CALL_MICROS


def test_complaint_6_a_cap_for_the_month_holds_for_fifty_runs_at_once(world: World, models: Chooser) -> None:
    world.agent("probe", asks(models, 1), concurrency=16)
    world.app.workspaces.save_settings(world.workspace, {"max_parallel_runs": 16})
    world.app.budgets.set(world.workspace, limit_micros=10 * CALL_MICROS + 1_000, period="month")
    started = [world.start("probe") for _ in range(50)]
    world.started(workers=8)
    ends = Counter(world.until(run_id, "success", "budget_stopped", "error", timeout=60).status for run_id in started)
    # A reservation is a little more than the call costs, so the last one may not fit; never does one too many.
    assert ends["success"] in (9, 10) and ends["error"] == 0 and ends.total() == 50
    assert models.asked.total() == ends["success"]
    assert world.app.budgets.find(world.workspace)[0].used_micros == ends["success"] * CALL_MICROS


def test_complaint_5_an_unknown_model_shows_no_price_and_never_zero(world: World, models: Chooser) -> None:
    from ionflux_ui.run_list import spent_by

    world.agent("probe", asks(models, 2))
    models.model = UNPRICED
    run = world.run("probe")
    assert run.status == "success"
    assert [call["cost_micros"] for call in world.app.runs.calls(world.workspace, run.id)] == [None, None]
    listed = world.app.runs.find(world.workspace).runs[0]
    assert (listed.unpriced_calls, spent_by(listed)) == (2, "no price")
    estimate = world.app.estimates.of_definition(world.workspace, "probe")
    assert estimate.cost is None
    assert estimate.not_computed == f"No price is known for {UNPRICED}, so its calls have none."


def test_complaint_5_daily_cost_by_agent_and_model_without_any_outside_service(world: World, models: Chooser) -> None:
    world.agent("probe", asks(models, 2))
    world.agent("other", asks(models, 1))
    world.run("probe")
    world.run("other")
    models.model = UNPRICED
    world.run("probe")
    rows = world.app.dashboard.series(world.workspace, "cost_by_model_per_day")
    shown = [(row["definition_slug"], row["model"], row["calls"], row["unpriced"], row["cost"]) for row in rows]
    assert shown == [
        ("other", PRICED, 1, 0, pytest.approx(0.004)),
        ("probe", PRICED, 2, 0, pytest.approx(0.008)),
        ("probe", UNPRICED, 2, 2, None),
    ]


def test_a_runs_cost_is_the_sum_of_its_calls_over_every_attempt(world: World, models: Chooser) -> None:
    def fails_once(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        from ionflux_core.sdk import Retry

        models.ask(ctx, "first")
        if ctx.attempt == 1:
            raise Retry("once more", after_seconds=0.01)
        return {"result": models.ask(ctx, "second")}

    world.agent("probe", fails_once, retries=1)
    world.started()
    run = world.until(world.start("probe"), "success", "error")
    assert (run.status, run.attempt, run.cost_micros) == ("success", 2, 2 * CALL_MICROS)
    assert sum(call["cost_micros"] for call in world.app.runs.calls(world.workspace, run.id)) == run.cost_micros


# --- estimates


def test_an_estimate_comes_from_the_runs_there_were(world: World, models: Chooser) -> None:
    def by_value(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": [models.ask(ctx, f"q{n}") for n in range(inputs["value"])]}

    world.agent("probe", by_value)
    instance = world.instance("probe")
    nothing = world.app.estimates.of_instance(world.workspace, instance.id)
    assert nothing.cost is None and nothing.not_computed and "nothing to estimate from" in nothing.not_computed
    for count in (1, 2, 3, 4, 10):
        assert world.run("one", count).status == "success"
    estimate = world.app.estimates.of_instance(world.workspace, instance.id)
    assert estimate.source == "instance" and estimate.cost and estimate.seconds
    assert (estimate.cost.n, estimate.cost.median) == (5, 3 * CALL_MICROS)
    assert CALL_MICROS <= estimate.cost.p10 < estimate.cost.median < estimate.cost.p90 <= 10 * CALL_MICROS
    assert [step.cost.n for step in estimate.steps if step.step_key == "llm"] == [5]
    # At another model's price: gpt-4.1-mini takes 1.60 instead of 8 dollars.
    cheaper = world.app.estimates.of_instance(world.workspace, instance.id, model="openai:gpt-4.1-mini")
    assert cheaper.cost and cheaper.cost.median == 3 * 800


def test_an_estimate_without_runs_of_the_instance_says_it_is_the_agents(world: World, models: Chooser) -> None:
    world.agent("probe", asks(models, 2))
    world.run("probe")
    fresh = world.app.estimates.of_instance(world.workspace, world.instance("probe").id)
    assert fresh.source == "definition" and fresh.cost and fresh.cost.median == 2 * CALL_MICROS


def test_a_forks_estimate_leaves_out_the_steps_it_takes_over(world: World, models: Chooser) -> None:
    world.agent("probe", asks(models, 5))
    run = world.run("probe")
    whole = world.app.estimates.of_fork(world.workspace, run.id)
    part = world.app.estimates.of_fork(world.workspace, run.id, step="llm[3]")
    assert whole.cost and part.cost
    assert (whole.cost.median, part.cost.median) == (5 * CALL_MICROS, 2 * CALL_MICROS)
    with pytest.raises(Invalid, match="no step"):
        world.app.estimates.of_fork(world.workspace, run.id, step="nowhere")


def test_an_agent_that_asks_no_model_costs_nothing(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": ctx.step("count", lambda: 1)})
    world.run("probe")
    estimate = world.app.estimates.of_definition(world.workspace, "probe")
    assert estimate.cost and estimate.cost.p90 == 0 and world.rows("billing_ledger") == []


def test_figures_of_an_instance_count_calls_without_a_price_apart(world: World, models: Chooser) -> None:
    world.agent("probe", asks(models, 2))
    instance = world.instance("probe")
    world.run("one")
    models.model = UNPRICED
    world.run("one")
    figures = world.app.estimates.figures(world.workspace, instance.id)
    assert (figures.runs, figures.cost_micros, figures.calls, figures.unpriced_calls) == (2, 2 * CALL_MICROS, 4, 2)
    assert figures.per_run_micros == CALL_MICROS
