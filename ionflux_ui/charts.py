"""Rows become charts: what each shows, in which colours and words, ready for the element that draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal, TypedDict

from ionflux_core.analytics.metrics import Direction, Metric
from ionflux_core.domain.runs import RUN_STATUSES
from ionflux_core.services.dashboard import KpiChart
from ionflux_ui import theme
from ionflux_ui.moments import duration
from ionflux_ui.plain import shortened

Rows = Sequence[Mapping[str, Any]]
Kind = Literal["columns", "lines", "rows"]

_NAME_CHARS: Final = 60
_TICKS: Final = 5
_FEWEST_DAYS: Final = 7
# Statuses that share a colour are told apart by their hatching as well as by their name.
_HATCHED: Final = ("budget_stopped", "cancelled_by_system", "awaiting_approval", "waiting")


class Tile(TypedDict):
    """One figure with its change; `tone` is good, bad or even."""

    label: str
    value: str
    change: str
    tone: str
    help: str


class Series(TypedDict):
    """One colour of a chart: a value and its words for each label."""

    key: str
    name: str
    color: str
    hatched: bool
    values: list[float | None]
    texts: list[str]


class Chart(TypedDict):
    """A chart as `components/charts.js` draws it; `opens` is the sentence that says what a click does."""

    key: str
    title: str
    help: str
    kind: Kind
    wide: bool
    unit: str
    labels: list[str]
    full: list[str]
    keys: list[str]
    series: list[Series]
    range: list[float]
    ticks: list[tuple[float, str]]
    opens: str
    tile: Tile | None


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


def tile(label: str, metric: Metric, value: float | None, previous: float | None) -> Tile:
    """A figure, and how it changed against the period before."""
    change = None if value is None or previous is None else value - previous
    return {
        "label": label,
        "value": figure_text(value, metric.unit),
        "change": "" if change is None else f"{_arrow(change)}{figure_text(change, metric.unit, signed=True)}",
        "tone": _tone(change, metric.direction),
        "help": metric.definition,
    }


def _arrow(change: float) -> str:
    return "↑ " if change > 0 else "↓ " if change < 0 else ""


def _tone(change: float | None, direction: Direction) -> str:
    if not change or direction == "none":
        return "even"
    return "good" if (change > 0) == (direction == "up") else "bad"


def runs_by_day(rows: Rows, metric: Metric) -> Chart:
    """Stacked columns: runs by day and status; a click opens the runs behind a part."""
    days = _days(row["day"] for row in rows)
    counts = {(row["status"], row["day"]): row["runs"] for row in rows}
    series = []
    for status in statuses_of(rows):
        look = theme.status_look(status)
        values = [counts.get((status, day)) for day in days]
        texts = [f"{value:,} runs" if value else "" for value in values]
        tone = theme.status_color(status)
        series.append(_series(look.label, tone, values, texts, key=status, hatched=status in _HATCHED))
    return _by_day(metric, "columns", days, series, wide=True, opens="Click a bar to see its runs.")


def statuses_of(rows: Rows) -> list[str]:
    """The statuses in these rows in the order in which they are stacked: the good ones below."""
    order = ("success", *(status for status in RUN_STATUSES if status != "success"))
    return [status for status in order if any(row["status"] == status for row in rows)]


def success_by_day(rows: Rows, metric: Metric) -> Chart:
    """A line: the share of runs that succeeded, by day."""
    days, own = _days(row["day"] for row in rows), {row["day"]: row for row in rows}
    values = [own[day]["rate"] if day in own else None for day in days]
    texts = [f"{own[d]['rate']:.1%}: {own[d]['success']:,} of {own[d]['ended']:,}" if d in own else "" for d in days]
    line = _series(theme.status_look("success").label, theme.status_color("success"), values, texts)
    return _by_day(metric, "lines", days, [line], low=0.0, high=1.0)


def durations(rows: Rows, metric: Metric) -> Chart:
    """For each agent the median of its runs' duration as a bar, the 95th percentile as a mark."""
    series = [
        _series(key, theme.CHART_PALETTE[color], [row[key] for row in rows], [duration(row[key]) for row in rows])
        for key, color in (("p50", 0), ("p95", 4))
    ]
    return _by_name(metric, "durations", [row["agent"] for row in rows], series)


def bars(rows: Rows, label: str, metric: Metric) -> Chart:
    """Bars in the given order, the first on top: so many runs each."""
    values = [row["runs"] for row in rows]
    series = _series("Runs", theme.CHART_PALETTE[0], values, [f"{value:,}" for value in values])
    return _by_name(metric, metric.name, [str(row[label]) for row in rows], [series])


