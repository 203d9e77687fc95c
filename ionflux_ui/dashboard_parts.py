"""The dashboard's sections: which figures and charts each shows, made from what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from ionflux_core.analytics.metrics import METRICS
from ionflux_core.domain.figure_text import figure_text
from ionflux_core.services.figures import Figure
from ionflux_ui import dashboard_charts as drawn
from ionflux_ui.chart_board import Part, part
from ionflux_ui.charts import Chart, Tile, tile
from ionflux_ui.dashboard_shown import Shown
from ionflux_ui.plain import counted

_SLOWEST: Final = 5
_KINDS: Final = {"manual": "By hand", "schedule": "Schedule", "event": "Event", "webhook": "Webhook", "flow": "Flow"}


def overview(shown: Shown) -> list[Part]:
    """The north star, the main figures, runs by day and agent, and what the agents report."""
    return [north_star(shown), _totals(shown), _runs(shown), *_reported(shown)]


def north_star(shown: Shown) -> Part:
    """The five figures everything is for; what is booked by different methods stands in tiles of its own."""
    tiles: list[Tile] = []
    for name in ("flows_per_builder", "time_to_automation", "agent_gmv", "cion_burn", "minutes_returned"):
        tiles += _tiles(shown, name)
    return part("North star", help="What all of this is for. Click a figure for its definition.", tiles=tiles)


def reliability(shown: Shown) -> list[Part]:
    """How often runs succeed, why they fail, how often steps are tried again, how soon agents recover."""
    found = shown.overview
    charts: list[Chart | None] = []
    if found.success_per_day:
        charts.append(_success(shown))
    if found.failures:
        shown.explain(METRICS["failures_by_code"])
        charts.append(drawn.failures_by_code(found.failures))
    failures = shown.figure("failures", "instance")
    charts.append(drawn.bars(failures, "instance", key="failures_by_agent", title="Failures by agent"))
    charts.append(_by_day(shown, "retries", columns=True))
    tiles = [
        each for name in ("success_rate", "failures", "retries", "time_to_recover") for each in _tiles(shown, name)
    ]
    return [part("Reliability", tiles=tiles, charts=_there(charts))]


def speed(shown: Shown) -> list[Part]:
    """How long runs take and wait: p50, p95 and p99, by day and by agent, and the slowest."""
    found, charts = shown.overview, [_by_day(shown, "duration", quantiles=True)]
    charts.append(_by_day(shown, "queue_delay", quantiles=True))
    if found.durations:
        charts.append(drawn.durations(found.durations, METRICS["duration"]))
    if found.slowest:
        shown.explain(METRICS["slowest"])
        charts.append(drawn.slowest(found.slowest[:_SLOWEST], METRICS["slowest"]))
    names = ("duration", "duration_p95", "duration_p99", "queue_delay", "queue_delay_p95")
    return [part("Speed", tiles=[each for name in names for each in _tiles(shown, name)], charts=_there(charts))]


def cost(shown: Shown) -> list[Part]:
    """What models cost, by agent and by model, tokens, and the C-ION ledger."""
    found = shown.overview
    charts: list[Chart | None] = []
    if found.costs:
        charts.append(_costs(shown))
    charts.append(_models(shown))
    tokens = shown.figure("tokens", "model")
    charts.append(drawn.bars(tokens, "", key="tokens_by_model", title="Tokens by model"))
    charts.append(_by_day(shown, "cion_burn", columns=True))
    names = ("cost", "cost_per_run", "tokens_in", "tokens_out", "unpriced_calls", "cion_burn")
    tiles = [each for name in names for each in _tiles(shown, name)]
    return [part("Cost", tiles=tiles, charts=_there(charts), note=_unpriced(shown))]


def value(shown: Shown) -> list[Part]:
    """What the runs were worth, each method and unit for itself, with the confidence its entries state."""
    tiles: list[Tile] = []
    charts: list[Chart | None] = []
    for name in ("money_made", "money_saved", "minutes_returned", "minutes_per_person_day"):
        tiles += _tiles(shown, name)
    for name in ("agent_gmv", "minutes_returned"):
        for each in _by_unit(shown.figure(name, "day")):
            by_day = drawn.figure_by_day(each, last=shown.last_day)
            charts.append(by_day and {**by_day, "key": f"{name}_by_day_{each.metric.unit}"})
        for each in _by_unit(shown.figure(name, "instance")):
            charts.append(drawn.bars(each, "instance", key=f"{name}_by_agent_{each.metric.unit}",
                                     title=f"{each.metric.title} by agent"))  # fmt: skip
    note = "Measured, modelled and estimated amounts are never added together; neither are currencies."
    return [part("Value", tiles=tiles, charts=_there(charts), note=note)]


def people(shown: Shown) -> list[Part]:
    """How often people take what agents propose, how long they let them wait, and who builds and talks."""
    by_agent = shown.figure("acceptance_rate", "instance")
    charts = [
        _by_day(shown, "acceptance_rate", high=1.0),
        drawn.bars(by_agent, "instance", key="acceptance_by_agent", title="Accepted without an edit, by agent"),
        _by_day(shown, "decision_time"),
        _by_day(shown, "messages", columns=True, opens=False),
    ]
    names = ("acceptance_rate", "decision_time", "builders", "messages")
    return [part("People", tiles=[each for name in names for each in _tiles(shown, name)], charts=_there(charts))]


def everything(shown: Shown) -> list[Part]:
    """All sections, one below the other: for paper."""
    parts = [north_star(shown), _totals(shown), _runs(shown)]
    return [*parts, *reliability(shown), *speed(shown), *cost(shown), *value(shown), *people(shown), *_reported(shown)]


SECTIONS: Final[dict[str, tuple[str, Callable[[Shown], list[Part]]]]] = {
    "overview": ("Overview", overview),
    "reliability": ("Reliability", reliability),
    "speed": ("Speed", speed),
    "cost": ("Cost", cost),
    "value": ("Value", value),
    "people": ("People", people),
    "everything": ("Everything", everything),
}


def _totals(shown: Shown) -> Part:
    for each in shown.overview.tiles:
        shown.explain(each.metric)
    return part(
        tiles=[
            tile(each.metric.title, each.metric, each.value, each.previous if shown.compare else None)
            for each in shown.overview.tiles
        ]
    )


def _runs(shown: Shown) -> Part:
    found = shown.overview
    if found.is_empty:
        return part()
    shown.explain(METRICS["runs_per_day"])
    shown.explain(METRICS["trigger"])
    charts: list[Chart | None] = [
        drawn.runs_by_day(
            found.runs_per_day, METRICS["runs_per_day"], last=shown.last_day, earlier=shown.earlier("runs")
        )
    ]
    by_agent = shown.figure("runs", "instance")
    charts.append(drawn.bars(by_agent, "instance", key="runs_by_agent", title="Runs by agent"))
    charts.append(drawn.triggers(found.triggers, lambda kind: _KINDS.get(kind, kind)))
    if found.success_per_day:
        charts.append(_success(shown))
    if found.costs:
        charts.append(_costs(shown))
    return part(charts=_there(charts))


def _reported(shown: Shown) -> list[Part]:
    """What the agents report, agent by agent, as their manifests define it."""
    by_agent: dict[str, list[Chart]] = {}
    for each in shown.reported:
        chart = drawn.kpi_by_day(each, last=shown.last_day)
        shown.explain(each.metric, name=chart["about"])
        by_agent.setdefault(each.definition_name, []).append(chart)
    if not by_agent:
        return [part("What the agents report", note="No agent has reported a figure in this period.")]
    return [part(f"What {name} reports", charts=charts) for name, charts in by_agent.items()]


def _success(shown: Shown) -> Chart:
    metric = shown.figure("success_rate").metric
    return drawn.success_by_day(
        shown.overview.success_per_day, metric, last=shown.last_day, earlier=shown.earlier("success_rate")
    )


def _costs(shown: Shown) -> Chart:
    metric = shown.figure("cost").metric
    return drawn.stacked_by_day(
        shown.overview.costs, metric, "definition_slug", shown.agent_name,
        last=shown.last_day, earlier=shown.earlier("cost"), drill="definition",
    ) | {"title": "Cost by day and agent"}  # fmt: skip


def _models(shown: Shown) -> Chart | None:
    rows = [row for row in shown.overview.models if row["cost"]]
    if not rows:
        return None
    metric = shown.figure("model_cost").metric
    return drawn.stacked_by_day(rows, metric, "model", str, last=shown.last_day) | {"title": "Cost by day and model"}


def _unpriced(shown: Shown) -> str:
    counts: dict[str, int] = {}
    for row in shown.overview.models:
        counts[row["model"]] = counts.get(row["model"], 0) + row["unpriced"]
    unknown = [f"{model} ({counted(count, 'call')})" for model, count in sorted(counts.items()) if count]
    return f"No price is known for {', '.join(unknown)}: what they cost is in no sum." if unknown else ""


def _by_day(
    shown: Shown,
    name: str,
    *,
    quantiles: bool = False,
    columns: bool = False,
    high: float | None = None,
    opens: bool = True,
) -> Chart | None:
    earlier = None if quantiles else shown.earlier(name)
    return drawn.figure_by_day(
        shown.figure(name, "day"),
        last=shown.last_day,
        earlier=earlier,
        quantiles=quantiles,
        columns=columns,
        high=high,
        opens=opens,
    )


def _tiles(shown: Shown, name: str) -> list[Tile]:
    """A figure's tile; one for each method and unit where values are never added; a dash with the reason for none."""
    found = shown.figure(name)
    if not found.parts or any("method" not in row for row in found.parts):
        previous = found.previous if shown.compare else None
        note = found.not_computed if found.value is None else ""
        return [tile(found.metric.title, found.metric, found.value, previous, note=note)]
    before = shown.previous_parts(name)
    return [
        tile(
            f"{found.metric.title}: {drawn.apart(row).partition(',')[0].lower()}", found.metric, row["value"],
            before.get((row.get("method"), row.get("unit"))), note=confidence(row), unit=str(row.get("unit") or ""),
        )
        for row in sorted(found.parts, key=_by_method)
    ]  # fmt: skip


