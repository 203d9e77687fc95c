"""The catalogue of figures: what each is called, its unit, whether up is good, its formula in words and in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ionflux_core.analytics import sql
from ionflux_core.analytics.catalogue import NORTH_STAR, PEOPLE, VALUE
from ionflux_core.analytics.catalogue_runs import AGENTS, COST, RELIABILITY, SPEED
from ionflux_core.analytics.measures import Direction, Group, Measure

MEASURES: Final[dict[str, Measure]] = {
    measure.name: measure for measure in (*NORTH_STAR, *RELIABILITY, *SPEED, *COST, *VALUE, *PEOPLE, *AGENTS)
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure as screens explain it; `unit` is a word (runs, s, USD; ratio is 0 to 1)."""

    name: str
    title: str
    unit: str
    direction: Direction
    definition: str
    group: Group = "Agents"
    sql: str = ""
    """The query as DuckDB runs it for a whole period."""
    sources: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    """By what it can be broken down."""
    additive: bool = False
    """Whether the values of its parts add up to the whole."""


def _metric(measure: Measure) -> Metric:
    return Metric(
        name=measure.name,
        title=measure.title,
        unit=measure.unit,
        direction=measure.direction,
        definition=measure.definition,
        group=measure.group,
        sql=sql.shown(measure),
        sources=measure.sources,
        dimensions=measure.dimensions,
        additive=measure.additive,
    )


CATALOGUE: Final[tuple[Metric, ...]] = tuple(_metric(measure) for measure in MEASURES.values())

# What a whole chart shows where it is more than one figure by day.
_CHARTS: Final = (
    Metric("runs_per_day", "Runs by day", "runs", "none", "Runs by the day they were created and by their status."),
    Metric(
        "failures_by_code",
        "Failures by cause",
        "runs",
        "down",
        "Failed runs by the code of their error; budget_stopped where the budget ended them.",
    ),
    Metric(
        "cost_by_model",
        "Cost by model",
        "USD",
        "down",
        "Model calls by the day their run was created and by model. Calls to a model without a known price are "
        "counted and named, and never taken for free.",
    ),
    Metric("trigger", "Runs by trigger", "runs", "none", "Runs of the period by what started them."),
    Metric("slowest", "Slowest runs", "s", "down", "The finished runs that took longest from first claim to end."),
    Metric(
        "value",
        "Value",
        "",
        "up",
        "What runs booked as money made, money saved or minutes returned. Measured, modelled and estimated amounts "
        "are never added together.",
    ),
    Metric("step_times", "Slowest steps", "s", "down", "Time from begin to end of finished steps, by their title."),
)
METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in (*CATALOGUE, *_CHARTS)}

KPI_RULE: Final = (
    "By day and instance, the last reported value. Where one day has values for several labels and none for the whole, "
    "amounts and counts are added and other units averaged."
)
