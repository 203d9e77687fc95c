"""The catalogue of figures: what each is called, its unit, whether up is good, and its formula in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["up", "down", "none"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure as screens explain it; `unit` is a word (runs, s, USD; ratio is 0 to 1)."""

    name: str
    title: str
    unit: str
    direction: Direction
    definition: str


METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(
            "runs",
            "Runs",
            "runs",
            "none",
            "Runs created in the period, whatever became of them. Dry runs and runs started by other runs count.",
        ),
        Metric("runs_per_day", "Runs by day", "runs", "none", "Runs by the day they were created and by their status."),
        Metric(
            "success_rate",
            "Success",
            "ratio",
            "up",
            "Runs that succeeded divided by runs that succeeded, failed or were stopped by their budget. "
            "Cancelled and unfinished runs are left out.",
        ),
        Metric("failures", "Failures", "runs", "down", "Runs of the period that ended as error or by their budget."),
        Metric(
            "failures_by_code",
            "Failures by cause",
            "runs",
            "down",
            "Failed runs by the code of their error; budget_stopped where the budget ended them.",
        ),
        Metric(
            "duration",
            "Duration",
            "s",
            "down",
            "From the first claim by a worker to the end, for runs that succeeded or failed; waiting for people and "
            "timers is included. p50: half of the runs took at most this long; p95: 95 of 100 did.",
        ),
        Metric(
            "cost",
            "Cost",
            "USD",
            "down",
            "Model calls of the runs at the prices of the price list, by the day the run was created.",
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
}

KPI_RULE: Final = (
    "By day and instance, the last reported value. Where one day has values for several labels and none for the whole, "
    "amounts and counts are added and other units averaged."
)
