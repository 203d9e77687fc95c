"""The week in figures on the home page: value, cost and runs against the week before, each with a fortnight's line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, TypedDict
from zoneinfo import ZoneInfo

import streamlit as st

from ionflux_core.analytics.metrics import Metric
from ionflux_core.application import Application
from ionflux_core.domain.figure_text import change_text, figure_text, tone_of
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.ids import now
from ionflux_core.services.dashboard import DashboardFilters
from ionflux_core.services.figures import Figure
from ionflux_ui.errors import errors_shown
from ionflux_ui.session import application, open_page

_FOLDER: Final = Path(__file__).parent / "components"
_WEEK, _FORTNIGHT = 7, 14
# Runs and cost first, because every workspace has them; then what runs were worth, each method by itself.
_NAMES: Final = ("runs", "failures", "cost", "agent_gmv", "minutes_returned")
# What the catalogue calls by its trade name is said in plain words beside it.
_PLAIN: Final = {"agent_gmv": "Value (Agent GMV)", "failures": "Failed runs"}
_MOST_TILES: Final = 12
_KEPT, _KEPT_SECONDS = "home_week", 60.0
_LOOK_SECONDS: Final = 2.0
# So long the first visitor after a start waits for the charts' copy; then the page goes on without it.
_PATIENCE_SECONDS: Final = 0.3

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_home_week",
    js=(_FOLDER / "home_week.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "home_week.css").read_text(encoding="utf-8"),
)


class WeekTile(TypedDict):
    """One figure of the week, and its days; `about` is the metric it is."""

    label: str
    value: str
    change: str
    tone: str
    help: str
    note: str
    days: tuple[float, ...]
    about: str


def show_week(workspace: Workspace) -> None:
    """Draw the week; while the figures are still being read for the first time, say so and look again."""
    app = application()
    if not app.cache.freshness().complete:
        app.cache.refresh(budget=_PATIENCE_SECONDS)
    ready = app.cache.freshness().complete
    st.fragment(_week, run_every=None if ready else _LOOK_SECONDS)(workspace, waiting=not ready)


def _week(workspace: Workspace, *, waiting: bool) -> None:
    app = application()
    if not app.cache.freshness().complete:
        st.caption("The figures of the week are being read.")
        return
    if waiting:
        # Now they are there: drawn as a whole, the page stops looking again and again.
        st.rerun()
    tiles: tuple[WeekTile, ...] = ()
    with errors_shown():
        tiles = _kept_tiles(app, workspace)
    if not tiles:
        return
    st.markdown("### This week", anchors=False, help="The last seven days with today, against the seven before.")
    result = _mount(key="home_week_tiles", data={"tiles": tiles, "label": "This week"}, on_opened_change=_ignore)
    if result.get("opened"):
        open_page("dashboard")


def _kept_tiles(app: Application, workspace: Workspace) -> tuple[WeekTile, ...]:
    """The tiles as of at most a minute ago: a page that is drawn every two seconds need not count each time."""
    kept = st.session_state.get(_KEPT)
    if kept is not None and kept[0] == workspace.id and time.monotonic() - kept[1] < _KEPT_SECONDS:
        held: tuple[WeekTile, ...] = kept[2]
        return held
    tiles = week_tiles(app, workspace)
    st.session_state[_KEPT] = (workspace.id, time.monotonic(), tiles)
    return tiles


def week_tiles(app: Application, workspace: Workspace) -> tuple[WeekTile, ...]:
    """The figures of the last seven days; none at all where nothing ran for a fortnight."""
    since, until = app.dashboard.last_days(workspace.id, _FORTNIGHT)
    today = now().astimezone(ZoneInfo(workspace.settings.timezone)).date()
    days = [(today - timedelta(days=back)).isoformat() for back in reversed(range(_FORTNIGHT))]
    narrow = DashboardFilters(since=since, until=until)
    figures = [app.figures.figure(workspace.id, name, narrow) for name in _NAMES]
    ran = {row["key"] for row in figures[0].rows if row["value"]}
    if not ran & set(days):
        return ()
    # A workspace that has just begun has nothing to be compared with.
    compared = bool(ran & set(days[:_WEEK]))
    return tuple(tile for figure in figures for tile in _tiles_of(figure, days, compared))[:_MOST_TILES]


def _tiles_of(figure: Figure, days: Sequence[str], compared: bool) -> list[WeekTile]:
    """A tile for each series: a measured dollar and an estimated one are never added."""
    by_series: dict[str, dict[str, float]] = {}
    units: dict[str, str] = {}
    for row in figure.rows:
        units.setdefault(str(row.get("series") or ""), str(row.get("unit", figure.metric.unit)))
        of_series = by_series.setdefault(str(row.get("series") or ""), {})
        of_series[str(row["key"])] = of_series.get(str(row["key"]), 0.0) + float(row["value"] or 0)
    if not by_series:
        return [_tile(figure.metric, "", None, None, (), figure.not_computed or "Nothing in this fortnight.")]
    found = sorted(by_series.items())
    tiles = []
    for series, values in found:
        line = tuple(values.get(day, 0.0) for day in days)
        previous = sum(line[:-_WEEK]) if compared else None
        note = series.partition(",")[0]
        tiles.append(_tile(figure.metric, units[series], sum(line[-_WEEK:]), previous, line, note))
    return tiles


def _tile(
    metric: Metric, unit: str, value: float | None, previous: float | None, line: tuple[float, ...], note: str
) -> WeekTile:
    return {
        "label": _PLAIN.get(metric.name, metric.title), "value": figure_text(value, unit),
        "change": change_text(value, previous, unit),
        "tone": tone_of(value, previous, metric.direction), "help": metric.definition, "note": note, "days": line,
        "about": metric.name,
    }  # fmt: skip


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
