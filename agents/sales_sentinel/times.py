"""Times as whole minutes since 1970 UTC, and where a minute falls in the shop's own day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WINDOW = 5
HOUR = 60
DAY = 1440
SLOTS = DAY // WINDOW
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(moment: datetime) -> int:
    """Whole minutes since 1970 UTC of an aware time."""
    return int((moment - _EPOCH).total_seconds() // 60)


def moment(minute: int) -> datetime:
    """The UTC time of a minute count."""
    return _EPOCH + timedelta(minutes=minute)


def iso(minute: int) -> str:
    """A minute count as ISO 8601 in UTC."""
    return moment(minute).strftime("%Y-%m-%dT%H:%MZ")


def hour_key(minute: int) -> str:
    """The record key of the UTC hour a minute lies in."""
    return moment(minute).strftime("%Y-%m-%dT%H")


@lru_cache(maxsize=20_000)
def _offset(zone: str, hour: int) -> int:
    shift = moment(hour * HOUR).astimezone(ZoneInfo(zone)).utcoffset()
    return int(shift.total_seconds() // 60) if shift else 0


def place(minute: int, zone: str) -> tuple[int, int]:
    """The local day (days since 1970) and the five-minute slot (0 to 287) of a minute."""
    local = minute + _offset(zone, minute // HOUR)
    return local // DAY, local % DAY // WINDOW


def day_start(day: int, zone: str) -> int:
    """The UTC minute at which a local day begins."""
    local = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time(), ZoneInfo(zone))
    return minute_of(local.astimezone(UTC))


def day_name(day: int) -> str:
    """A local day as YYYY-MM-DD."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