def slowest(rows: Rows, metric: Metric) -> Chart:
    """The runs that took longest; a click opens one."""
    values = [row["seconds"] for row in rows]
    series = _series("Duration", theme.CHART_PALETTE[0], values, [duration(value) for value in values])
    names = [row["agent"] for row in rows]
    return _by_name(
        metric, "slowest", names, [series], keys=[row["id"] for row in rows], opens="Click a bar to see its run."
    )


def cost_by_day(rows: Rows, metric: Metric, names: Callable[[str], str]) -> Chart:
    """Stacked columns: cost by day and agent."""
    days = _days(row["day"] for row in rows)
    cost = {(row["definition_slug"], row["day"]): row["cost"] for row in rows}
    series = []
    for number, slug in enumerate(sorted({row["definition_slug"] for row in rows})):
        values = [cost.get((slug, day)) for day in days]
        texts = [f"{value:,.4f} USD" if value else "" for value in values]
        series.append(_series(names(slug), _color(number), values, texts, key=slug))
    return _by_day(metric, "columns", days, series)


def kpi_by_day(chart: KpiChart) -> Chart:
    """One line for each agent that reports the figure; with one agent its newest value stands above."""
    unit, days = chart.metric.unit, _days(day for line in chart.lines for day in line.days)
    series = []
    for number, line in enumerate(chart.lines):
        own = dict(zip(line.days, line.values, strict=True))
        texts = [figure_text(own[day], unit) if day in own else "" for day in days]
        series.append(_series(line.label, _color(number), [own.get(day) for day in days], texts))
    drawn = _by_day(chart.metric, "lines", days, series)
    drawn["key"] = f"{chart.definition_slug}-{chart.metric.name}-{unit}"
    if len(chart.lines) == 1:
        line = chart.lines[0]
        drawn["tile"] = tile(f"{line.label}, {line.days[-1]:%-d %b}", chart.metric, line.value, line.previous)
    return drawn


def _series(
    name: str,
    color: str,
    values: Sequence[float | None],
    texts: Sequence[str],
    *,
    key: str = "",
    hatched: bool = False,
) -> Series:
    short = shortened(name, _NAME_CHARS)
    return {"key": key, "name": short, "color": color, "hatched": hatched, "values": [*values], "texts": [*texts]}


def _by_day(
    metric: Metric,
    kind: Kind,
    days: Sequence[date],
    series: list[Series],
    *,
    low: float | None = None,
    high: float | None = None,
    wide: bool = False,
    opens: str = "",
) -> Chart:
    found, top = _extent(kind, series)
    ticks = _ticks(found if low is None else low, top if high is None else high)
    return {
        **_titled(metric, metric.name, [f"{day:%-d %b}" for day in days], series),
        "kind": kind,
        "wide": wide,
        "unit": {"ratio": "", "s": "", "count": "", "%": ""}.get(metric.unit, metric.unit),
        "full": [f"{day:%a %-d %b %Y}" for day in days],
        "keys": [day.isoformat() for day in days],
        "range": [ticks[0], ticks[-1]],
        "ticks": [(tick, _tick_text(tick, metric.unit)) for tick in ticks],
        "opens": opens,
    }


def _by_name(
    metric: Metric, key: str, names: Sequence[str], series: list[Series], *, keys: Sequence[str] = (), opens: str = ""
) -> Chart:
    drawn = _titled(metric, key, [shortened(name, _NAME_CHARS) for name in names], series)
    return {**drawn, "full": [*names], "keys": [*keys], "opens": opens}


def _titled(metric: Metric, key: str, labels: list[str], series: list[Series]) -> Chart:
    return {
        "key": key,
        "title": metric.title,
        "help": metric.definition,
        "kind": "rows",
        "wide": False,
        "unit": "",
        "labels": labels,
        "full": labels,
        "keys": [],
        "series": series,
        "range": [0, 0],
        "ticks": [],
        "opens": "",
        "tile": None,
    }


def _days(seen: Iterable[date]) -> list[date]:
    """Every day from the first to the last, and at least a week, so that one day is not as wide as the page."""
    found = [*seen]
    last = max(found)
    first = min(*found, last - timedelta(days=_FEWEST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _extent(kind: Kind, series: Sequence[Series]) -> tuple[float, float]:
    """The lowest and highest place that is drawn; what is stacked is added up and begins at zero."""
    if kind == "columns":
        return 0.0, max(
            sum(value or 0 for value in day) for day in zip(*(one["values"] for one in series), strict=True)
        )
    values = [value for one in series for value in one["values"] if value is not None]
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


def _color(number: int) -> str:
    return theme.CHART_PALETTE[number % len(theme.CHART_PALETTE)]
