"""Full-text search over runs: an index that follows in the background and catches up when somebody asks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ionflux_core.domain.runs import RunFilter, RunSummary
from ionflux_core.domain.search import Fragment, fragment, terms
from ionflux_core.services.runs import Runs
from ionflux_core.storage import search as rows
from ionflux_core.storage.engine import Connection, Database, change_stamp
from ionflux_core.storage.search import Change

# Changes are stamped before they are committed, so one may appear behind the mark: this far back is looked at again.
_OVERLAP_MICROS = 10_000_000
_LOOKED_AT = 500
_BATCH = 50
_PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Found:
    """A page of runs that answer a question, newest first.

    `fragments` says by run id where; `complete` is False while the index has not caught up with the newest runs.
    """

    runs: list[RunSummary]
    cursor: str | None
    fragments: dict[str, Fragment] = field(default_factory=dict)
    complete: bool = True


class Search:
    """Use-cases around finding runs by what stands in them."""

    def __init__(self, db: Database, runs: Runs) -> None:
        self._db = db
        self._runs = runs
        self._lock = threading.Lock()
        self._settled = 0

    def find(
        self,
        workspace_id: str,
        narrow: RunFilter,
        *,
        cursor: str | None = None,
        limit: int = 50,
        budget: float = 1.0,
    ) -> Found:
        """Runs that answer `narrow.text`, or all; at most `budget` seconds are spent on what the index lacks."""
        complete = not narrow.text or self.catch_up(budget=budget)
        page = self._runs.find(workspace_id, narrow, cursor=cursor, limit=limit)
        return Found(page.runs, page.cursor, self.fragments(page.runs, narrow.text or ""), complete)

    def fragments(self, runs: list[RunSummary], question: str) -> dict[str, Fragment]:
        """Where runs answer a question, by run id."""
        asked = terms(question)
        if not asked or not runs:
            return {}
        with self._db.read() as connection:
            texts = rows.texts(connection, [run.id for run in runs])
        found = {run_id: fragment(parts, asked) for run_id, parts in texts.items()}
        return {run_id: each for run_id, each in found.items() if each is not None}

    def catch_up(self, *, budget: float | None = None) -> bool:
        """Bring the index up to date; False when the budget in seconds ended it before. What was done is kept."""
        deadline = None if budget is None else time.monotonic() + budget
        if not self._lock.acquire(timeout=-1 if budget is None else budget):
            return False
        try:
            return self._follow(deadline)
        finally:
            self._lock.release()

    def _follow(self, deadline: float | None) -> bool:
        began = change_stamp()
        with self._db.read() as connection:
            newest, mark = rows.newest_change(connection), rows.mark(connection)
        if newest == self._settled:
            return True
        place = Change(max(0, min(mark, newest) - _OVERLAP_MICROS), "")
        while deadline is None or time.monotonic() < deadline:
            with self._db.read() as connection:
                changes = rows.changed(connection, place, limit=_LOOKED_AT)
            lacking = [change for change, lacks in changes if lacks]
            for start in range(0, len(lacking), _BATCH):
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                self._take(lacking[start : start + _BATCH])
            if len(changes) < _LOOKED_AT:
                # Quiet for long enough: no change can appear behind this one any more.
                self._settled = newest if began - newest > _OVERLAP_MICROS else 0
                return True
            place = changes[-1][0]
        return False

    def _take(self, changes: list[Change]) -> None:
        with self._db.read() as connection:
            fresh = rows.read(connection, [change.run_id for change in changes])

        def work(connection: Connection) -> None:
            rows.write(connection, fresh)
            rows.keep_mark(connection, changes[-1].change_seq)

        self._db.write(work)
        # Agents write, too: between two batches they get their turn.
        time.sleep(_PAUSE_SECONDS)
