"""The series that are watched: the shop's funnel as a whole and by segment, each with its share of the error budget.

Every rate is tested twice: against the fall of the settings (a halved rate) and against a crash to an eighth, which a
total failure reaches sooner. One test with a chance in every window would have the threshold h; all tests together may
err a quarter as often. Each gets a share w of that: half in equal parts to the rates of the whole shop, half to all
others. A series in which little happens has fewer chances a day: c = min(288, 3 x expected successes, 3 x expected
failures). The threshold is h + ln(1 / w) - ln(288 / c), never below h, and the probability of a one-window crash p * w
(a weighted Bonferroni bound; benchmarks/sentinel.md has the false alarms that remain).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from .baseline import Baseline
from .detectors import count_terms, rate_terms
from .settings import Settings
from .times import SLOTS
from .windows import COMPLETED, ORDERS, OVERALL, SESSIONS, STARTED, segment_label

Metric = Literal["conversion", "start", "completion", "traffic"]
COLUMNS: dict[str, tuple[int, int]] = {
    "conversion": (ORDERS, SESSIONS),
    "start": (STARTED, SESSIONS),
    "completion": (COMPLETED, STARTED),
    "traffic": (SESSIONS, -1),
}
TITLES: dict[str, str] = {
    "conversion": "orders per session",
    "start": "checkouts started per session",
    "completion": "checkouts completed of those started",
    "traffic": "sessions",
}
# Traffic swings widely without any fault; only its near disappearance is one.
TRAFFIC_RATIO = 0.02
CRASH_RATIO = 0.125
ALL_TESTS = 0.25
_HIGHEST_RATE = 0.999


@dataclass(frozen=True, slots=True)
class Series:
    """One watched series on one local day: thresholds, and per slot the usual rate and the two test terms."""

    key: str
    metric: Metric
    segment: str
    above: int
    below: int
    weight: float
    threshold: float
    ratio: float
    crash_p: float | None
    usual: list[float]
    a: list[float]
    b: list[float]

    @property
    def flag(self) -> str:
        """The name of the flag that both tests of a rate raise."""
        return f"{self.metric}:{self.segment}"

    @property
    def title(self) -> str:
        """The series for people."""
        return f"{TITLES[self.metric]}, {segment_label(self.segment)}"


def watched_names(segments: list[str]) -> list[tuple[Metric, str]]:
    """Every series that is watched for these segments; a lone segment is the whole shop and adds nothing."""
    names: list[tuple[Metric, str]] = [("conversion", OVERALL), ("completion", OVERALL), ("traffic", OVERALL)]
    parts = [segment for segment in segments if segment != OVERALL]
    if len(parts) > 1:
        names += [(metric, segment) for segment in parts for metric in ("start", "completion")]
    return names


def watched(baseline: Baseline, settings: Settings) -> list[Series]:
    """The series of a day for which there is a usual rate."""
    names = [n for n in watched_names(baseline.segments) if any(baseline.rates(n[1], n[0]))]
    tests = [(name, ratio) for name in names for ratio in _ratios(name[0], settings)]
    main = sum(_is_main(name) for name, _ in tests)
    return [
        _series(
            baseline, settings, name, ratio, ALL_TESTS / 2 / (main if _is_main(name) else max(1, len(tests) - main))
        )
        for name, ratio in tests
    ]


def _is_main(name: tuple[Metric, str]) -> bool:
    return name[1] == OVERALL and name[0] != "traffic"


def _ratios(metric: Metric, settings: Settings) -> tuple[float, ...]:
    if metric == "traffic":
        return (TRAFFIC_RATIO,)
    return (settings.drop_ratio, CRASH_RATIO) if settings.drop_ratio > 2 * CRASH_RATIO else (settings.drop_ratio,)


def _series(baseline: Baseline, settings: Settings, name: tuple[Metric, str], ratio: float, weight: float) -> Series:
    metric, segment = name
    usual = baseline.rates(segment, metric)
    if metric != "traffic":
        # One standard error lower: a usual rate that was luck must not make ordinary days look like a fall.
        cautious = 1 - baseline.doubt(segment, metric)
        usual = [min(rate * cautious, _HIGHEST_RATE) for rate in usual]
    terms = [_terms(metric, rate, ratio) for rate in usual]
    above, below = COLUMNS[metric]
    chances = _chances(baseline, metric, segment)
    return Series(
        key=f"{metric}:{segment}:{ratio:g}",
        metric=metric,
        segment=segment,
        above=above,
        below=below,
        weight=weight,
        threshold=settings.sensitivity_h + max(0.0, math.log(chances / SLOTS / weight)),
        ratio=ratio,
        crash_p=settings.crash_p * weight if ratio == settings.drop_ratio else None,
        usual=usual,
        a=[term[0] for term in terms],
        b=[term[1] for term in terms],
    )


def _chances(baseline: Baseline, metric: Metric, segment: str) -> float:
    """How often in a day the score of a series can leave zero, at least 1."""
    if metric == "traffic":
        return SLOTS
    rates, below = baseline.rates(segment, metric), baseline.rates(segment, "traffic")
    if metric == "completion":
        below = [sessions * start for sessions, start in zip(below, baseline.rates(segment, "start"), strict=True)]
    successes = sum(n * p for n, p in zip(below, rates, strict=True))
    return max(1.0, min(SLOTS, 3 * successes, 3 * (sum(below) - successes)))


def _terms(metric: str, rate: float, ratio: float) -> tuple[float, float]:
    if rate <= 0:
        return 0.0, 0.0
    return count_terms(rate, ratio) if metric == "traffic" else rate_terms(rate, ratio)


def funnel(cells: list[list[Any]]) -> dict[str, Any]:
    """Sessions, checkouts and orders added up, with each step's rate (None without trials)."""
    sessions, started, completed, orders = (
        sum(row[i] for row in cells) for i in (SESSIONS, STARTED, COMPLETED, ORDERS)
    )
    return {
        "sessions": sessions,
        "checkouts_started": started,
        "checkouts_completed": completed,
        "orders": orders,
        "start_rate": started / sessions if sessions else None,
        "completion_rate": completed / started if started else None,
        "conversion_rate": orders / sessions if sessions else None,
    }
