"""The dashboard's parts below its filters: figures, charts of runs, what agents report, and how new it all is."""

from __future__ import annotations

from datetime import date
from typing import Final

import streamlit as st

from ionflux_core.analytics.duck import Freshness
from ionflux_core.analytics.metrics import METRICS
from ionflux_core.application import Application
from ionflux_core.errors import NotFound
from ionflux_core.services.dashboard import KpiChart, Overview
from ionflux_ui import charts
from ionflux_ui.chart_board import Opened, Part, part
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted
from ionflux_ui.session import open_page, parameter

_KINDS: Final = {"money_made": "Money made", "money_saved": "Money saved", "minutes_returned": "Minutes returned"}
_METHODS: Final = {"measured": "measured", "modelled": "modelled", "estimate": "estimated"}
_SLOWEST: Final = 5


def totals_part(shown: Overview) -> Part:
    """The main figures with their change against the period before."""
    return part(tiles=[charts.tile(each.metric.title, each.metric, each.value, each.previous) for each in shown.tiles])


def values_part(shown: Overview) -> Part | None:
    """What the runs were worth; every method stands for itself."""
    if not shown.values:
        return None
    metric = METRICS["value"]
    tiles: list[charts.Tile] = [
        {
            "label": f"{_KINDS.get(row['kind'], row['kind'])}, {_METHODS.get(row['method'], row['method'])}",
            "value": charts.figure_text(row["amount"], row["unit"]),
            "change": "",
            "tone": "even",
            "help": metric.definition,
        }
        for row in shown.values
    ]
    return part(metric.title, help=metric.definition, tiles=tiles)


def runs_part(shown: Overview, application: Application) -> Part:
    """Runs by day, success, causes of failure, triggers, cost and durations; charts without rows are left out."""
    drawn = [charts.runs_by_day(shown.runs_per_day, METRICS["runs_per_day"])]
    if shown.success_per_day:
        drawn.append(charts.success_by_day(shown.success_per_day, METRICS["success_rate"]))
    if shown.costs:
        names = {row["definition_slug"]: agent_name(application, row["definition_slug"]) for row in shown.costs}
        drawn.append(charts.cost_by_day(shown.costs, METRICS["cost"], names.__getitem__))
    if shown.durations:
        drawn.append(charts.durations(shown.durations, METRICS["duration"]))
    if shown.slowest:
        drawn.append(charts.slowest(shown.slowest[:_SLOWEST], METRICS["slowest"]))
    if shown.failures:
        drawn.append(charts.bars(shown.failures, "code", METRICS["failures_by_code"]))
    if shown.triggers:
        drawn.append(charts.bars(shown.triggers, "trigger_kind", METRICS["trigger"]))
    return part(charts=drawn)


def kpi_parts(figures: list[KpiChart]) -> list[Part]:
    """What the agents report, agent by agent, as their manifests define it."""
    by_agent: dict[str, list[KpiChart]] = {}
    for chart in figures:
        by_agent.setdefault(chart.definition_name, []).append(chart)
    if not by_agent:
        return [part("What the agents report", note="No agent has reported a figure in this period.")]
    return [
        part(f"What {name} reports", charts=[charts.kpi_by_day(chart) for chart in drawn])
        for name, drawn in by_agent.items()
    ]


def open_runs(opened: Opened) -> None:
    """Go to what is behind a bar: one run, or the runs of a day, narrowed as the dashboard is."""
    if opened.chart == "slowest":
        open_page("runs", run=opened.at)
    day = picked_day(opened.at)
    if day is None:
        return
    kept = {name: parameter(name) for name in ("instance", "definition", "brand")}
    open_page("runs", status=opened.series, since=day.isoformat(), until=day.isoformat(), **kept)


def picked_day(text: str) -> date | None:
    """The day of a clicked bar; None for what is no day."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def show_freshness(fresh: Freshness, zone: str) -> None:
    """How new the figures are; while older runs are still being read in, the page draws itself anew."""
    if not fresh.complete:
        st.info("Older runs are still being read into the charts; the figures grow until they are all in.")
        st.fragment(_again, run_every=2.0)()
    said = f"Days are days in {zone}. Changes compare with the period of the same length before."
    if fresh.as_of is not None:
        st.caption(f"{said} Figures read {ago(fresh.as_of, zone)}.", help=exact(fresh.as_of, zone))
    else:
        st.caption(said)
    if fresh.note:
        st.caption(f":material/info: {fresh.note}")


def _again() -> None:
    # The first call belongs to the drawing of the page itself; the following ones come from the clock.
    if st.session_state.get("dashboard_waiting"):
        st.session_state["dashboard_waiting"] = False
        st.rerun()
    st.session_state["dashboard_waiting"] = True


def agent_name(application: Application, slug: str) -> str:
    """An agent's name; its slug when its folder is gone."""
    try:
        return application.marketplace.definition(slug).name
    except NotFound:
        return slug


def empty_sentence(days: int) -> str:
    """What is missing when a period holds no run."""
    return f"Nothing ran in the last {counted(days, 'day')}."
