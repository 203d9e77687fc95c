"""A bar of failures leads to exactly its runs: the list of runs narrowed by the code of their error."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.runs import RunFilter
from ionflux_core.services.dashboard import DashboardFilters
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]


def fails(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    if inputs["value"] == "wait":
        ctx.step("Ask", lambda: (_ for _ in ()).throw(TimeoutError("too late")))
    if inputs["value"] == "fail":
        raise RuntimeError("the shop is closed")
    return {"result": 1}


def test_runs_are_found_by_the_code_of_their_error(world: World) -> None:
    world.agent("probe", fails, breaker=100)
    failed = [world.run("probe", value="fail").id for _ in range(2)]
    world.run("probe", value="well")
    app, ws = world.app, world.workspace
    code = world.get(failed[0]).error_code
    assert code
    found = app.runs.find(ws, RunFilter(error_code=code)).runs
    assert {run.id for run in found} == set(failed)
    assert app.runs.count(ws, RunFilter(error_code=code)) == 2
    assert app.runs.count(ws, RunFilter(error_code="budget_stopped")) == 0
    assert app.runs.count(ws, RunFilter(error_code="' OR 1=1")) == 0
    figure = app.figures.figure(ws, "failures", DashboardFilters(), by="code")
    assert {row["key"]: row["value"] for row in figure.rows} == {code: 2}
