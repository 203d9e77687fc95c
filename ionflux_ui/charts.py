"""Figures become tiles and rows become charts: the shapes the board draws, their days, axes and words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal, TypedDict

from ionflux_core.analytics.metrics import Metric
from ionflux_core.domain.figure_text import change_text, duration, figure_text, tone_of
from ionflux_ui import theme
from ionflux_ui.plain import shortened

Rows = Sequence[Mapping[str, Any]]
Kind = Literal["columns", "lines", "rows"]

_NAME_CHARS: Final = 60
_TICKS: Final = 5
_FEWEST_DAYS: Final = 7


class Tile(TypedDict):
    """One figure with its change; `tone` is good, bad or even. `about` names the definition a click opens."""

    label: str
    value: str
    change: str
    tone: str
    help: str
    note: str
    about: str


class Series(TypedDict):
    """One colour of a chart: a value and its words for each label."""

    key: str
    name: str
    color: str
    hatched: bool
    values: list[float | None]
    texts: list[str]


class Before(TypedDict):
    """The same days of the period before, to be drawn as a thin line."""

    name: str
    full: list[str]
    values: list[float | None]
    texts: list[str]


class Chart(TypedDict):
    """A chart as `components/charts.js` draws it.

    `opens` and `narrows` are the sentences that say what a click does; `drill` names the parameters of an address that
    a label's and a series' key stand for, `within` are those that stay as they are.
    """

    key: str
    title: str
    help: str
    about: str
    note: str
    kind: Kind
    wide: bool
    unit: str
    labels: list[str]
    full: list[str]
    keys: list[str]
    series: list[Series]
    before: Before | None
    range: list[float]
    ticks: list[tuple[float, str]]
    opens: str
    narrows: str
    drill: tuple[str, str]
    within: dict[str, str]
    tile: Tile | None


class Earlier(TypedDict):
    """Values of the period before by day, and how many days before each day its counterpart lies."""

    days: int
    values: Mapping[date, float]


def tile(
    label: str, metric: Metric, value: float | None, previous: float | None, *, note: str = "", unit: str | None = None
) -> Tile:
    """A figure, and how it changed against the period before."""
    unit = metric.unit if unit is None else unit
    change = change_text(value, previous, unit)
    return {
        "label": label,
        "value": figure_text(value, unit),
        "change": change,
        "tone": "even" if change == "unchanged" else tone_of(value, previous, metric.direction),
        "help": metric.definition,
        "note": note,
        "about": metric.name,
    }


def series(
    name: str,
    color: str,
    values: Sequence[float | None],
    texts: Sequence[str],
    *,
    key: str = "",
    hatched: bool = False,
) -> Series:
    """One colour of a chart."""
    short = shortened(name, _NAME_CHARS)
    return {"key": key, "name": short, "color": color, "hatched": hatched, "values": [*values], "texts": [*texts]}


def color(number: int) -> str:
    """The palette's colours, one after the other."""
    return theme.CHART_PALETTE[number % len(theme.CHART_PALETTE)]


def by_day(
    metric: Metric,
    kind: Kind,
    days: Sequence[date],
    drawn: list[Series],
    *,
    key: str = "",
    low: float | None = None,
    high: float | None = None,
    wide: bool = False,
    unit: str | None = None,
    earlier: Earlier | None = None,
    drill: tuple[str, str] = ("", ""),
) -> Chart:
    """A chart over days; a click opens the runs of a day where `drill` says what its keys mean."""
    unit = metric.unit if unit is None else unit
    before = _before(days, earlier, unit)
    found, top = _extent(kind, drawn, before)
    ticks = _ticks(found if low is None else low, top if high is None else high)
    return {
        **_titled(metric, key or metric.name, [f"{day:%-d %b}" for day in days], drawn),
        "kind": kind,
        "wide": wide,
        "unit": {"ratio": "", "s": "", "count": "", "%": ""}.get(unit, unit),
        "full": [f"{day:%a %-d %b %Y}" for day in days],
        "keys": [day.isoformat() for day in days],
        "before": before,
        "range": [ticks[0], ticks[-1]],
        "ticks": [(tick, _tick_text(tick, unit)) for tick in ticks],
        "opens": "Click a day to see its runs." if drill[0] else "",
        "drill": drill,
    }


def by_name(
    metric: Metric,
    key: str,
    names: Sequence[str],
    drawn: list[Series],
    *,
    title: str = "",
    keys: Sequence[str] = (),
    opens: str = "",
    narrows: str = "",
    drill: str = "",
) -> Chart:
    """Names with bars, the first on top; `keys` are what `drill` is set to when a bar is clicked."""
    made = _titled(metric, key, [shortened(name, _NAME_CHARS) for name in names], drawn)
    made |= {"full": [*names], "keys": [*keys], "opens": opens, "narrows": narrows, "drill": (drill, "")}
    return {**made, "title": title} if title else made


def _titled(metric: Metric, key: str, labels: list[str], drawn: list[Series]) -> Chart:
    return {
        "key": key,
        "title": metric.title,
        "help": metric.definition,
        "about": metric.name,
        "note": "",
        "kind": "rows",
        "wide": False,
        "unit": "",
        "labels": labels,
        "full": labels,
        "keys": [],
        "series": drawn,
        "before": None,
        "range": [0, 0],
        "ticks": [],
        "opens": "",
        "narrows": "",
        "drill": ("", ""),
        "within": {},
        "tile": None,
    }


def days_of(seen: Iterable[date], last: date | None = None) -> list[date]:
    """Every day from the first to the last, and at least a week, so that one day is not as wide as the page."""
    found = [*seen]
    end = max(found) if last is None else max(*found, last)
    first = min(*found, end - timedelta(days=_FEWEST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((end - first).days + 1)]


def _before(days: Sequence[date], earlier: Earlier | None, unit: str) -> Before | None:
    if earlier is None:
        return None
    shifted = [day - timedelta(days=earlier["days"]) for day in days]
    values = [earlier["values"].get(day) for day in shifted]
    if not any(value is not None for value in values):
        return None
    return {
        "name": f"{earlier['days']} days before" if earlier["days"] > 1 else "The day before",
        "full": [f"{day:%a %-d %b %Y}" for day in shifted],
        "values": values,
        "texts": ["" if value is None else figure_text(value, unit) for value in values],
    }


def _extent(kind: Kind, drawn: Sequence[Series], before: Before | None) -> tuple[float, float]:
    """The lowest and highest place that is drawn; what is stacked is added up and begins at zero."""
    earlier = [value for value in before["values"] if value is not None] if before else []
    if kind == "columns":
        sums = [sum(value or 0 for value in day) for day in zip(*(one["values"] for one in drawn), strict=True)]
        return 0.0, max([*sums, *earlier])
    values = [value for one in drawn for value in one["values"] if value is not None] + earlier
    low, high = min(values), max(values)
    # A line far from zero would be flat at the top of its chart.
    return (low if low < 0 or low > high * 0.6 else 0.0), high


def _ticks(low: float, high: float) -> list[float]:
    """Round figures around a range: a few, in steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _tick_text(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{value * 100:.10g} %"
    if unit == "%":
        return f"{value:.10g} %"
    return duration(value) if unit == "s" else f"{value:,.10g}"
