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
from ionflux_ui.plain import escaped, shortened

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
_TICK_CHARS: Final = 44
_DAY: Final = "%{x|%a %-d %b %Y}"
_DAYS: Final = {"type": "date", "tickformat": "%-d %b", "nticks": 8, "showgrid": False}


def figure_text(value: float | None, unit: str, *, signed: bool = False) -> str:
    """A value with its unit, like "1,204", "97.5 %", "3 min 05 s" or "+12.50 USD"; a dash for None."""
    if value is None:
        return "–"
    sign = "+" if signed and value > 0 else ""
    if unit == "s":
        return ("-" if value < 0 else sign) + duration(abs(value))
    if unit == "ratio":
        # A small rate, such as orders per visit, needs its second decimal to move at all.
        places = 2 if abs(value) < 0.1 else 1
        return f"{sign}{value * 100:,.{places}f} {'points' if signed else '%'}"
    if unit in ("runs", "count"):
        return f"{sign}{value:,.0f}" if float(value).is_integer() else f"{sign}{value:,.1f}"
    if unit == "%":
        return f"{sign}{value:,.1f} {'points' if signed else '%'}"
    return f"{sign}{value:,.2f} {unit}".rstrip()


def runs_by_day(rows: Rows) -> Figure:
    """Stacked bars: runs by day and status; a click on a part of a bar can be asked for."""
    traces = []
    for status in statuses_of(rows):
        look, own = theme.status_look(status), [row for row in rows if row["status"] == status]
        traces.append(
            {
                "type": "bar",
                "name": look.label,
                "x": [row["day"] for row in own],
                "y": [row["runs"] for row in own],
                "customdata": [status] * len(own),
                "marker": {
                    "color": _shade(look),
                    "line": {"width": 0},
                    "pattern": {"shape": _HATCHED.get(status, "")},
                },
                "hovertemplate": f"{_DAY}<br>{look.label}: %{{y:,}} runs<extra></extra>",
            }
        )
    return _figure(traces, x=_DAYS, y=_axis("runs"), clickmode="event+select", showlegend=True)


def statuses_of(rows: Rows) -> list[str]:
    """The statuses in these rows in the order in which they are stacked: the good ones below."""
    order = ("success", *(status for status in RUN_STATUSES if status != "success"))
    return [status for status in order if any(row["status"] == status for row in rows)]


def success_by_day(rows: Rows) -> Figure:
    """A line: the share of runs that succeeded, by day."""
    trace = {
        **_line(_shade(theme.status_look("success"))),
        "x": [row["day"] for row in rows],
        "y": [row["rate"] for row in rows],
        "customdata": [[row["success"], row["ended"]] for row in rows],
        "hovertemplate": f"{_DAY}<br>%{{y:.1%}}: %{{customdata[0]:,}} of %{{customdata[1]:,}} runs<extra></extra>",
    }
    return _figure([trace], x=_DAYS, y={"range": [0, 1.03], "tickformat": ".0%"})


def durations(rows: Rows) -> Figure:
    """For each agent the median and the 95th percentile of its runs' duration, on one line."""
    traces = [
        {
            "type": "scatter",
            "name": key,
            "x": [row[key] for row in rows],
            "y": list(range(len(rows))),
            "customdata": [[duration(row[key]), row["runs"]] for row in rows],
            "text": [_name(row["agent"]) for row in rows],
            "mode": "markers",
            "marker": {"color": color, "size": 12, "symbol": symbol, "line": {"width": 3, "color": color}},
            "hovertemplate": f"%{{text}}<br>{key}: %{{customdata[0]}} (%{{customdata[1]:,}} runs)<extra></extra>",
        }
        for key, symbol, color in (
            ("p50", "circle", theme.CHART_PALETTE[0]),
            ("p95", "line-ns-open", theme.CHART_PALETTE[4]),
        )
    ]
    return _figure(traces, x=_axis("s", rangemode="tozero"), y=_words([row["agent"] for row in rows]), showlegend=True)


