"""The demo's page: its blocks are the demo's own agents and figures, and nothing on it is made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ionflux_core.application import Application
from ionflux_core.services.demo_pages import PAGE, DemoPages

AGENTS = Path(__file__).resolve().parents[2] / "agents"


def test_the_page_is_built_over_two_agents_and_every_block_can_be_shown(
    make_application: Callable[..., Application],
) -> None:
    app = make_application(agents_dir=AGENTS)
    ws = app.workspaces.create("Demo").id
    tracker = app.agents.create(ws, "revenue_tracker", "Tracker", yaml="{}\n")
    sentinel = app.agents.create(ws, "sales_sentinel", "Sentinel", yaml="{}\n")
    DemoPages(app.canvas, app.refreshing, app.runs, app.chat, app.prompts).build(tracker, sentinel)
    (line,) = app.canvas.tree(ws)
    views = {view["name"]: view for view in app.refreshing.views(ws, app.canvas.page(ws, line.id))}
    assert line.title == PAGE
    assert {view["type"] for view in views.values()} == {
        "text", "kpi_tile", "agent_snippet", "chart", "kanban_board", "sql", "prompt",
    }  # fmt: skip
    assert views["orders"]["view"]["state"] == "not_computed", "no run has reported anything yet, and it says so"
    assert views["margins"]["view"]["agent"]["name"] == "Tracker"
    assert all(view["error"] is None for name, view in views.items() if name != "summary")
    assert {channel.name for channel in app.chat.channels(ws, user_id=app.workspaces.owner().id)} == {
        "general", "alerts",
    }  # fmt: skip
