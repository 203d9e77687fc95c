"""Figures and charts as one element of the page, drawn without a chart library; a large view of one with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple, TypedDict

import streamlit as st

from ionflux_ui import theme
from ionflux_ui.charts import Chart, Series, Tile

_FOLDER: Final = Path(__file__).parent / "components"

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_charts",
    js=(_FOLDER / "charts.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "charts.css").read_text(encoding="utf-8"),
)


class Part(TypedDict):
    """A group of figures and charts under a title; without one it has no head."""

    title: str
    help: str
    note: str
    tiles: Sequence[Tile]
    charts: Sequence[Chart]


class ChartMark(TypedDict):
    """What is marked on a day: its kind, words and id, and the day in words."""

    kind: str
    id: str
    day: str
    when: str
    words: str


class Done(NamedTuple):
    """What a person did on the board: the act, the chart, and the keys of the label and of the series."""

    act: str
    chart: str
    at: str
    series: str


def part(
    title: str = "", *, tiles: Sequence[Tile] = (), charts: Sequence[Chart] = (), note: str = "", help: str = ""
) -> Part:
    """A group of figures and charts."""
    return {"title": title, "help": help, "note": note, "tiles": tiles, "charts": charts}


def chart_board(
    parts: Sequence[Part],
    *,
    key: str,
    label: str,
    bar: Mapping[str, Any] | None = None,
    marks: Sequence[ChartMark] = (),
    about: Mapping[str, Any] | None = None,
    paper: Mapping[str, Any] | None = None,
) -> Done | None:
    """Draw these parts; what a person did, once.

    `bar` is what stands above them (chips, views), `about` the definitions by name, `paper` what is printed above all.
    """
    # Tuples, because Streamlit asks pandas whether a list or a dict is a table, and loading pandas takes longer than
    # this page.
    alone = {name: (value,) for name, value in (("bar", bar), ("about", about), ("paper", paper)) if value}
    data = {"parts": tuple(parts), "label": label, "marks": tuple(marks), **alone}
    result = _mount(key=key, data=data, on_did_change=_ignore)
    said = result.get("did")
    if not isinstance(said, Mapping):
        return None
    return Done(*(str(said.get(name) or "") for name in Done._fields))


def chart_of(parts: Sequence[Part], key: str) -> Chart | None:
    """The chart of a key, where these parts have it."""
    return next((each for one in parts for each in one["charts"] if each["key"] == key), None)


def large_figure(chart: Chart, marks: Sequence[ChartMark] = ()) -> Any:
    """The same chart as a plotly figure in the house's style."""
    import plotly.graph_objects as go

    ink, faint = _pick(theme.INK), _pick(theme.BORDER)
    axis = {"gridcolor": faint, "zerolinecolor": faint, "linecolor": faint, "automargin": True}
    layout = {
        "template": {},
        "barmode": "group" if chart["kind"] == "rows" else "stack",
        "bargap": 0.25,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter, sans-serif", "size": 12, "color": ink},
        "hoverlabel": {"font": {"color": ink}, "bgcolor": _pick(theme.PAPER_RAISED)},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink, "activecolor": ink},
        "showlegend": len(chart["series"]) > 1 or chart["before"] is not None,
        "shapes": [] if chart["kind"] == "rows" else [_line_of(chart, day) for day in _marked(chart, marks)],
        "xaxis": axis | ({} if chart["kind"] == "rows" else {"type": "date", "tickformat": "%-d %b"}),
        "yaxis": axis | _scale(chart),
    }
    traces = [_trace(chart, one) for one in chart["series"]]
    return go.Figure(data=[*traces, *_earlier(chart)], layout=layout)


def _trace(chart: Chart, series: Series) -> dict[str, Any]:
    color = _plain_color(series)
    trace = {
        "name": escape(series["name"]),
        # Plotly reads markup in names and in words; what comes from data is text.
        "customdata": [escape(f"{full}: {text}") for full, text in zip(chart["full"], series["texts"], strict=True)],
        "hovertemplate": "%{customdata}<extra>%{fullData.name}</extra>",
    }
    if chart["kind"] == "lines":
        line = {"type": "scatter", "mode": "lines+markers", "line": {"color": color, "width": 2}}
        return {**trace, **line, "x": chart["keys"], "y": series["values"]}
    look = {"type": "bar", "marker": {"color": color, "pattern": {"shape": "/" if series["hatched"] else ""}}}
    if chart["kind"] == "columns":
        return {**trace, **look, "x": chart["keys"], "y": series["values"]}
    return {**trace, **look, "orientation": "h", "x": series["values"], "y": [*range(len(chart["labels"]))]}


def _earlier(chart: Chart) -> list[dict[str, Any]]:
    before = chart["before"]
    if before is None:
        return []
    line = {"color": _pick(theme.GREY), "width": 1.5, "dash": "dot"}
    words = [escape(f"{full}: {text}") for full, text in zip(before["full"], before["texts"], strict=True)]
    return [
        {
            "type": "scatter", "mode": "lines", "line": line, "name": before["name"], "x": chart["keys"],
            "y": before["values"], "customdata": words, "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]  # fmt: skip


def _marked(chart: Chart, marks: Sequence[ChartMark]) -> list[str]:
    return sorted({mark["day"] for mark in marks} & set(chart["keys"]))


def _line_of(chart: Chart, day: str) -> dict[str, Any]:
    line = {"color": _pick(theme.ACCENT), "width": 1, "dash": "dash"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": day, "x1": day, "y0": 0, "y1": 1, "line": line}


def _scale(chart: Chart) -> dict[str, Any]:
    if chart["kind"] == "rows":
        labels = [escape(label) for label in chart["labels"]]
        return {"tickvals": [*range(len(labels))], "ticktext": labels, "autorange": "reversed"}
    return {
        "title": {"text": escape(chart["unit"])},
        "range": chart["range"],
        "tickvals": [value for value, _ in chart["ticks"]],
        "ticktext": [text for _, text in chart["ticks"]],
    }


def _plain_color(series: Series) -> str:
    """A colour plotly understands: it knows no CSS names."""
    if not series["color"].startswith("var("):
        return series["color"]
    look = theme.status_look(series["key"] or "success")
    return _pick(theme.Shade(look.light, look.dark))


def _pick(shade: theme.Shade) -> str:
    return shade.dark if st.context.theme.type == "dark" else shade.light


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