def _by_method(row: dict[str, Any]) -> tuple[int, str]:
    """What is known best comes first."""
    order = ("measured", "modelled", "estimate")
    return order.index(row["method"]) if row["method"] in order else len(order), str(row.get("unit") or "")


def confidence(row: dict[str, Any]) -> str:
    """How sure the entries behind an amount are, in words; empty where entries are not what it is made of."""
    if "entries" not in row:
        return ""
    sure = row.get("confidence")
    entries = f"{row['entries']:,} {'entry' if row['entries'] == 1 else 'entries'}"
    said = "no confidence stated" if sure is None else f"confidence {figure_text(sure, 'ratio')}"
    return f"{entries}, {said}"


def _by_unit(figure: Figure) -> list[Figure]:
    """A figure's rows, each unit for itself: two currencies share no axis."""
    units = sorted({str(row.get("unit") or "") for row in figure.rows})
    return [
        replace(
            figure,
            metric=replace(figure.metric, unit=unit or figure.metric.unit),
            rows=[_named(row) for row in figure.rows if str(row.get("unit") or "") == unit],
        )
        for unit in units
    ]


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose label begins with its method: bars of two methods stand below each other, never on each other."""
    method = drawn.apart(row).partition(",")[0]
    return {**row, "label": f"{method}: {row['label']}"} if method else row


def _there(charts: Sequence[Chart | None]) -> list[Chart]:
    return [each for each in charts if each]
