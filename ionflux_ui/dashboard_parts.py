"""The dashboard's parts below its filters: tiles, charts of runs, what agents report, and how new it all is."""

from __future__ import annotations

from typing import Any, Final, Literal

import streamlit as st

from ionflux_core.analytics.duck import Freshness
from ionflux_core.analytics.metrics import METRICS, Direction, Metric
from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.services.dashboard import DashboardFilters, KpiChart, KpiLine, Overview
from ionflux_ui import charts
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import open_page, page_link, parameter

_DELTA: Final[dict[Direction, Literal["normal", "inverse", "off"]]] = {"up": "normal", "down": "inverse", "none": "off"}
_KINDS: Final = {"money_made": "Money made", "money_saved": "Money saved", "minutes_returned": "Minutes returned"}
_METHODS: Final = {"measured": "measured", "modelled": "modelled", "estimate": "estimated"}


def show_tiles(shown: Overview) -> None:
    """The main figures with their change against the period before; the definition is behind the sign."""
    for place, tile in zip(st.columns(len(shown.tiles)), shown.tiles, strict=True):
        _tile(place, tile.metric.title, tile.metric, tile.value, tile.previous)


def _tile(place: Any, label: str, metric: Metric, value: float | None, previous: float | None) -> None:
    change = None if value is None or previous is None else value - previous
    place.metric(
        label,
        charts.figure_text(value, metric.unit),
        None if change is None else charts.figure_text(change, metric.unit, signed=True),
        delta_color=_DELTA[metric.direction],
        delta_arrow="off" if not change else "down" if change < 0 else "up",
        help=metric.definition,
        border=True,
    )


def show_values(shown: Overview) -> None:
    """What the runs were worth; every method stands for itself."""
    if not shown.values:
        return
    metric = METRICS["value"]
    st.markdown(f"**{metric.title}**", help=metric.definition)
    with st.container(horizontal=True):
        for row in shown.values:
            label = f"{_KINDS.get(row['kind'], escaped(row['kind']))}, {_METHODS.get(row['method'], row['method'])}"
            st.metric(label, charts.figure_text(row["amount"], row["unit"]), width="content")


def show_runs(shown: Overview, application: Application) -> None:
    """Runs by day, success, durations, causes of failures and cost."""
    points = charts.draw(
        charts.runs_by_day(shown.runs_per_day), shown.runs_per_day, METRICS["runs_per_day"], key="runs", clickable=True
    )
    st.caption("Click a bar to see its runs.")
    if points:
        open_runs(points[0])
    left, right = st.columns(2, gap="medium")
    with left:
        if shown.success_per_day:
            charts.draw(
                charts.success_by_day(shown.success_per_day),
                shown.success_per_day,
                METRICS["success_rate"],
                key="success",
            )
        if shown.failures:
            drawn = charts.bars(shown.failures, "code", "runs", "runs")
            charts.draw(drawn, shown.failures, METRICS["failures_by_code"], key="failures")
    with right:
        if shown.durations:
            charts.draw(charts.durations(shown.durations), shown.durations, METRICS["duration"], key="durations")
        if shown.costs:
            drawn = charts.cost_by_day(shown.costs, lambda slug: agent_name(application, slug))
            charts.draw(drawn, shown.costs, METRICS["cost"], key="cost")
        if shown.triggers:
            drawn = charts.bars(shown.triggers, "trigger_kind", "runs", "runs")
            charts.draw(drawn, shown.triggers, METRICS["trigger"], key="triggers")


def open_runs(point: dict[str, Any]) -> None:
    """Go to the runs behind a part of a bar, narrowed as the dashboard is."""
    day = charts.picked_day(point)
    if day is None:
        return
    kept = {name: parameter(name) for name in ("instance", "definition", "brand")}
    status = point.get("customdata")
    open_page(
        "runs", status=status if isinstance(status, str) else None, since=day.isoformat(), until=day.isoformat(), **kept
    )


def show_kpis(application: Application, workspace: Workspace, filters: DashboardFilters) -> None:
    """What the agents report, agent by agent, as their manifests define it."""
    figures = application.dashboard.kpi_series(workspace.id, filters)
    by_agent: dict[str, list[KpiChart]] = {}
    for chart in figures:
        by_agent.setdefault(chart.definition_slug, []).append(chart)
    st.subheader("What the agents report", anchor=False)
    if not by_agent:
        st.text("No agent has reported a figure in this period.")
        return
    names = {slug: drawn[0].definition_name for slug, drawn in by_agent.items()}
    chosen = next(iter(by_agent))
    if len(by_agent) > 1:
        picked = st.segmented_control(
            "Agent", list(by_agent), default=chosen, format_func=names.__getitem__, key="dashboard_kpi_agent",
            label_visibility="collapsed", required=True,
        )  # fmt: skip
        chosen = picked if picked in by_agent else chosen
    else:
        st.markdown(escaped(names[chosen]))
    columns = st.columns(2, gap="medium")
    for number, chart in enumerate(by_agent[chosen]):
        with columns[number % 2]:
            _kpi(chart)


def _kpi(chart: KpiChart) -> None:
    if len(chart.lines) == 1:
        line = chart.lines[0]
        _tile(st, f"{escaped(chart.metric.title)}, {line.days[-1]:%-d %b}", chart.metric, line.value, line.previous)
    rows = [_row(chart, line, number) for line in chart.lines for number in range(len(line.days))]
    charts.draw(charts.kpi_by_day(chart), rows, chart.metric, key=f"kpi-{chart.definition_slug}-{chart.metric.name}")


def _row(chart: KpiChart, line: KpiLine, number: int) -> dict[str, Any]:
    return {
        "day": line.days[number],
        "agent": line.label,
        chart.metric.title: line.values[number],
        "unit": chart.metric.unit,
    }


def show_slowest(shown: Overview) -> None:
    """Links to the runs that took longest."""
    if not shown.slowest:
        return
    metric = METRICS["slowest"]
    st.markdown(f"**{metric.title}**", help=metric.definition)
    for row in shown.slowest[:5]:
        page_link("runs", f"{charts.figure_text(row['seconds'], 's')} · {escaped(row['agent'])}", run=row["id"])


def show_freshness(fresh: Freshness, zone: str) -> None:
    """How new the figures are; while older runs are still being read in, the page draws itself anew."""
    if not fresh.complete:
        st.info("Older runs are still being read into the charts; the figures grow until they are all in.")
        st.fragment(_again, run_every=2.0)()
    if fresh.as_of is not None:
        st.caption(f"Figures read {ago(fresh.as_of, zone)}.", help=exact(fresh.as_of, zone))
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
