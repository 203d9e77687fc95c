"""The dashboard's charts: what each shows, in which colours and words, and what a click on it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from ionflux_core.analytics.metrics import METRICS, Metric
from ionflux_core.domain.figure_text import duration, figure_text
from ionflux_core.domain.runs import RUN_STATUSES
from ionflux_core.services.dashboard import KpiChart
from ionflux_core.services.figures import Figure
from ionflux_ui import theme
from ionflux_ui.charts import Chart, Earlier, Kind, Rows, by_day, by_name, color, days_of, series, tile

# Statuses that share a colour are told apart by their hatching as well as by their name.
_HATCHED: Final = ("budget_stopped", "cancelled_by_system", "awaiting_approval", "waiting")
_QUANTILES: Final = (("p50", 0), ("p95", 4), ("p99", 1))
_MOST_BARS: Final = 12
_NARROWS: Final = "Click a bar to narrow the page to it,"
_RUNS: Final = "the list beside it to see its runs."
_FAILED: Final = "Click a bar to see its runs."


def runs_by_day(rows: Rows, metric: Metric, *, last: date | None = None, earlier: Earlier | None = None) -> Chart:
    """Stacked columns: runs by day and status; a click opens the runs behind a part."""
    days = days_of((row["day"] for row in rows), last)
    counts = {(row["status"], row["day"]): row["runs"] for row in rows}
    drawn = []
    for status in statuses_of(rows):
        look = theme.status_look(status)
        values = [counts.get((status, day)) for day in days]
        texts = [f"{value:,} runs" if value else "" for value in values]
        tone = theme.status_color(status)
        drawn.append(series(look.label, tone, values, texts, key=status, hatched=status in _HATCHED))
    made = by_day(metric, "columns", days, drawn, wide=True, earlier=earlier, drill=("day", "status"))
    return {**made, "opens": "Click a bar to see its runs."}


def statuses_of(rows: Rows) -> list[str]:
    """The statuses in these rows in the order in which they are stacked: the good ones below."""
    order = ("success", *(status for status in RUN_STATUSES if status != "success"))
    return [status for status in order if any(row["status"] == status for row in rows)]


def success_by_day(rows: Rows, metric: Metric, *, last: date | None = None, earlier: Earlier | None = None) -> Chart:
    """A line: the share of runs that succeeded, by day."""
    days, own = days_of((row["day"] for row in rows), last), {row["day"]: row for row in rows}
    values = [own[day]["rate"] if day in own else None for day in days]
    texts = [f"{own[d]['rate']:.1%}: {own[d]['success']:,} of {own[d]['ended']:,}" if d in own else "" for d in days]
    line = series(theme.status_look("success").label, theme.status_color("success"), values, texts)
    made = by_day(metric, "lines", days, [line], low=0.0, high=1.0, earlier=earlier, drill=("day", ""))
    return {**made, "title": "Success by day"}


def durations(rows: Rows, metric: Metric) -> Chart:
    """For each agent the median of its runs' duration as a bar, the 95th percentile as a mark."""
    drawn = [
        series(key, color(place), [row[key] for row in rows], [duration(row[key]) for row in rows])
        for key, place in _QUANTILES[:2]
    ]
    return by_name(
        metric, "durations", [row["agent"] for row in rows], drawn, title="Duration by agent",
        keys=[row["instance_id"] or "" for row in rows], drill="instance",
        narrows=_NARROWS, opens=_RUNS,
    )  # fmt: skip


def bars(figure: Figure, drill: str, *, key: str, title: str, opens: str = "") -> Chart | None:
    """A figure by a dimension: the largest on top; a click narrows the page, or opens the runs when `opens` says so."""
    rows = sorted((row for row in figure.rows if row["value"]), key=lambda row: -row["value"])[:_MOST_BARS]
    if not rows:
        return None
    unit = figure.metric.unit
    drawn = series(
        figure.metric.title, color(0), [row["value"] for row in rows], [figure_text(row["value"], unit) for row in rows]
    )
    narrows = "" if opens or not drill else _NARROWS
    return by_name(
        figure.metric, key, [str(row["label"]) for row in rows], [drawn], title=title, drill=drill,
        keys=[str(row["key"] or "") for row in rows], narrows=narrows, opens=opens or (_RUNS if drill else ""),
    )  # fmt: skip


def failures_by_code(rows: Rows) -> Chart:
    """Failed runs by the code of their error; a click opens them."""
    values = [row["runs"] for row in rows]
    drawn = series("Runs", theme.status_color("error"), values, [f"{value:,}" for value in values], key="error")
    names = [str(row["code"]) for row in rows]
    return by_name(METRICS["failures_by_code"], "failures_by_code", names, [drawn], keys=names, opens=_FAILED,
                   drill="code")  # fmt: skip


def triggers(rows: Rows, named: Callable[[str], str]) -> Chart:
    """Runs by what started them."""
    values = [row["runs"] for row in rows]
    drawn = series("Runs", color(0), values, [f"{value:,}" for value in values])
    kinds = [str(row["trigger_kind"]) for row in rows]
    return by_name(METRICS["trigger"], "trigger", [named(kind) for kind in kinds], [drawn], keys=kinds,
                   drill="trigger", narrows=_NARROWS, opens=_RUNS)  # fmt: skip