def bars(rows: Rows, label: str, value: str, unit: str) -> Figure:
    """Horizontal bars in the given order, the first on top."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [row[value] for row in rows],
        "y": list(range(len(rows))),
        "text": [f"{row[value]:,}" for row in rows],
        "customdata": [_name(str(row[label])) for row in rows],
        "marker": {"color": theme.CHART_PALETTE[0], "line": {"width": 0}},
        "hovertemplate": f"%{{customdata}}: %{{x:,}} {escape(unit)}<extra></extra>",
    }
    return _figure([trace], x=_axis(unit, rangemode="tozero"), y=_words([str(row[label]) for row in rows]))


def cost_by_day(rows: Rows, names: Callable[[str], str]) -> Figure:
    """Stacked bars: cost by day and agent."""
    traces = []
    for number, slug in enumerate(sorted({row["definition_slug"] for row in rows})):
        own = [row for row in rows if row["definition_slug"] == slug]
        traces.append(
            {
                "type": "bar",
                "name": _name(names(slug)),
                "x": [row["day"] for row in own],
                "y": [row["cost"] for row in own],
                "marker": {"color": _color(number), "line": {"width": 0}},
                "hovertemplate": f"{_DAY}<br>%{{fullData.name}}: %{{y:,.4f}} USD<extra></extra>",
            }
        )
    return _figure(traces, x=_DAYS, y=_axis("USD"), showlegend=True)


def kpi_by_day(chart: KpiChart) -> Figure:
    """One line for each agent that reports the figure."""
    unit = chart.metric.unit
    traces = [
        {
            **_line(_color(number)),
            "name": _name(line.label),
            "x": list(line.days),
            "y": list(line.values),
            "customdata": [figure_text(value, unit) for value in line.values],
            "hovertemplate": f"{_DAY}<br>%{{fullData.name}}: %{{customdata}}<extra></extra>",
        }
        for number, line in enumerate(chart.lines)
    ]
    axis = {"tickformat": ".1%"} if unit == "ratio" else _axis(unit)
    return _figure(traces, x=_DAYS, y=axis, showlegend=len(traces) > 1)


def draw(
    figure: Figure, rows: Rows, metric: Metric, *, key: str, titled: bool = True, clickable: str = ""
) -> list[dict[str, Any]]:
    """The figure under its title, with its definition and its rows as a table; the points a person clicked.

    `clickable` is the sentence that says what a click does; without it nothing is done.
    """
    if titled:
        st.markdown(f"**{escaped(metric.title)}**", help=metric.definition)
    options: dict[str, Any] = {"theme": None, "key": f"chart-{key}", "config": _CONFIG, "height": HEIGHT}
    alt = f"Chart: {metric.title}. The same figures are in the table below it."
    points: list[dict[str, Any]] = []
    if clickable:
        picked = st.plotly_chart(figure, on_select="rerun", selection_mode="points", alt=alt, **options)
        points = [dict(point) for point in picked.selection.points]
        st.caption(clickable)
    else:
        st.plotly_chart(figure, alt=alt, **options)
    fold = st.expander("As a table", key=f"table-{key}", type="compact", on_change="rerun")
    if fold.open:
        fold.dataframe([dict(row) for row in rows], hide_index=True)
    return points


def picked_day(point: Mapping[str, Any]) -> date | None:
    """The day of a clicked point; None for a point without one."""
    try:
        return date.fromisoformat(str(point.get("x", ""))[:10])
    except ValueError:
        return None


def _figure(traces: list[dict[str, Any]], *, x: Mapping[str, Any], y: Mapping[str, Any], **layout: Any) -> Figure:
    """A figure in the house's style on the page's own ground; made in one go: by parts it takes six times as long."""
    import plotly.graph_objects as go

    ink, faint = _pick(theme.INK), _pick(theme.BORDER)
    axis = {
        "gridcolor": faint,
        "zerolinecolor": faint,
        "linecolor": faint,
        "fixedrange": True,
        "automargin": True,
        "tickfont": {"family": _FIGURES, "size": 12},
    }
    house = {
        # Without this plotly's own look comes along with every figure, five times the size of ours.
        "template": {},
        "barmode": "stack",
        "bargap": 0.25,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 12, "color": ink},
        "hoverlabel": {"font": {"family": _FIGURES, "size": 12, "color": ink}, "bgcolor": _pick(theme.PAPER_RAISED)},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "dragmode": False,
        "showlegend": False,
    }
    return go.Figure(data=traces, layout={**house, **layout, "xaxis": {**axis, **x}, "yaxis": {**axis, **y}})


def _axis(unit: str, **more: Any) -> dict[str, Any]:
    """An axis of figures with its unit."""
    return {"title": {"text": escape(unit), "font": {"size": 12}}, **more}


def _words(names: Sequence[str]) -> dict[str, Any]:
    """An axis of names from top to bottom; by place, because two long names may look alike once they are cut."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [escape(shortened(name, _TICK_CHARS)) for name in names],
        "tickfont": {"family": _FONT, "size": 12},
        "range": [len(names) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }


def _line(color: str) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines+markers", "line": {"color": color, "width": 2}, "marker": {"size": 5}}


def _color(number: int) -> str:
    return theme.CHART_PALETTE[number % len(theme.CHART_PALETTE)]


def _pick(shade: theme.Shade) -> str:
    return shade.dark if st.context.theme.type == "dark" else shade.light


def _shade(look: theme.StatusLook) -> str:
    return _pick(theme.Shade(look.light, look.dark))


def _name(text: str) -> str:
    """A name from data as plain text: plotly would read markup in it."""
    return escape(shortened(text, _NAME_CHARS))
