"""Visits of the demo shop: sessions, checkouts and completed checkouts by segment in five-minute windows."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

from ionflux_core.demo.catalogue import CURRENCY
from ionflux_core.demo.truth import Period, Segment, Truth, local

WINDOW_MINUTES: Final = 5


@dataclass(frozen=True, slots=True)
class Habit:
    """How one segment behaves: its share of visits, the two funnel rates, its page time (p75, ms)."""

    segment: Segment
    share: float
    start_rate: float
    completion_rate: float
    page_ms: int


HABITS: Final = (
    Habit(("mobile", "safari"), 0.40, 0.061, 0.47, 1850),
    Habit(("mobile", "chrome"), 0.22, 0.058, 0.46, 2100),
    Habit(("mobile", "instagram"), 0.07, 0.042, 0.38, 2600),
    Habit(("tablet", "safari"), 0.05, 0.060, 0.51, 1700),
    Habit(("desktop", "chrome"), 0.15, 0.070, 0.57, 1250),
    Habit(("desktop", "safari"), 0.07, 0.070, 0.57, 1200),
    Habit(("desktop", "firefox"), 0.04, 0.066, 0.54, 1300),
)

_FIRST_DAY_SESSIONS: Final = 880
_LAST_DAY_SESSIONS: Final = 1420
_WEEKDAYS: Final = (0.96, 0.92, 0.94, 0.98, 1.04, 1.08, 1.10)
_HOURS: Final = (8, 5, 3, 2, 2, 4, 10, 20, 32, 42, 50, 56, 62, 60, 56, 54, 54, 56, 62, 70, 72, 62, 42, 20)
_CAMPAIGN_HOURS: Final = tuple(w * 3 if 18 <= hour <= 20 else w for hour, w in enumerate(_HOURS))
_CAMPAIGN_FACTOR: Final = 2.5
_ERROR_RATE: Final = 0.004


@dataclass(slots=True)
class Window:
    """Counts of one segment in one five-minute window; revenue is added when the orders are priced."""

    start: datetime
    habit: Habit
    sessions: int = 0
    started: int = 0
    completed: int = 0
    errors: int = 0
    revenue_minor: int = 0


@dataclass(slots=True)
class Visits:
    """All windows with at least one session, and the moment of every completed checkout with its window."""

    windows: list[Window] = field(default_factory=list)
    purchases: list[tuple[datetime, Window]] = field(default_factory=list)


def simulate(rng: Random, period: Period, truth: Truth) -> Visits:
    """Visits of the whole period in the order of time; a checkout starts and completes in its session's window."""
    visits = Visits()
    days = period.days
    span = max(len(days) - 1, 1)
    for number, day in enumerate(days):
        campaign = truth.campaign is not None and truth.campaign[0] <= day <= truth.campaign[1]
        mean = _FIRST_DAY_SESSIONS + (_LAST_DAY_SESSIONS - _FIRST_DAY_SESSIONS) * number / span
        mean *= _WEEKDAYS[day.weekday()] * (_CAMPAIGN_FACTOR if campaign else 1.0)
        _simulate_day(rng, day, mean, _CAMPAIGN_HOURS if campaign else _HOURS, period.end, truth, visits)
    visits.windows.sort(key=lambda window: (window.start, window.habit.segment))
    visits.purchases.sort(key=lambda purchase: purchase[0])
    return visits


def _simulate_day(
    rng: Random, day: date, mean: float, hours: tuple[int, ...], end: datetime, truth: Truth, visits: Visits
) -> None:
    midnight = local(day)
    shares = list(accumulate(hours))
    last_minute = (end - midnight) / timedelta(minutes=1)
    draw = rng.random
    for habit in HABITS:
        windows: dict[int, Window] = {}
        # Counts of many independent visitors: normal with the variance of a Poisson law.
        expected = mean * habit.share
        for _ in range(max(0, round(rng.gauss(expected, expected**0.5)))):
            minute = (bisect(shares, draw() * shares[-1]) + draw()) * 60
            index = int(minute) // WINDOW_MINUTES
            if (index + 1) * WINDOW_MINUTES > last_minute:
                continue
            window = windows.get(index)
            if window is None:
                window = windows[index] = Window(midnight + timedelta(minutes=WINDOW_MINUTES * index), habit)
            window.sessions += 1
            luck = draw()
            if luck < habit.start_rate:
                _check_out(rng, midnight + timedelta(seconds=int(minute * 60)), window, truth, visits)
            elif luck > 1 - _ERROR_RATE:
                window.errors += 1
        visits.windows += windows.values()


def _check_out(rng: Random, at: datetime, window: Window, truth: Truth, visits: Visits) -> None:
    habit = window.habit
    window.started += 1
    luck = rng.random()
    factor = 1.0
    for fault in truth.faults:
        if fault.hits(at, habit.segment):
            factor *= fault.completion_factor
    if luck < habit.completion_rate * factor:
        window.completed += 1
        visits.purchases.append((at, window))
    elif luck < habit.completion_rate:
        window.errors += 1


def window_rows(rng: Random, visits: Visits, truth: Truth) -> tuple[Mapping[str, Any], ...]:
    """The windows as plain JSON rows; a window without a session has no row."""
    slowed = [fault for fault in truth.faults if fault.kind == "app_breaks_checkout"]
    rows = []
    for window in visits.windows:
        segment = window.habit.segment
        slow = 1.25 if any(fault.hits(window.start, segment) for fault in slowed) else 1.0
        rows.append(
            {
                "start": window.start.isoformat(),
                "minutes": WINDOW_MINUTES,
                "segment": {"device": segment[0], "browser": segment[1]},
                "sessions": window.sessions,
                "checkouts_started": window.started,
                "checkouts_completed": window.completed,
                "orders": window.completed,
                "revenue_minor": window.revenue_minor,
                "currency": CURRENCY,
                "errors": window.errors,
                "page_ms_p75": int(window.habit.page_ms * slow * (0.85 + 0.3 * rng.random())),
            }
        )
    return tuple(rows)
