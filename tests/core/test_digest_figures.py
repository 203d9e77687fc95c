"""The figures of a digest are those of its days, each method of value for itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ionflux_core import ids
from ionflux_core.services.digest_words import as_data, as_text
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]


def worth(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    ctx.value("money_made", 10, unit="EUR", method="measured", note="x", confidence=0.5)
    ctx.value("money_made", 4, unit="EUR", method="modelled", note="x")
    if inputs["value"] == "fail":
        raise RuntimeError("the shop is closed")
    return {"result": 1}


def test_yesterday_in_figures(world: World) -> None:
    world.agent("worth", worth, breaker=100)
    for value in ("well", "well", "fail"):
        world.run("worth", value=value)
    app, ws = world.app, world.workspace
    digest = app.digests.create(
        ws,
        {
            "name": "Daily", "cron": "every day at 8", "timezone": "UTC", "days": 1,
            "destination": {"channel": "chat", "to": ["general"]},
        },
    )  # fmt: skip
    assert app.digests.sheet(ws, digest.id).empty, "today is not over"
    tomorrow = ids.now() + timedelta(days=1)
    ids.set_clock(lambda: tomorrow)
    sheet = app.digests.sheet(ws, digest.id)
    lines = {(line.name, line.note): line.shown for line in sheet.lines}
    assert lines["runs", ""] == "3" and lines["success_rate", ""] == "66.7 %"
    assert lines["agent_gmv.measured", "measured, confidence 50.0 %"] == "20.00 EUR"
    assert lines["agent_gmv.modelled", "modelled"] == "8.00 EUR"
    code = world.app.runs.find(ws).runs[0].error_code
    assert f"Failures: 1, most by {code} (1)" in as_text(sheet)
    assert {each["name"] for each in as_data(sheet)["figures"]} >= {"runs", "agent_gmv.measured"}


def test_the_clock_looks_after_digests(world: World) -> None:
    [chore] = [chore for chore in world.app._chores() if chore.name == "digests"]
    assert chore.work() == 0
