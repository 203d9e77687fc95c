"""Time-sortable ids and the clock, both replaceable in tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import uuid_utils


def new_id() -> str:
    """A UUIDv7 as text: ids made later sort later."""
    return str(uuid_utils.uuid7())


def _system_now() -> datetime:
    return datetime.now(UTC)


_clock: Callable[[], datetime] = _system_now
_replayed: ContextVar[Callable[[], datetime] | None] = ContextVar("replayed", default=None)


def now() -> datetime:
    """The current time in UTC, timezone-aware."""
    return (_replayed.get() or _clock)()


def set_clock(clock: Callable[[], datetime] | None) -> None:
    """Replace the clock of the whole process, for tests; None puts the system's clock back."""
    global _clock
    _clock = clock or _system_now


@contextmanager
def replaying(moment: datetime) -> Iterator[None]:
    """Let the time of this thread go on from another moment: history that is made up for is dated when it was due."""
    began = time.monotonic()
    token = _replayed.set(lambda: moment + timedelta(seconds=time.monotonic() - began))
    try:
        yield
    finally:
        _replayed.reset(token)
