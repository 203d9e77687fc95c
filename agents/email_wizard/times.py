"""Moments as ISO texts in UTC, as they lie in records and reports, and the clock a parked run goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_FAR = 4_000_000_000.0


def wall_clock() -> datetime:
    """The time now: a run that waited for a person sends on another day than it began. Only called inside steps."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """An aware time as ISO 8601 in UTC, whole seconds; such texts sort by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(text: str) -> datetime:
    """The moment behind a text of `iso`."""
    return datetime.fromisoformat(text)


def later(text: str, *, hours: float = 0, days: float = 0) -> str:
    """A text of `iso`, moved on."""
    return iso(parsed(text) + timedelta(hours=hours, days=days))


def read_moment(value: Any) -> str | None:
    """A time from outside (ISO with or without offset, a day, seconds since 1970) as `iso` writes it; None if neither.

    A time without an offset is taken as UTC.
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return iso(datetime.fromtimestamp(value, UTC)) if 0 < value < _FAR else None
        if not isinstance(value, str) or not value.strip() or len(value) > 40:
            return None
        text = value.strip()
        if text.replace(".", "", 1).isdigit() and len(text) >= 9:
            return read_moment(float(text))
        # Shopify's CSV writes `2026-01-02 08:52:37 -0700`.
        parts = text.rsplit(" ", 1)
        if len(parts) == 2 and parts[1][:1] in "+-":
            text = "".join(parts)
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
        return iso(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError, OSError):
        return None


def local_day(moment: datetime, zone: ZoneInfo) -> str:
    """The workspace's own day a moment lies in, as YYYY-MM-DD."""
    return moment.astimezone(zone).date().isoformat()


def next_day(moment: datetime, zone: ZoneInfo) -> str:
    """When the workspace's next day begins, as `iso` writes it."""
    tomorrow = moment.astimezone(zone).date() + timedelta(days=1)
    return iso(datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone))