def slowest(rows: Rows, metric: Metric) -> Chart:
    """The runs that took longest; a click opens one."""
    values = [row["seconds"] for row in rows]
    drawn = series("Duration", color(0), values, [duration(value) for value in values])
    return by_name(
        metric, "slowest", [row["agent"] for row in rows], [drawn], keys=[row["id"] for row in rows],
        opens="Click a bar to see its run.", drill="run",
    )  # fmt: skip


def stacked_by_day(
    rows: Rows,
    metric: Metric,
    group: str,
    names: Callable[[str], str],
    *,
    value: str = "cost",
    last: date | None = None,
    earlier: Earlier | None = None,
    drill: str = "",
) -> Chart:
    """Stacked columns: a sum by day and agent, or by day and model."""
    days = days_of((row["day"] for row in rows), last)
    sums: dict[tuple[str, date], float] = {}
    for row in rows:
        place = row[group], row["day"]
        sums[place] = sums.get(place, 0) + (row[value] or 0)
    drawn = []
    for number, name in enumerate(sorted({row[group] for row in rows})):
        values = [sums.get((name, day)) for day in days]
        texts = [_finely(one, metric.unit) if one else "" for one in values]
        drawn.append(series(names(name), color(number), values, texts, key=name))
    made = by_day(metric, "columns", days, drawn, earlier=earlier, drill=("day", drill))
    return {**made, "key": f"{metric.name}_by_{group}"}


def figure_by_day(
    figure: Figure,
    *,
    last: date | None = None,
    earlier: Earlier | None = None,
    quantiles: bool = False,
    columns: bool = False,
    high: float | None = None,
    opens: bool = True,
) -> Chart | None:
    """A figure by day as a line: one for each series that is never added to another, or p50, p95 and p99."""
    rows = [row for row in figure.rows if row["value"] is not None]
    if not any(row["value"] for row in rows):
        return None
    days = days_of((date.fromisoformat(row["key"]) for row in rows), last)
    lines = _quantiles(rows) if quantiles else _told_apart(rows, figure.metric.title)
    drawn = []
    for place, (name, own, unit) in zip(_colors(quantiles), lines, strict=False):
        values = [own.get(day.isoformat()) for day in days]
        texts = ["" if one is None else figure_text(one, unit or figure.metric.unit) for one in values]
        drawn.append(series(name, color(place), values, texts))
    metric = figure.metric
    kind: Kind = "columns" if columns else "lines"
    low = 0.0 if high else None
    drill = ("day", "") if opens else ("", "")
    made = by_day(metric, kind, days, drawn, high=high, low=low, earlier=earlier, drill=drill)
    return {**made, "key": f"{metric.name}_by_day", "title": f"{metric.title} by day"}


def kpi_by_day(chart: KpiChart, *, last: date | None = None) -> Chart:
    """One line for each agent that reports the figure; with one agent its newest value stands above."""
    unit, days = chart.metric.unit, days_of((day for line in chart.lines for day in line.days), last)
    drawn = []
    for number, line in enumerate(chart.lines):
        own = dict(zip(line.days, line.values, strict=True))
        texts = [figure_text(own[day], unit) if day in own else "" for day in days]
        drawn.append(
            series(line.label, color(number), [own.get(day) for day in days], texts, key=line.instance_id or "")
        )
    key = f"{chart.definition_slug}-{chart.metric.name}-{unit}"
    made = by_day(chart.metric, "lines", days, drawn, key=key, drill=("day", ""))
    made["within"] = {"definition": chart.definition_slug}
    made["about"] = f"kpi.{chart.definition_slug}.{chart.metric.name.rpartition('.')[2]}"
    if len(chart.lines) == 1:
        line = chart.lines[0]
        own_tile = tile(f"{line.label}, {line.days[-1]:%-d %b}", chart.metric, line.value, line.previous)
        made["tile"] = {**own_tile, "about": made["about"]}
    return made


def _quantiles(rows: Rows) -> list[tuple[str, Mapping[str, float], str]]:
    return [(name, {row["key"]: row[name] for row in rows if row.get(name) is not None}, "s") for name, _ in _QUANTILES]


def _told_apart(rows: Rows, title: str) -> list[tuple[str, Mapping[str, float], str]]:
    """A line for each series of the rows; rows that know of none are one line."""
    lines: dict[str, dict[str, float]] = {}
    units: dict[str, str] = {}
    for row in rows:
        name = apart(row) or title
        lines.setdefault(name, {})[row["key"]] = row["value"]
        units[name] = str(row.get("unit") or "")
    return [(name, own, units[name]) for name, own in sorted(lines.items())]


def apart(row: Mapping[str, Any]) -> str:
    """By which method and in which unit a row was booked, like "Measured, EUR"; empty for what has no method."""
    if "method" not in row:
        return ""
    method = "Owner's estimate" if row["method"] == "estimate" else str(row["method"]).capitalize()
    return f"{method}, {row['unit']}" if row.get("unit") else method


def _colors(quantiles: bool) -> list[int]:
    return [place for _, place in _QUANTILES] if quantiles else [*range(24)]


def _finely(value: float, unit: str) -> str:
    return f"{value:,.4f} USD" if unit == "USD" else figure_text(value, unit)
