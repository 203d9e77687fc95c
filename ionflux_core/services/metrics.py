"""Figures about this process for a monitoring system: runs that ended since it started, and the queue right now."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ionflux_core.storage import metrics as rows
from ionflux_core.storage.engine import Database, change_stamp

_BATCH = 5000
# Another process may commit a row a little after a later mark was read; so the last seconds are read again.
_OVERLAP_MICROS = 5_000_000


@dataclass(frozen=True, slots=True)
class Ended:
    """One run that has ended; `seconds` is None when it never began."""

    agent: str
    status: str
    seconds: float | None


class Metrics:
    """Reads what has happened since it was asked last."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._mark = change_stamp()
        self._floor = self._mark
        self._seen: dict[str, int] = {}

    def ended(self) -> list[Ended]:
        """Runs that ended since the last call, in any process, each exactly once."""
        with self._lock:
            fresh: list[Ended] = []
            mark = max(self._floor, self._mark - _OVERLAP_MICROS)
            while True:
                with self._db.read() as connection:
                    batch = rows.finished_after(connection, mark, limit=_BATCH)
                for row in batch:
                    mark = int(row.change_seq)
                    if row.id not in self._seen:
                        self._seen[row.id] = mark
                        began, ended = row.started_at, row.finished_at
                        seconds = (ended - began).total_seconds() if began and ended else None
                        fresh.append(Ended(row.definition_slug, row.status, seconds))
                if len(batch) < _BATCH:
                    break
            self._mark = max(self._mark, mark)
            oldest = self._mark - 2 * _OVERLAP_MICROS
            self._seen = {run_id: seen for run_id, seen in self._seen.items() if seen > oldest}
            return fresh

    def live(self) -> dict[str, int]:
        """How many runs are pending, running, waiting, paused or asking a person."""
        with self._db.read() as connection:
            return rows.live_counts(connection)
