"""What this time of day usually brings: rates pooled over +-30 minutes of the former days, by segment.

rate(slot) = (x + c) / (n + c / m): the pooled count x of n trials, drawn towards the day's mean m as if c = 100 events
had been seen at it (the mean of a gamma-Poisson model). The same step draws the pooled rate of the same weekday
towards the rate of all days with c = 200, so the weekday only counts where there is plenty of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ionflux_core.sdk import Records

from .history import PAGE_SUM, PAGE_WEIGHT, PRESENT, History
from .times import SLOTS, WINDOW, day_name, day_start, moment, place
from .windows import COMPLETED, ERRORS, ORDERS, REVENUE, SESSIONS, STARTED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .history import Day

    Grid = NDArray[np.float64]

BASELINES = "sentinel_baselines"
POOL_SLOTS = 6
SLOT_PRIOR = 100.0
WEEKDAY_PRIOR = 200.0
MIN_DAYS = 3
MIN_EVENTS = 30
# A small segment needs weeks to show anything, and its usual rate is little more than luck.
MIN_SEGMENT_EVENTS = 100
KEPT_DAYS = 3
METRICS: dict[str, tuple[int, int]] = {
    "conversion": (ORDERS, SESSIONS),
    "start": (STARTED, SESSIONS),
    "completion": (COMPLETED, STARTED),
    "traffic": (SESSIONS, PRESENT),
    "errors": (ERRORS, SESSIONS),
    "page": (PAGE_SUM, PAGE_WEIGHT),
}
TESTED = ("conversion", "start", "completion")
Span = tuple[int, int]


class Baseline:
    """The usual rates of one local day; 0 where too little was seen to say."""

    def __init__(self, day: int, data: dict[str, Any]) -> None:
        self.day = day
        self.days: int = data["days"]
        self._rates: dict[str, dict[str, list[float]]] = data["segments"]
        self._events: dict[str, dict[str, float]] = data["events"]

    @property
    def segments(self) -> list[str]:
        """The segments seen in the former days, the whole shop as ''."""
        return list(self._rates)

    def rates(self, segment: str, metric: str) -> list[float]:
        """288 rates of a metric: per session, per started checkout, or per window for traffic."""
        return self._rates.get(segment, {}).get(metric) or [0.0] * SLOTS

    def doubt(self, segment: str, metric: str) -> float:
        """The standard error of the mean rate as a share of it."""
        events = self._events.get(segment, {}).get(metric, 0.0)
        rates = self.rates(segment, metric)
        return float(max(0.0, 1 - sum(rates) / SLOTS) / events) ** 0.5 if events else 0.0

    def rate(self, segment: str, metric: str, slot: int) -> float:
        """The usual rate in one slot; `revenue` is minor units per session."""
        return self.rates(segment, metric)[slot]


class Baselines:
    """The baselines of a run, worked out once per local day and kept in the records."""

    def __init__(self, records: Records, history: History, days: int, excluded: Iterable[Span] = ()) -> None:
        self._records = records
        self._history = history
        self._days = days
        self._excluded = list(excluded)
        self._known: dict[int, Baseline | None] = {}
        self._fresh: dict[int, dict[str, Any]] = {}

    def exclude(self, spans: Iterable[Span]) -> None:
        """Leave these spans (minutes) out of the baselines worked out from now on."""
        self._excluded = list(spans)

    def of(self, day: int) -> Baseline | None:
        """The baseline of a local day, or None with fewer than three former days."""
        if day not in self._known:
            kept = self._records.get(BASELINES, day_name(day))
            if kept is not None and kept.data["window_days"] == self._days:
                self._known[day] = Baseline(day, kept.data)
            else:
                data = self._work_out(day)
                self._known[day] = Baseline(day, data) if data else None
                if data:
                    self._fresh[day] = data
        return self._known[day]

    def save(self) -> None:
        """Keep the newest baselines that were worked out in this run."""
        for day in sorted(self._fresh)[-KEPT_DAYS:]:
            at = moment(day_start(day, self._history.zone))
            self._records.put(BASELINES, day_name(day), _shortened(self._fresh[day]), at=at)
        if self._fresh:
            oldest = moment(day_start(max(self._fresh) - KEPT_DAYS, self._history.zone))
            for record in self._records.find(BASELINES, until=oldest):
                self._records.delete(BASELINES, record.key)
        self._fresh.clear()

    def _work_out(self, day: int) -> dict[str, Any] | None:
        former = self._history.days(day - self._days, day)
        if len(former) < MIN_DAYS:
            return None
        hidden = self._hidden_slots()
        everything = _total(former, hidden)
        same = _total({d: grids for d, grids in former.items() if (day - d) % 7 == 0}, hidden)
        segments = {segment: _rates(grid, same.get(segment), segment) for segment, grid in everything.items()}
        events = {
            segment: {metric: float(grid[:, METRICS[metric][0]].sum()) for metric in TESTED}
            for segment, grid in everything.items()
        }
        return {"days": len(former), "window_days": self._days, "segments": segments, "events": events}

    def _hidden_slots(self) -> dict[int, list[int]]:
        hidden: dict[int, list[int]] = {}
        for first, last in self._excluded:
            for minute in range(first, last, WINDOW):
                day, slot = place(minute, self._history.zone)
                hidden.setdefault(day, []).append(slot)
        return hidden


def _total(days: dict[int, Day], hidden: dict[int, list[int]]) -> Day:
    total: Day = {}
    for day, grids in days.items():
        for segment, grid in grids.items():
            shown = grid
            if day in hidden:
                shown = grid.copy()
                shown[hidden[day]] = 0
            total[segment] = total[segment] + shown if segment in total else shown.copy()
    return total


def _pooled(grid: Grid) -> Grid:
    """Each slot with the six before and the six after it, around midnight as well."""
    import numpy as np

    ring = np.concatenate([grid[-POOL_SLOTS:], grid, grid[:POOL_SLOTS]]).cumsum(axis=0)
    ring = np.concatenate([np.zeros((1, grid.shape[1])), ring])
    pooled: Grid = ring[2 * POOL_SLOTS + 1 :] - ring[: -(2 * POOL_SLOTS + 1)]
    return pooled


def _rates(grid: Grid, same_weekday: Grid | None, segment: str) -> dict[str, list[float]]:
    pooled = _pooled(grid)
    weekday = _pooled(same_weekday) if same_weekday is not None else None
    rates: dict[str, list[float]] = {}
    for metric, (above, below) in METRICS.items():
        events, trials = grid[:, above].sum(), grid[:, below].sum()
        needed = MIN_SEGMENT_EVENTS if segment and metric in TESTED else MIN_EVENTS
        if events < needed or trials <= 0:
            continue
        mean = events / trials
        # Page times are averages, not counts: twenty sessions at the mean stand for twenty events.
        unit = mean if metric == "page" else 1.0
        rate = _drawn(pooled[:, above], pooled[:, below], mean, SLOT_PRIOR * unit)
        if weekday is not None:
            rate = _drawn(weekday[:, above], weekday[:, below], rate, WEEKDAY_PRIOR * unit)
        rates[metric] = rate.tolist()
    orders = grid[:, ORDERS].sum()
    if "conversion" in rates:
        basket = grid[:, REVENUE].sum() / orders
        rates["revenue"] = [rate * basket for rate in rates["conversion"]]
    return rates


def _drawn(x: Grid, n: Grid, towards: Grid | float, events: float) -> Grid:
    drawn: Grid = (x + events) / (n + events / towards)
    return drawn


def _shortened(data: dict[str, Any]) -> dict[str, Any]:
    """The same rates with six digits, which is half the size."""
    segments = {
        segment: {metric: [float(f"{value:.6g}") for value in rates] for metric, rates in by_metric.items()}
        for segment, by_metric in data["segments"].items()
    }
    return {**data, "segments": segments}


def drop_stale(records: Records, since_day: int) -> None:
    """Forget kept baselines of days after `since_day`, because figures of that day have changed."""
    for record in records.find(BASELINES):
        if record.key > day_name(since_day):
            records.delete(BASELINES, record.key)
