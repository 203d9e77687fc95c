"""Rows become plotly figures, all in one style: our colours, both themes, units on axes, exact values on hover."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from ionflux_core.analytics.metrics import Metric
from ionflux_core.domain.runs import RUN_STATUSES
from ionflux_core.services.dashboard import KpiChart
from ionflux_ui import theme
from ionflux_ui.moments import duration
from ionflux_ui.plain import shortened

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Rows = Sequence[Mapping[str, Any]]

HEIGHT: Final = 280
_CONFIG: Final = {"displayModeBar": False, "showTips": False, "scrollZoom": False}
_FONT: Final = "Inter, sans-serif"
_FIGURES: Final = "'JetBrains Mono', monospace"
_NAME_CHARS: Final = 60
# Statuses that share a colour are told apart by their hatching as well as by their name.
_HATCHED: Final = {"budget_stopped": "/", "cancelled_by_system": "/", "awaiting_approval": "/", "waiting": "x"}
_DAY: Final = "%{x|%a %-d %b %Y}"


def figure_text(value: float | None, unit: str, *, signed: bool = False) -> str:
    """A value with its unit, like "1,204", "97.5 %", "3 min 05 s" or "+12.50 USD"; a dash for None."""
    if value is None:
        return "–"
    sign = "+" if signed and value > 0 else ""
    if unit == "s":
        return sign + duration(value)
    if unit == "ratio":
        # A small rate, such as orders per visit, needs its second decimal to move at all.
        places = 2 if abs(value) < 0.1 else 1
        return f"{sign}{value * 100:,.{places}f} {'points' if signed else '%'}"
    if unit in ("runs", "count"):
        return f"{sign}{value:,.0f}" if float(value).is_integer() else f"{sign}{value:,.1f}"
    return f"{sign}{value:,.2f} {unit}".rstrip()


def runs_by_day(rows: Rows) -> Figure:
    """Stacked bars: runs by day and status; a click on a part of a bar can be asked for."""
    import plotly.graph_objects as go

    drawn = _figure("runs", stacked=True)
    for status in statuses_of(rows):
        look, own = theme.status_look(status), [row for row in rows if row["status"] == status]
        drawn.add_trace(
            go.Bar(
                name=look.label,
                x=[row["day"] for row in own],
                y=[row["runs"] for row in own],
                customdata=[status] * len(own),
                marker={"color": _shade(look), "line_width": 0, "pattern_shape": _HATCHED.get(status, "")},
                hovertemplate=f"{_DAY}<br>{look.label}: %{{y:,}} runs<extra></extra>",
            )
        )
    drawn.update_layout(clickmode="event+select")
    return drawn


def statuses_of(rows: Rows) -> list[str]:
    """The statuses in these rows in the order in which they are stacked: the good ones below."""
    order = ("success", *(status for status in RUN_STATUSES if status != "success"))
    return [status for status in order if any(row["status"] == status for row in rows)]


def success_by_day(rows: Rows) -> Figure:
    """A line: the share of runs that succeeded, by day."""
    import plotly.graph_objects as go

    drawn = _figure("ratio")
    drawn.add_trace(
        go.Scatter(
            x=[row["day"] for row in rows],
            y=[row["rate"] for row in rows],
            customdata=[[row["success"], row["ended"]] for row in rows],
            mode="lines+markers",
            line={"color": _shade(theme.status_look("success")), "width": 2},
            marker={"size": 5},
            hovertemplate=f"{_DAY}<br>%{{y:.1%}}: %{{customdata[0]:,}} of %{{customdata[1]:,}} runs<extra></extra>",
        )
    )
    drawn.update_yaxes(range=[0, 1.03], tickformat=".0%")
    drawn.update_layout(showlegend=False)
    return drawn


def durations(rows: Rows) -> Figure:
    """For each agent the median and the 95th percentile of its runs' duration, on one line."""
    import plotly.graph_objects as go

    drawn = _figure("s", dates=False)
    names = [_name(row["agent"]) for row in rows]
    for title, key, symbol, color in (
        ("p50", "p50", "circle", theme.CHART_PALETTE[0]),
        ("p95", "p95", "line-ns-open", theme.CHART_PALETTE[4]),
    ):
        drawn.add_trace(
            go.Scatter(
                name=title,
                x=[row[key] for row in rows],
                y=names,
                customdata=[[duration(row[key]), row["runs"]] for row in rows],
                mode="markers",
                marker={"color": color, "size": 12, "symbol": symbol, "line_width": 3},
                hovertemplate=f"%{{y}}<br>{title}: %{{customdata[0]}} (%{{customdata[1]:,}} runs)<extra></extra>",
            )
        )
    drawn.update_xaxes(title_text="s", rangemode="tozero")
    drawn.update_yaxes(title_text="", autorange="reversed", automargin=True, showgrid=True)
    return drawn


