"""An answer as a chart: which columns suit it, and the plotly figure in the house's colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.questions import Drawing
from ionflux_ui import theme
from ionflux_ui.plain import shortened

CHARTS: Final = ("bar", "line", "area", "scatter")
_SERIES: Final = len(theme.CHART_PALETTE)
_POINTS: Final = 5_000
_TIMES: Final = ("time", "day")
_HEIGHT: Final = 420
_NONE: Final = "(none)"
# The button at the chart that keeps it as a picture makes one that stays sharp at any size.
_CONFIG: Final = {
    "displaylogo": False,
    "showTips": False,
    "toImageButtonOptions": {"format": "svg", "filename": "answer"},
}

Columns = Sequence[Mapping[str, str]]
Rows = Sequence[Sequence[Any]]


def guessed(columns: Columns, rows: Rows) -> Drawing | None:
    """A chart that suits an answer; None when no column holds numbers."""
    numbers = [column["name"] for column in columns if column["type"] == "number"]
    times = [column["name"] for column in columns if column["type"] in _TIMES]
    words = [column["name"] for column in columns if column["type"] in ("text", "boolean")]
    if not numbers:
        return None
    if times:
        kind, x = "line", times[0]
    elif words:
        kind, x = "bar", words[0]
    elif len(numbers) > 1:
        kind, x = "scatter", numbers[0]
    else:
        kind, x = "bar", numbers[0]
    y = next((name for name in numbers if name != x), numbers[0])
    return Drawing.model_validate({"kind": kind, "x": x, "y": y, "series": _splitter(columns, rows, x, words)})


def _splitter(columns: Columns, rows: Rows, x: str, words: Sequence[str]) -> str:
    """A column of few words that splits what else would stand twice at one place; empty where nothing does."""
    names = [column["name"] for column in columns]
    places = [row[names.index(x)] for row in rows]
    if len(set(map(str, places))) == len(places):
        return ""
    for name in words:
        found = {str(row[names.index(name)]) for row in rows}
        if name != x and 1 < len(found) <= 2 * _SERIES:
            return name
    return ""


def show_chart(drawing: Drawing, columns: Columns, rows: Rows, *, key: str) -> None:
    """Draw the chart, and say what of the answer is not in it."""
    names = [column["name"] for column in columns]
    if drawing.x not in names or drawing.y not in names:
        st.caption("Choose what stands below and what is drawn.")
        return
    series, left_out = _split(drawing, names, rows[:_POINTS])
    if not any(points for _, points in series):
        st.caption(f"The column {drawing.y} holds no numbers to draw.")
        return
    kinds = {column["name"]: column["type"] for column in columns}
    st.plotly_chart(
        figure(drawing, series, by_time=kinds[drawing.x] in _TIMES),
        theme=None, config=_CONFIG, key=key, height=_HEIGHT,
    )  # fmt: skip
    if not any(value for _, points in series for _, value in points):
        st.caption("Every value that is drawn is 0.")
    if left_out:
        st.caption(f"The {_SERIES} largest of {_SERIES + left_out} are drawn.")
    if len(rows) > _POINTS:
        st.caption(f"The first {_POINTS:,} of {len(rows):,} rows are drawn.")


Series = tuple[str, list[tuple[Any, float]]]


def _split(drawing: Drawing, names: Sequence[str], rows: Rows) -> tuple[list[Series], int]:
    """The points of each series, the largest first, and how many series are left out."""
    x, y = names.index(drawing.x), names.index(drawing.y)
    by = names.index(drawing.series) if drawing.series in names else None
    found: dict[str, list[tuple[Any, float]]] = {}
    for row in rows:
        value = _number(row[y])
        if value is None or row[x] is None:
            continue
        name = drawing.y if by is None else _NONE if row[by] is None else str(row[by])
        found.setdefault(name, []).append((row[x] if not isinstance(row[x], list | dict) else str(row[x]), value))
    largest = sorted(found.items(), key=lambda each: -sum(abs(value) for _, value in each[1]))
    kept = sorted(largest[:_SERIES])
    if drawing.kind in ("line", "area"):
        kept = [(name, sorted(points, key=lambda point: _order(point[0]))) for name, points in kept]
    return kept, max(len(largest) - _SERIES, 0)


def _order(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, int | float) else (1, str(value))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def figure(drawing: Drawing, series: Sequence[Series], *, by_time: bool) -> Any:
    """The plotly figure. Names from data are text: plotly would read markup in them."""
    import plotly.graph_objects as go

    ink, faint = _pick(theme.INK), _pick(theme.BORDER)
    axis = {"gridcolor": faint, "zerolinecolor": faint, "linecolor": faint, "automargin": True}
    numeric = all(isinstance(place, int | float) for _, points in series for place, _ in points)
    kind = "date" if by_time else "linear" if numeric else "category"
    layout = {
        "template": {},
        "barmode": "stack",
        "bargap": 0.25,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter, sans-serif", "size": 12, "color": ink},
        "hoverlabel": {"font": {"color": ink}, "bgcolor": _pick(theme.PAPER_RAISED)},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink, "activecolor": ink},
        "showlegend": len(series) > 1,
        "xaxis": axis | {"type": kind, "title": {"text": escape(drawing.x)}, "showgrid": drawing.kind == "scatter"},
        "yaxis": axis
        | {"title": {"text": escape(drawing.y)}, "rangemode": "tozero" if drawing.kind != "scatter" else "normal"},
    }
    return go.Figure(data=[_trace(drawing, number, *one) for number, one in enumerate(series)], layout=layout)


def _trace(drawing: Drawing, number: int, name: str, points: Sequence[tuple[Any, float]]) -> dict[str, Any]:
    color = theme.CHART_PALETTE[number % _SERIES]
    places = [escape(shortened(place, 60)) if isinstance(place, str) else place for place, _ in points]
    trace = {"name": escape(shortened(name, 60)), "x": places, "y": [value for _, value in points]}
    if drawing.kind == "bar":
        return {**trace, "type": "bar", "marker": {"color": color}}
    if drawing.kind == "scatter":
        return {**trace, "type": "scatter", "mode": "markers", "marker": {"color": color, "size": 8, "opacity": 0.8}}
    if drawing.kind == "area":
        fill = {"stackgroup": "all", "mode": "lines", "line": {"color": color, "width": 1.5}}
        return {**trace, "type": "scatter", **fill}
    mode = "lines+markers" if len(points) < 100 else "lines"
    return {**trace, "type": "scatter", "mode": mode, "line": {"color": color, "width": 2}}


def _pick(shade: theme.Shade) -> str:
    return shade.dark if st.context.theme.type == "dark" else shade.light
