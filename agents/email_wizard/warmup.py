"""The plan of a new sending address: how many mails a day, rising only while bounces and complaints stay low."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

FIRST, GROWTH, LAST = 50, 1.5, 20_000


class Plan(NamedTuple):
    """The cap of a day (None: no cap), how it came about, and the days before it."""

    cap: int | None
    level: int
    why: str


def usual_caps() -> tuple[int, ...]:
    """Our own ramp: 50 on the first day, half as many more each day, rounded, up to 20,000."""
    caps: list[int] = []
    amount = float(FIRST)
    while amount < LAST:
        caps.append(int(round(amount, -1 if amount < 1000 else -2)))
        amount *= GROWTH
    return (*caps, LAST)


def plan(
    today: str,
    start: date | None,
    caps: Sequence[int],
    days: Mapping[str, Mapping[str, int]],
    limits: tuple[float, float],
) -> Plan:
    """Today's cap from what happened on the days before ({day: {sent, bounced, complained}}).

    A day counts as a step up when mails left on it and its bounces and complaints stayed within the limits. A day over
    a limit takes one step back. After the last step there is no cap any more.
    """
    if start is None:
        return Plan(None, 0, "no warm-up plan")
    steps, level, why = tuple(caps) or usual_caps(), 0, "first day of the plan"
    if today < start.isoformat():
        return Plan(0, 0, f"the warm-up plan begins on {start.isoformat()}")
    day = start
    while day.isoformat() < today and level < len(steps):
        level, why = _after(day.isoformat(), days.get(day.isoformat(), {}), level, why, limits)
        day += timedelta(days=1)
    if level >= len(steps):
        return Plan(None, level, "the warm-up plan is over")
    return Plan(steps[level], level, why)


def _after(day: str, seen: Mapping[str, int], level: int, why: str, limits: tuple[float, float]) -> tuple[int, str]:
    sent = seen.get("sent", 0)
    if not sent:
        return level, why
    for name, limit in zip(("bounced", "complained"), limits, strict=True):
        rate = seen.get(name, 0) / sent
        if rate > limit:
            return max(0, level - 1), f"{name} on {day}: {rate:.1%}, above the limit of {limit:.1%}"
    return level + 1, f"bounces and complaints stayed within their limits on {day}"


def shown(found: Plan, used: int) -> dict[str, Any]:
    """The plan for the report."""
    left = None if found.cap is None else max(0, found.cap - used)
    return {"cap_today": found.cap, "sent_or_reserved_today": used, "left_today": left, "level": found.level + 1,
            "why": found.why}  # fmt: skip
