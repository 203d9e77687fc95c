"""How long a fault would stay unnoticed at this shop's traffic.

Under a fault that leaves the share f of a usual rate p, the CUSUM score grows by
g = p*f*ln(r) + (1 - p*f)*ln((1 - p*r) / (1 - p)) per session (r: the fall it is tuned to), so it reaches its threshold
after about threshold / g sessions (Wald's identity, without the overshoot).
"""

from __future__ import annotations

import math
from typing import Any

from .baseline import Baseline
from .detectors import rate_terms
from .funnels import Series, watched
from .settings import Settings
from .times import SLOTS, WINDOW
from .windows import OVERALL, segment_label

FORMULA = (
    "Sessions needed = threshold / g, with g = p*f*ln(r) + (1 - p*f)*ln((1 - p*r)/(1 - p)); p the usual rate, f the "
    "share the fault leaves, r the fall a test is tuned to; the sooner of the two tests of the rate counts. Minutes = "
    "whole windows of your usual sessions x 5."
)
FAULTS = {"crash": 0.125, "halved": 0.5}
HOPELESS_WINDOWS = 14 * SLOTS


def trials_needed(p: float, left: float, ratio: float, threshold: float) -> float | None:
    """Trials until the alarm when the rate falls to `left` of p; None when the score would not grow."""
    if not 0 < p < 1:
        return None
    a, b = rate_terms(p, ratio)
    growth = p * left * a + b
    return threshold / growth if growth > 0 else None


def _notice(tests: list[Series], trials_per_window: float, p: float, left: float) -> dict[str, Any]:
    """The sooner of a series' two tests."""
    each = [trials_needed(p, left, series.ratio, series.threshold) for series in tests]
    needed = min((trials for trials in each if trials is not None), default=None)
    if needed is None:
        return {"not_computed": "A fault this small does not move the detector."}
    if trials_per_window <= 0:
        return {"not_computed": "No visits are expected."}
    windows = max(1, math.ceil(needed / trials_per_window))
    if windows > HOPELESS_WINDOWS:
        return {"not_computed": "More than 14 days at this traffic: the fault would not be noticed in time."}
    return {"trials": round(needed), "windows": windows, "minutes": windows * WINDOW}


def expected_time_to_notice(baseline: Baseline, settings: Settings, slot: int) -> dict[str, Any]:
    """Time to notice a crash and a halved rate on the whole shop, now, on average and in the quietest hour."""
    all_series = watched(baseline, settings)
    main = [series for series in all_series if series.flag == f"conversion:{OVERALL}"]
    if not main:
        return {"not_computed": "Fewer than 30 orders in the former days: too little to know the usual rate."}
    traffic = baseline.rates(OVERALL, "traffic")
    quiet = min(range(SLOTS), key=lambda i: traffic[i])
    when = {"now": (traffic[slot], main[0].usual[slot]), "quietest": (traffic[quiet], main[0].usual[quiet])}
    when["average"] = (sum(traffic) / SLOTS, sum(main[0].usual) / SLOTS)
    times: dict[str, Any] = {
        name: {
            "sessions_per_window": round(sessions, 1),
            **{fault: _notice(main, sessions, p, left) for fault, left in FAULTS.items()},
        }
        for name, (sessions, p) in when.items()
    }
    by_segment: dict[str, list[Series]] = {}
    for series in all_series:
        if series.metric == "completion":
            by_segment.setdefault(series.segment, []).append(series)
    segments = [_segment_notice(baseline, segment, tests) for segment, tests in by_segment.items()]
    thresholds = {f"left {series.ratio:g}": round(series.threshold, 3) for series in main}
    return {**times, "completion_by_segment": segments, "thresholds": thresholds, "formula": FORMULA}


def _segment_notice(baseline: Baseline, segment: str, tests: list[Series]) -> dict[str, Any]:
    """Time to notice that a segment loses 40 % or 90 % of its completed checkouts, at its average traffic."""
    traffic, start = baseline.rates(segment, "traffic"), baseline.rates(segment, "start")
    started = sum(n * p for n, p in zip(traffic, start, strict=True)) / SLOTS
    p = sum(tests[0].usual) / SLOTS
    return {
        "segment": segment_label(segment),
        "checkouts_per_window": round(started, 2),
        "loses_40_percent": _notice(tests, started, p, 0.6),
        "loses_90_percent": _notice(tests, started, p, 0.1),
    }
