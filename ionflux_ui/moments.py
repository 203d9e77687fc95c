"""Times and durations in words; every exact time is in the zone it is asked for, which is the workspace's."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ionflux_core.domain.figure_text import duration as duration
from ionflux_core.ids import now

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SPANS = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "min"))
_WORDS_UNTIL_DAYS = 7


def ago(moment: datetime, zone: str) -> str:
    """A time relative to now, past or coming, like "5 min ago" or "in 2 hours"; from a week on, its date in the zone.

    A time without a zone of its own counts as UTC, here and in `exact`.
    """
    here = _local(moment, zone)
    seconds = (now() - here).total_seconds()
    away = abs(seconds)
    if away < _MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    if seconds < 0:
        # What is set for two hours from now is shown a breath later, and is still "in 2 hours".
        away = math.ceil(away / _MINUTE) * _MINUTE
    if away >= _WORDS_UNTIL_DAYS * _DAY:
        this_year = here.year == now().astimezone(ZoneInfo(zone)).year
        return _date(here) if this_year else f"{_date(here)} {here.year}"
    size, unit = next((size, unit) for size, unit in _SPANS if away >= size)
    count = int(away // size)
    words = f"{count} {unit}{'s' if count > 1 and unit != 'min' else ''}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def exact(moment: datetime, zone: str) -> str:
    """A time to the second in the zone, with the zone's name there and then, like "Tue 3 Mar 2026, 14:05:09 WET"."""
    here = _local(moment, zone)
    return f"{here:%a} {_date(here)} {here.year}, {here:%H:%M:%S %Z}"


def _local(moment: datetime, zone: str) -> datetime:
    """The moment in the zone; a naive one is read as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone))


def _date(here: datetime) -> str:
    return f"{here.day} {here:%b}"
