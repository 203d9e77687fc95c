"""Time-sortable ids and the clock, both replaceable in tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import uuid_utils


def new_id() -> str:
    """A UUIDv7 as text: ids made later sort later."""
    return str(uuid_utils.uuid7())


def _system_now() -> datetime:
    return datetime.now(UTC)


_clock: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The current time in UTC, timezone-aware."""
    return _clock()


def set_clock(clock: Callable[[], datetime] | None) -> None:
    """Replace the clock, for tests; None puts the system's clock back."""
    global _clock
    _clock = clock or _system_now