def bars(rows: Rows, label: str, value: str, unit: str) -> Figure:
    """Horizontal bars in the given order, the first on top."""
    import plotly.graph_objects as go

    drawn = _figure(unit, dates=False)
    drawn.add_trace(
        go.Bar(
            x=[row[value] for row in rows],
            y=[_name(str(row[label])) for row in rows],
            orientation="h",
            marker={"color": theme.CHART_PALETTE[0], "line_width": 0},
            hovertemplate=f"%{{y}}: %{{x:,}} {escape(unit)}<extra></extra>",
        )
    )
    drawn.update_xaxes(title_text=unit, rangemode="tozero")
    drawn.update_yaxes(title_text="", autorange="reversed", automargin=True, showgrid=False)
    drawn.update_layout(showlegend=False)
    return drawn


def cost_by_day(rows: Rows, names: Callable[[str], str]) -> Figure:
    """Stacked bars: cost by day and agent."""
    import plotly.graph_objects as go

    drawn = _figure("USD", stacked=True)
    for number, slug in enumerate(sorted({row["definition_slug"] for row in rows})):
        own = [row for row in rows if row["definition_slug"] == slug]
        drawn.add_trace(
            go.Bar(
                name=_name(names(slug)),
                x=[row["day"] for row in own],
                y=[row["cost"] for row in own],
                marker={"color": theme.CHART_PALETTE[number % len(theme.CHART_PALETTE)], "line_width": 0},
                hovertemplate=f"{_DAY}<br>%{{fullData.name}}: %{{y:,.4f}} USD<extra></extra>",
            )
        )
    return drawn


def kpi_by_day(chart: KpiChart) -> Figure:
    """One line for each agent that reports the figure."""
    import plotly.graph_objects as go

    unit = chart.metric.unit
    drawn = _figure(unit)
    for number, line in enumerate(chart.lines):
        drawn.add_trace(
            go.Scatter(
                name=_name(line.label),
                x=list(line.days),
                y=list(line.values),
                customdata=[figure_text(value, unit) for value in line.values],
                mode="lines+markers",
                line={"color": theme.CHART_PALETTE[number % len(theme.CHART_PALETTE)], "width": 2},
                marker={"size": 5},
                hovertemplate=f"{_DAY}<br>%{{fullData.name}}: %{{customdata}}<extra></extra>",
            )
        )
    if unit == "ratio":
        drawn.update_yaxes(tickformat=".1%")
    drawn.update_layout(showlegend=len(chart.lines) > 1)
    return drawn


def draw(figure: Figure, rows: Rows, metric: Metric, *, key: str, clickable: bool = False) -> list[dict[str, Any]]:
    """The figure under its title, with its definition and its rows as a table; the points a person clicked."""
    st.markdown(f"**{metric.title}**", help=metric.definition)
    options: dict[str, Any] = {"theme": None, "key": f"chart-{key}", "config": _CONFIG, "height": HEIGHT}
    alt = f"Chart: {metric.title}. The same figures are in the table below it."
    if clickable:
        picked = st.plotly_chart(figure, on_select="rerun", selection_mode="points", alt=alt, **options)
        points = picked.selection.points
    else:
        st.plotly_chart(figure, alt=alt, **options)
        points = []
    fold = st.expander("As a table", key=f"table-{key}", on_change="rerun")
    if fold.open:
        fold.dataframe([dict(row) for row in rows], hide_index=True)
    return list(points)


def picked_day(point: Mapping[str, Any]) -> date | None:
    """The day of a clicked point; None for a point without one."""
    try:
        return date.fromisoformat(str(point.get("x", ""))[:10])
    except ValueError:
        return None


def _figure(unit: str, *, stacked: bool = False, dates: bool = True) -> Figure:
    """An empty figure in the house's style; its ground is the page's."""
    import plotly.graph_objects as go

    ink, faint = _pick(theme.INK), _pick(theme.BORDER)
    axis = {"gridcolor": faint, "zerolinecolor": faint, "linecolor": faint, "fixedrange": True}
    drawn = go.Figure()
    drawn.update_layout(
        barmode="stack" if stacked else "group",
        bargap=0.25,
        colorway=list(theme.CHART_PALETTE),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": _FONT, "size": 13, "color": ink},
        hoverlabel={"font": {"family": _FIGURES, "size": 12, "color": ink}, "bgcolor": _pick(theme.PAPER_RAISED)},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        dragmode=False,
    )
    plain_unit = "" if unit == "ratio" else unit
    drawn.update_yaxes(title_text=plain_unit, automargin=True, showgrid=True, tickfont_family=_FIGURES, **axis)
    drawn.update_xaxes(showgrid=not dates, tickfont_family=_FIGURES, automargin=True, **axis)
    if dates:
        # Bars must not share a tick with the next day, and one day alone must not be split into hours.
        drawn.update_xaxes(type="date", tickformat="%-d %b", minor_ticks="", nticks=8)
    return drawn


def _pick(shade: theme.Shade) -> str:
    return shade.dark if st.context.theme.type == "dark" else shade.light


def _shade(look: theme.StatusLook) -> str:
    return _pick(theme.Shade(look.light, look.dark))


def _name(text: str) -> str:
    """A name from data as plain text: plotly would read markup in it."""
    return escape(shortened(text, _NAME_CHARS))
