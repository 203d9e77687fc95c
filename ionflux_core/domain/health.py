"""How an agent is: what its manifest expects of it, what its runs say, and the one sentence that comes of both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ionflux_core.domain.spellings import SpelledModel

HealthState = Literal["working", "late", "failing", "silent", "unknown"]
Sign = Literal["run", "kpi", "event"]

# So many of the newest runs are judged; fewer than the least say too little about a share.
JUDGED_RUNS = 20
LEAST_RUNS = 3
_USUAL_SUCCESS_RATE = 0.5
_LONGEST = timedelta(days=366)
_SPAN = re.compile(r"(\d{1,5})\s*(min|m|h|d|w)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span_of(text: str) -> timedelta:
    """The length of time that a text such as 30m, 6h, 1d or 2w names; ValueError when it names none."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text[:20]!r} is no span of time; write one like 30m, 6h, 1d or 2w")
    span = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta(minutes=1) <= span <= _LONGEST:
        raise ValueError("a span of time lies between 1m and 366d")
    return span


class HealthSpec(SpelledModel):
    """When an agent counts as well. What is left out follows from its schedules, or is not judged.

    `expected_every` is how often it has to give a sign of life, and `sign` what counts as one: a successful run, a
    successful run that reports a KPI (`sign_name`, or any), or an event it publishes (`sign_name` is its type).
    """

    expected_every: str | None = Field(default=None, examples=["30m", "1d"])
    sign: Sign = "run"
    sign_name: str | None = Field(default=None, min_length=1, max_length=200)
    success_rate_at_least: float | None = Field(default=None, ge=0, le=1)
    p95_seconds_at_most: float | None = Field(default=None, gt=0, le=86_400)

    @field_validator("expected_every")
    @classmethod
    def _is_a_span(cls, text: str | None) -> str | None:
        if text is not None:
            span_of(text)
        return text

    @model_validator(mode="after")
    def _name_belongs(self) -> HealthSpec:
        if self.sign_name is not None and self.sign == "run":
            raise ValueError("sign_name belongs to sign: kpi or sign: event")
        return self


@dataclass(frozen=True, slots=True)
class Ended:
    """One run that has ended with a verdict: how, when, and how long it took."""

    run_id: str
    succeeded: bool
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Expected:
    """When an agent's next sign of life is due, and when it has missed two: by a schedule or by its manifest."""

    by: datetime
    silent_from: datetime
    noun: str
    words: str


@dataclass(frozen=True, slots=True)
class Health:
    """How an agent is and why, in a sentence; `late_seconds` is how far behind its next sign of life it is."""

    state: HealthState
    reason: str
    late_seconds: float = 0.0
    run_id: str | None = None


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]


def judged(
    spec: HealthSpec,
    *,
    at: datetime,
    runs: Sequence[Ended],
    last_sign: datetime | None,
    expected: Expected | None,
    overdue: tuple[str, datetime] | None,
) -> Health:
    """How an active agent is, by its newest runs, newest first; `overdue` is a schedule's key and its missed time."""
    late = max(0.0, (at - expected.by).total_seconds()) if expected else 0.0
    newest = runs[0].run_id if runs else None
    wrong = _too_many_failures(spec, runs[:JUDGED_RUNS]) or _too_slow(spec, runs[:JUDGED_RUNS])
    if wrong:
        return Health("failing", wrong, late, newest)
    if overdue is not None:
        key, due = overdue
        missed = (at - due).total_seconds()
        said = f"The schedule {key} was due {spoken(missed)} ago and has started nothing."
        return Health("late", said, max(late, missed), newest)
    if expected is not None and late > 0:
        since = f"for {spoken((at - last_sign).total_seconds())}" if last_sign else "yet"
        state: HealthState = "silent" if at >= expected.silent_from else "late"
        return Health(state, f"No {expected.noun} {since}; {expected.words}.", late, newest)
    if not runs:
        return Health("unknown", "It has not run yet.")
    return Health("working", _praise(runs[:JUDGED_RUNS], at), 0.0, newest)


def _too_many_failures(spec: HealthSpec, runs: Sequence[Ended]) -> str:
    good = sum(run.succeeded for run in runs)
    if not runs or (runs[0].succeeded and spec.success_rate_at_least is None):
        return ""
    wanted = _USUAL_SUCCESS_RATE if spec.success_rate_at_least is None else spec.success_rate_at_least
    if len(runs) < LEAST_RUNS:
        return "" if good else f"{'Its only run' if len(runs) == 1 else 'Both of its runs'} failed."
    if good >= wanted * len(runs):
        return ""
    return f"{good} of its last {len(runs)} runs succeeded; at least {wanted:.0%} should."


def _too_slow(spec: HealthSpec, runs: Sequence[Ended]) -> str:
    most, seconds = spec.p95_seconds_at_most, [run.seconds for run in runs if run.succeeded]
    if most is None or len(seconds) < LEAST_RUNS or p95(seconds) <= most:
        return ""
    return f"95 % of its runs take up to {spoken(p95(seconds))}; at most {spoken(most)} is expected."


def _praise(runs: Sequence[Ended], at: datetime) -> str:
    good = sum(run.succeeded for run in runs)
    ended = f"Its last run ended {spoken((at - runs[0].at).total_seconds())} ago"
    return f"{ended}; {good} of the last {len(runs)} succeeded." if len(runs) > 1 else f"{ended} and succeeded."


def spoken(seconds: float) -> str:
    """A length of time in plain words, such as "40 seconds", "3 hours" or "2 days"."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (unit != "minute" and seconds >= size):
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    count = max(0, round(seconds))
    return f"{count} second{'' if count == 1 else 's'}"
