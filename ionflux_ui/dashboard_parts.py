"""The dashboard's parts below its filters: tiles, charts of runs, what agents report, and how new it all is."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import streamlit as st

from ionflux_core.analytics.duck import Freshness
from ionflux_core.analytics.metrics import METRICS, Direction, Metric
from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_core.services.dashboard import DashboardFilters, KpiChart, KpiLine, Overview
from ionflux_ui import charts
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import open_page, page_link, parameter, set_parameters

_DELTA: Final[dict[Direction, Literal["normal", "inverse", "off"]]] = {"up": "normal", "down": "inverse", "none": "off"}
_KINDS: Final = {"money_made": "Money made", "money_saved": "Money saved", "minutes_returned": "Minutes returned"}
_AGENT_KEY: Final = "dashboard_kpi_agent"
_METHODS: Final = {"measured": "measured", "modelled": "modelled", "estimate": "estimated"}


def show_tiles(shown: Overview) -> None:
    """The main figures with their change against the period before; the definition is behind the sign."""
    for place, tile in zip(st.columns(len(shown.tiles)), shown.tiles, strict=True):
        _tile(place, tile.metric.title, tile.metric, tile.value, tile.previous)


def _tile(
    place: Any, label: str, metric: Metric, value: float | None, previous: float | None, *, border: bool = True
) -> None:
    change = None if value is None or previous is None else value - previous
    place.metric(
        label,
        charts.figure_text(value, metric.unit),
        None if change is None else charts.figure_text(change, metric.unit, signed=True),
        delta_color=_DELTA[metric.direction] if change else "off",
        delta_arrow="off" if not change else "down" if change < 0 else "up",
        help=metric.definition,
        border=border,
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
    """Runs by day, success, triggers, causes of failure, cost and durations; charts without rows are left out."""
    points = charts.draw(
        charts.runs_by_day(shown.runs_per_day),
        shown.runs_per_day,
        METRICS["runs_per_day"],
        key="runs",
        clickable="Click a bar to see its runs.",
    )
    if points:
        open_runs(points[0])
    drawn = (
        (shown.success_per_day, charts.success_by_day, "success_rate"),
        (shown.failures, lambda rows: charts.bars(rows, "code", "runs", "runs"), "failures_by_code"),
        (shown.triggers, lambda rows: charts.bars(rows, "trigger_kind", "runs", "runs"), "trigger"),
        (shown.costs, lambda rows: charts.cost_by_day(rows, lambda slug: agent_name(application, slug)), "cost"),
    )
    columns = st.columns(2, gap="medium")
    for number, (rows, figure, name) in enumerate(each for each in drawn if each[0]):
        with columns[number % 2]:
            charts.draw(figure(rows), rows, METRICS[name], key=name)
    if shown.durations:
        charts.draw(charts.durations(shown.durations), shown.durations, METRICS["duration"], key="durations")


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
    asked = parameter("figures")
    chosen = asked if asked in by_agent else next(iter(by_agent))
    if len(by_agent) > 1:
        st.segmented_control(
            "Agent", list(by_agent), default=chosen, format_func=names.__getitem__, key=_AGENT_KEY,
            label_visibility="collapsed", required=True, on_change=_keep_agent,
        )  # fmt: skip
    else:
        st.markdown(escaped(names[chosen]))
    today = now().astimezone(ZoneInfo(workspace.settings.timezone)).date()
    columns = st.columns(2, gap="medium")
    for number, chart in enumerate(by_agent[chosen]):
        with columns[number % 2]:
            _kpi(chart, today)


def _keep_agent() -> None:
    set_parameters(figures=st.session_state[_AGENT_KEY])


def _kpi(chart: KpiChart, today: date) -> None:
    """A figure's newest value with its chart below; of several agents only the chart, where each has its line."""
    single = chart.lines[0] if len(chart.lines) == 1 else None
    if single is not None:
        day = single.days[-1]
        said = f"{day:%-d %b}{' so far' if day == today else ''}"
        _tile(st, f"{escaped(chart.metric.title)}, {said}", chart.metric, single.value, single.previous, border=False)
    rows = [_row(chart, line, number) for line in chart.lines for number in range(len(line.days))]
    key = f"kpi-{chart.definition_slug}-{chart.metric.name}-{chart.metric.unit}"
    charts.draw(charts.kpi_by_day(chart), rows, chart.metric, key=key, titled=single is None)


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
