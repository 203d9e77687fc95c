"""One pass of the detectors over windows not yet judged, from the last kept state onwards.

The state of every series is kept at the start of each of the last 48 hours. A check goes back to the hour of the
oldest window that is new or was corrected and runs forward from there, so late and repeated windows give the same
flags as if they had come in order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ionflux_core.sdk import Records

from .baseline import Baseline, Baselines
from .detectors import Cusum, Trial, lower_tail, may_be_crash, upper_tail
from .funnels import Series, watched
from .history import History
from .incidents import IncidentBook
from .settings import Settings
from .times import HOUR, WINDOW, iso, minute_of, moment, place
from .windows import ERRORS, ORDERS, OVERALL, PAGE, SESSIONS, STATE, Cells, segment_label

CHECKPOINTS = "sentinel_checkpoints"
KEPT_HOURS = 48
SHOWN_INFORMATION = 20
# Fewer usual visits than this in a window cannot show that visits have stopped.
MIN_TRAFFIC = 5.0
SLOW_PAGES = 1.5
MANY_ERRORS = 3.0
MIN_SESSIONS = 20


@dataclass
class Scan:
    """What one pass saw."""

    windows: int = 0
    without_baseline: int = 0
    first: int | None = None
    last: int | None = None
    information: list[dict[str, Any]] = field(default_factory=list)


class Detector:
    """Runs the watched series over windows and reports to the incident book."""

    def __init__(self, baselines: Baselines, book: IncidentBook, settings: Settings) -> None:
        self._baselines = baselines
        self._book = book
        self._settings = settings
        self._day: int | None = None
        self._base: Baseline | None = None
        self._series: list[Series] = []
        self.states: dict[str, Cusum] = {}
        self.seen = Scan()

    def take(self, minute: int, cells: Cells) -> None:
        """Judge one window of all segments."""
        day, slot = place(minute, self._settings.zone)
        if day != self._day:
            self._begin(day, minute)
        self.seen.windows += 1
        self.seen.first = minute if self.seen.first is None else self.seen.first
        self.seen.last = minute + WINDOW
        if self._base is None:
            self.seen.without_baseline += 1
            return
        for series in self._series:
            values = cells.get(series.segment)
            if values is not None and series.usual[slot] > 0:
                self._judge(series, minute, slot, values, cells)
        self._inform(self._base, minute, slot, cells[OVERALL])

    def follow_up(self) -> None:
        """Bring every standing flag up to date at the end of the pass."""
        for series in self._series:
            state = self.states.get(series.key)
            if state is not None and state.alarmed:
                self._book.follow(_flag(series, state, 0, "cusum", None))

    def _begin(self, day: int, minute: int) -> None:
        self._baselines.exclude(self._book.spans(minute))
        self._day, self._base = day, self._baselines.of(day)
        self._series = watched(self._base, self._settings) if self._base else []
        for series in self._series:
            self.states.setdefault(series.key, Cusum(since=minute))
        if self._base:
            self._retire({series.key for series in self._series}, minute)

    def _retire(self, watched_keys: set[str], minute: int) -> None:
        """End the flags of series for which there is no usual rate any more: nothing could ever end them."""
        for key, state in self.states.items():
            if key not in watched_keys and state.alarmed:
                self._book.lower_flag(key.rsplit(":", 1)[0], minute, minute)
                state.reset(minute)

    def _judge(self, series: Series, minute: int, slot: int, values: list[Any], cells: Cells) -> None:
        usual, counted = series.usual[slot], series.metric == "traffic"
        if counted and (usual < MIN_TRAFFIC or not self._complete(cells, slot)):
            return
        n = 1 if counted else values[series.below]
        if n <= 0:
            return
        k = values[series.above] if counted else min(values[series.above], n)
        llr = k * series.a[slot] + n * series.b[slot]
        if counted:
            # One empty window is a pause in counting; only three in a row mean that visits have stopped.
            llr = min(llr, series.threshold / 2.99)
        state = self.states[series.key]
        if llr <= 0 and state.score == 0 and not state.alarmed:
            return
        trial = Trial(minute, minute + WINDOW, k, n, usual, counted)
        event = state.advance(trial, llr, series.threshold)
        if event == "alarm":
            self._book.raise_flag(_flag(series, state, trial.end, "cusum", None))
        elif event == "recovered":
            self._book.lower_flag(series.flag, state.back_since, trial.end)
        elif event is None and not state.alarmed:
            self._look_for_crash(series, state, trial)

    def _look_for_crash(self, series: Series, state: Cusum, trial: Trial) -> None:
        k, n, usual, limit = trial.k, trial.n, trial.usual, series.crash_p
        if limit is None or not may_be_crash(k, n, usual, limit):
            return
        chance = lower_tail(k, n, usual)
        if chance < limit:
            state.crash(trial)
            self._book.raise_flag(_flag(series, state, trial.end, "crash", chance))

    def _complete(self, cells: Cells, slot: int) -> bool:
        """Whether every segment that usually has visits has reported this window."""
        assert self._base is not None
        return all(s in cells or self._base.rate(s, "traffic", slot) < MIN_TRAFFIC for s in self._base.segments)

    def _inform(self, base: Baseline, minute: int, slot: int, values: list[Any]) -> None:
        """Note what is unusual without being a loss: more orders or errors than usual, slow pages."""
        sessions, orders = values[SESSIONS], values[ORDERS]
        if sessions < MIN_SESSIONS:
            return
        usual = base.rate(OVERALL, "conversion", slot)
        if 0 < usual < 1 and orders > 1.5 * sessions * usual + 3:
            chance = upper_tail(min(orders, sessions), sessions, usual)
            if chance < self._settings.crash_p / 2:
                self._note(minute, "conversion_spike", orders / sessions, usual, "orders per session", chance)
        usual = base.rate(OVERALL, "errors", slot)
        if usual > 0 and values[ERRORS] > MANY_ERRORS * sessions * usual + 5:
            self._note(minute, "errors", values[ERRORS] / sessions, usual, "errors per session", None)
        usual, page = base.rate(OVERALL, "page", slot), values[PAGE]
        if usual > 0 and page is not None and page > SLOW_PAGES * usual:
            self._note(minute, "slow_pages", page, usual, "ms at the 75th percentile", None)

    def _note(self, minute: int, kind: str, observed: float, usual: float, unit: str, chance: float | None) -> None:
        note = {"kind": kind, "at": iso(minute), "minute": minute, "observed": round(observed, 5), "baseline": usual}
        self.seen.information.append({**note, "unit": unit, "chance": chance})


def _flag(series: Series, state: Cusum, detected: int, kind: str, chance: float | None) -> dict[str, Any]:
    """A raised flag with its statistic, baseline, observation and confidence."""
    trials = state.n if series.metric != "traffic" else max(1, state.n)
    return {
        "series": series.flag,
        "metric": series.metric,
        "segment": series.segment,
        "title": series.title,
        "label": segment_label(series.segment),
        "kind": kind,
        "statistic": round(chance if chance is not None else state.evidence, 12 if chance is not None else 3),
        "threshold": series.crash_p if chance is not None else round(series.threshold, 3),
        "tuned_to": series.ratio,
        "baseline_rate": round(state.expected / max(1, trials), 6),
        "observed_rate": round(state.k / max(1, trials), 6),
        "observed": state.k,
        "trials": trials,
        "expected": round(state.expected, 2),
        "evidence": round(state.evidence, 3),
        "confidence": _confidence(series, state, chance),
        "onset": state.since,
        "detected": detected,
        "ended": None,
    }


def _confidence(series: Series, state: Cusum, chance: float | None) -> float:
    """One minus the bound on the chance that an ordinary run of luck looks like this in any watched series."""
    bound = chance if chance is not None else math.exp(-state.evidence)
    return round(max(0.0, 1 - bound / series.weight), 6)


def _resume_at(records: Records, wanted: int) -> tuple[int, Mapping[str, list[Any]]]:
    """Where to start: the hour of `wanted`, with the states kept for it (none when it lies before the first)."""
    hour = wanted // HOUR * HOUR
    kept = records.find(CHECKPOINTS, until=moment(hour + 1), limit=1, newest_first=True)
    if not kept:
        return hour, {}
    return minute_of(kept[0].at), kept[0].data["states"]


def run_scan(
    records: Records, history: History, baselines: Baselines, book: IncidentBook, settings: Settings, until: int
) -> Scan:
    """Judge every complete window that is new or corrected and keep the states for the next pass."""
    found = records.get(STATE, "shop")
    if found is None or found.data.get("dirty_from") is None:
        return Scan()
    shop = dict(found.data)
    start, kept = _resume_at(records, shop["dirty_from"])
    stop = min(until, shop["last"] + WINDOW)
    detector = Detector(baselines, book, settings)
    detector.states = {key: Cusum.unpack(packed) for key, packed in kept.items()}
    checkpoints: dict[int, dict[str, list[Any]]] = {}
    for minute, cells in history.windows(start, stop - WINDOW + 1):
        hour = minute // HOUR * HOUR
        if hour not in checkpoints:
            checkpoints[hour] = {key: state.pack() for key, state in detector.states.items()}
            checkpoints.pop(min(checkpoints)) if len(checkpoints) > KEPT_HOURS else None
        detector.take(minute, cells)
    detector.follow_up()
    _keep(records, checkpoints, shop, detector.seen.last)
    return detector.seen


def _keep(
    records: Records, checkpoints: dict[int, dict[str, list[Any]]], shop: dict[str, Any], last: int | None
) -> None:
    rows = [(iso(hour), {"states": states}, moment(hour)) for hour, states in checkpoints.items()]
    if rows:
        records.put_many(CHECKPOINTS, rows)
        oldest = max(checkpoints) - KEPT_HOURS * HOUR
        for record in records.find(CHECKPOINTS, until=moment(oldest)):
            records.delete(CHECKPOINTS, record.key)
    ended = shop["last"] + WINDOW
    judged = last if last is not None else shop.get("judged_until")
    open_end = judged if judged is not None and judged < ended else None
    records.put(STATE, "shop", shop | {"dirty_from": open_end, "judged_until": judged})
