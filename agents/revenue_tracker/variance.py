"""Why the margin changed between two periods, and whether the daily margin is falling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median
from typing import Any

from .margins import Tally
from .money import round_to_sum

_PRICE_KINDS = ("list_price", "discounts", "refunds", "shipping_income")
_COST_KINDS = ("cogs", "fees", "shipping_cost", "marketing", "app_share")


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A change of the net margin in minor units; price + volume + mix + cost = change, to the unit.

    `by_kind` splits price and cost further; its price kinds add up to price, its cost kinds to cost.
    """

    before: int
    after: int
    price: int
    volume: int
    mix: int
    cost: int
    by_kind: dict[str, int]

    @property
    def change(self) -> int:
        """After minus before."""
        return self.after - self.before


def decompose(before: Mapping[str, Tally], after: Mapping[str, Tally]) -> Decomposition:
    """The change of the net margin between two sets of products, with every cost of goods known.

    With units q, revenue r and cost c per unit, m = r - c, Q = all units, 0 = before and 1 = after:
    volume = (Q1 - Q0) * M0 / Q0, mix = sum q1*m0 - M0 - volume, price = sum q1*(r1 - r0), cost = -sum q1*(c1 - c0).
    This is the standard price-volume-mix split of management accounting, taken per product. A product without
    units in one of the two periods has no price or cost to compare, so all it brings or takes is mix.
    """
    keys = sorted(before.keys() | after.keys())
    m0, m1 = sum(_margin(t) for t in before.values()), sum(_margin(t) for t in after.values())
    q0, q1 = sum(t.units for t in before.values()), sum(t.units for t in after.values())
    kinds = {name: Fraction(0) for name in (*_PRICE_KINDS, *_COST_KINDS)}
    for key in keys:
        old, new = before.get(key, Tally()), after.get(key, Tally())
        if not old.units or not new.units:
            continue
        scale = Fraction(new.units, old.units)
        for name in _PRICE_KINDS:
            kinds[name] += _income(new, name) - scale * _income(old, name)
        for name in _COST_KINDS:
            kinds[name] -= getattr(new, name) - scale * getattr(old, name)
    price = sum((kinds[name] for name in _PRICE_KINDS), Fraction(0))
    cost = sum((kinds[name] for name in _COST_KINDS), Fraction(0))
    volume = Fraction(m0 * (q1 - q0), q0) if q0 else Fraction(m1 - m0)
    mix = Fraction(m1 - m0) - volume - price - cost
    parts = round_to_sum([price, volume, mix, cost], m1 - m0)
    by_kind = dict(zip(_PRICE_KINDS, round_to_sum([kinds[n] for n in _PRICE_KINDS], parts[0]), strict=True))
    by_kind |= dict(zip(_COST_KINDS, round_to_sum([kinds[n] for n in _COST_KINDS], parts[3]), strict=True))
    rounded_price, rounded_volume, rounded_mix, rounded_cost = parts
    return Decomposition(m0, m1, rounded_price, rounded_volume, rounded_mix, rounded_cost, by_kind)


def _income(tally: Tally, name: str) -> int:
    if name == "list_price":
        return tally.sales
    amount: int = getattr(tally, name)
    return amount if name == "shipping_income" else -amount


def _margin(tally: Tally) -> int:
    return tally.net_revenue - sum(int(getattr(tally, name)) for name in _COST_KINDS)


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch on one series: `since` is the day from which on it is low, None while it holds."""

    falling: bool
    since: str | None
    detectors: tuple[str, ...]
    baseline: float
    spread: float
    cusum: float
    ewma: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON with rounded figures."""
        return {
            "falling": self.falling,
            "since": self.since,
            "detectors": list(self.detectors),
            "baseline_pct": round(self.baseline, 2),
            "spread_pct_points": round(self.spread, 2),
            "cusum": round(self.cusum, 2),
            "ewma_pct": round(self.ewma, 2),
            "limits": {"cusum": CUSUM_LIMIT, "cusum_slack": CUSUM_SLACK, "ewma_width": EWMA_WIDTH, "ewma": EWMA_WEIGHT},
        }


MIN_BASELINE_DAYS = 10
WATCHED_DAYS = 14
CUSUM_SLACK, CUSUM_LIMIT = 0.5, 5.0
EWMA_WEIGHT, EWMA_WIDTH = 0.2, 3.0
_LEAST_SPREAD = 0.25


def watch_margin(series: Sequence[tuple[str, float]]) -> Watch | None:
    """Is the daily margin % (day, value) falling in its last 14 days? None with fewer than 10 days before those.

    The baseline is the median of the earlier days with 1.4826 x MAD as spread (at least 0.25 points). Lower CUSUM
    (Page 1954): S = max(0, S + (baseline - x)/spread - 0.5), falling above 5. EWMA (Roberts 1959) with weight 0.2:
    falling under baseline - 3 x spread x sqrt(0.2/1.8).
    """
    earlier, watched = series[:-WATCHED_DAYS], series[-WATCHED_DAYS:]
    if len(earlier) < MIN_BASELINE_DAYS:
        return None
    values = [value for _, value in earlier]
    baseline = median(values)
    spread = max(1.4826 * median(abs(value - baseline) for value in values), _LEAST_SPREAD)
    cusum, ewma, start, since = 0.0, baseline, None, None
    floor = baseline - EWMA_WIDTH * spread * (EWMA_WEIGHT / (2 - EWMA_WEIGHT)) ** 0.5
    seen: set[str] = set()
    for day, value in watched:
        cusum = max(0.0, cusum + (baseline - value) / spread - CUSUM_SLACK)
        ewma = EWMA_WEIGHT * value + (1 - EWMA_WEIGHT) * ewma
        start = None if cusum == 0 else start or day
        low = {name for name, hit in (("cusum", cusum > CUSUM_LIMIT), ("ewma", ewma < floor)) if hit}
        since = since or (start or day) if low else None
        seen = low
    return Watch(bool(seen), since, tuple(sorted(seen)), baseline, spread, cusum, ewma)
