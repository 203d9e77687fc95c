"""Followers: parts of the program itself that act on events, each fact at least once and in the order it came.

A mark in the database says how far all of them have come. After a crash the facts of the last seconds are told again,
so a follower does the same thing twice without harm: what it makes carries a key made from the event.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ionflux_core.domain.events import PlatformEvent, matches
from ionflux_core.storage import events as rows
from ionflux_core.storage.engine import Database

log = logging.getLogger(__name__)

MARK = "followers"
_BATCH = 500
_KEEP_SECONDS = 2.0
_TYPES_KNOWN = 10_000
# PostgreSQL numbers events before they are committed, so one may appear behind others: this many are looked at again,
# for so long after the last new one.
_OVERLAP = 200
_OVERLAP_SECONDS = 10.0


class Follower(Protocol):
    """Someone who acts on facts of some types."""

    @property
    def name(self) -> str:
        """What it is called in the log."""

    @property
    def types(self) -> Sequence[str]:
        """Subjects of the events it wants, with `*` for one word and `>` for the rest."""

    def take(self, event: PlatformEvent) -> None:
        """Act on one fact; it may come again after a crash."""


@runtime_checkable
class Gatherer(Protocol):
    """A follower that reads what it needs for many facts at once."""

    def gather(self, events: Sequence[PlatformEvent]) -> None:
        """Facts that are told next, one by one."""


class Followers:
    """Tells every follower of every event, also of those that start no run."""

    def __init__(self, db: Database, followers: Sequence[Follower] = ()) -> None:
        self._db = db
        self.followers = list(followers)
        self._lock = threading.Lock()
        self._at: int | None = None
        self._kept = self._since = 0
        self._kept_at = self._news_at = 0.0
        self._told: set[int] = set()
        self._wanted: dict[tuple[int, str], bool] = {}

    def begin(self) -> None:
        """Note where to go on: at the mark, or at the very first start behind all there is."""
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        if self._at is None:
            self._at = self._kept = self._since = self._first_mark()

    def catch_up(self) -> int:
        """Tell what has happened since the mark; how many events were told. At the very first start nothing old is."""
        with self._lock:
            self._begin()
            told = 0
            while batch := self._new():
                for follower in self.followers:
                    self._foretell(follower, batch)
                for event in batch:
                    self._tell(event)
                told += len(batch)
            self._keep()
            return told

    def settle(self) -> None:
        """Keep how far all have come, before the process ends."""
        with self._lock:
            if self._at is not None:
                self._keep(anyway=True)

    def _first_mark(self) -> int:
        with self._db.read() as connection:
            kept, newest = rows.mark(connection, MARK), rows.newest(connection)
        if kept is None:
            self._db.write(lambda connection: rows.keep_mark(connection, MARK, newest))
        return newest if kept is None else kept

    def _new(self) -> list[PlatformEvent]:
        """The next events that were not told yet; moves on behind them."""
        assert self._at is not None
        late = not self._db.is_sqlite and time.monotonic() - self._news_at < _OVERLAP_SECONDS
        look_back = _OVERLAP if late else 0
        with self._db.glance() as connection:
            found = rows.after(connection, max(self._at - look_back, self._since), limit=_BATCH + look_back)
        batch = [event for event in found if event.seq not in self._told]
        if batch:
            self._news_at = time.monotonic()
            self._at = max(self._at, batch[-1].seq)
            told = {seq for seq in self._told if seq > self._at - 2 * _OVERLAP}
            self._told = told | {event.seq for event in batch}
        return batch

    def _keep(self, *, anyway: bool = False) -> None:
        seq, at = self._at, time.monotonic()
        if seq is None or seq == self._kept or (not anyway and at - self._kept_at < _KEEP_SECONDS):
            return
        self._db.write(lambda connection: rows.keep_mark(connection, MARK, seq))
        self._kept, self._kept_at = seq, at

    def _foretell(self, follower: Follower, batch: Sequence[PlatformEvent]) -> None:
        """The tick edge of a batch: what cannot be gathered now fails again where it is needed."""
        if not isinstance(follower, Gatherer):
            return
        try:
            follower.gather([event for event in batch if self._wants(follower, event.type)])
        except Exception:
            log.exception("follower %s could not look ahead", follower.name)

    def _wants(self, follower: Follower, type: str) -> bool:
        wanted = self._wanted.get((id(follower), type))
        if wanted is None:
            if len(self._wanted) > _TYPES_KNOWN:
                self._wanted.clear()
            wanted = any(matches(subject, type) for subject in follower.types)
            self._wanted[id(follower), type] = wanted
        return wanted

    def _tell(self, event: PlatformEvent) -> None:
        """The tick edge of one fact: a follower that fails must stop neither the others nor what comes after."""
        for follower in self.followers:
            if not self._wants(follower, event.type):
                continue
            try:
                follower.take(event)
            except Exception:
                log.exception("follower %s could not take event %s (%s)", follower.name, event.id, event.type)
