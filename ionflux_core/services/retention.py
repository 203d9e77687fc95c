"""Retention: what a workspace forgets, when, and how the disk gets it back while agents go on running."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ionflux_core import limits
from ionflux_core.domain.runs import RunStatus
from ionflux_core.domain.workspaces import Keep, Retention
from ionflux_core.errors import Conflict
from ionflux_core.ids import new_id, now
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import audit, space
from ionflux_core.storage import retention as rows
from ionflux_core.storage import search as words
from ionflux_core.storage import triggers as leases
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.storage.retention import Rows, Rule
from ionflux_core.storage.space import Space

log = logging.getLogger(__name__)

NIGHT_HOUR = 3
_LEASE, _LEASE_SECONDS = "retention", 120
# A batch is as large as fits into this: so long an agent may have to wait for its next step to be recorded.
_BATCH_SECONDS = 0.03
_MOST_RUNS, _MOST_PAGES, _MOST_EVENTS = 200, 2_000, 500
_PAUSE_SECONDS = 0.01
_SLACK_PAGES = 64
_STATUSES: dict[str, tuple[RunStatus, ...]] = {
    "success": ("success",),
    "error": ("error",),
    "cancelled": ("cancelled_by_user", "cancelled_by_system"),
    "budget_stopped": ("budget_stopped",),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next pass over a workspace would remove; `bytes` is a guess from how much the rest takes."""

    runs: int
    steps: int
    events: int
    bytes: int


@dataclass(slots=True)
class Removed:
    """What a pass has removed, and by how many bytes database and log became smaller."""

    runs: int = 0
    events: int = 0
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """What IONFLUX takes on the disk, in bytes, and what each workspace holds of it."""

    space: Space
    files: int
    analytics: int
    free: int
    gives_back: bool
    workspaces: dict[str, Rows]
    is_sqlite: bool


class Keeping:
    """Use-cases around what is kept and what is forgotten."""

    def __init__(
        self,
        db: Database,
        workspaces: Workspaces,
        files: ArtifactFiles,
        data_dir: Path,
        forgotten: Callable[[], object] = lambda: None,
    ) -> None:
        self._db = db
        self._workspaces = workspaces
        self._files = files
        self._data_dir = data_dir
        self._forgotten = forgotten
        self._owner = f"{os.getpid()}:{new_id()}"
        self._stopping = threading.Event()

    def sizes(self) -> Sizes:
        """How large everything is."""
        with self._db.read() as connection:
            by_workspace = rows.rows_by_workspace(connection)
        free = os.statvfs(self._data_dir) if hasattr(os, "statvfs") else None
        return Sizes(
            space=space.measure(self._db),
            files=sum(each.file_bytes for each in by_workspace.values()),
            analytics=sum(path.stat().st_size for path in self._data_dir.glob("analytics.duckdb*")),
            free=free.f_bavail * free.f_frsize if free else 0,
            gives_back=space.gives_back(self._db),
            workspaces=by_workspace,
            is_sqlite=self._db.is_sqlite,
        )

    def plan(self, workspace_id: str, retention: Retention | None = None) -> Plan:
        """What a pass would remove now, by the workspace's own rules or by others that are being thought about."""
        kept = retention or self._workspaces.get(workspace_id).settings.retention
        at = now()
        with self._db.read() as connection:
            run_ids = rows.candidates(connection, workspace_id, _rules(kept, at))
            steps = rows.steps_among(connection, run_ids)
            before = _before(kept.event_days, at)
            events = rows.old_events(connection, workspace_id, before) if before else 0
            all_runs = sum(each.runs for each in rows.rows_by_workspace(connection).values())
        share = len(run_ids) / all_runs if all_runs else 0.0
        return Plan(len(run_ids), steps, events, int(share * space.measure(self._db).database))

    def last_pass(self, workspace_id: str) -> tuple[datetime, dict[str, float]] | None:
        """When a pass last went over a workspace, and what it removed."""
        last = self._last_note(workspace_id)
        return last if last and last[1] else None

    def _last_note(self, workspace_id: str) -> tuple[datetime, dict[str, float]] | None:
        with self._db.read() as connection:
            found = audit.find(connection, workspace_id, entity_id=f"retention:{workspace_id}", limit=1)
        return (found[0]["at"], found[0]["details"]) if found else None

    def run(self, workspace_id: str, *, by: str | None = None) -> Removed:
        """One pass over a workspace, then files and disk; Conflict while another process is at it."""
        self._take_lease()
        try:
            return self._pass([workspace_id], by)
        finally:
            self._drop_lease()

    def nightly(self) -> None:
        """Pass over every workspace whose night has come since its last pass; nothing while another is at it.

        A workspace that is seen for the first time has until its next night: its people can look at the rules before.
        """
        for workspace in self._workspaces.all():
            if self._last_note(workspace.id) is None:
                self._note(workspace.id, None, None)
        due = [each.id for each in self._workspaces.all() if self._is_due(each.id, each.settings.timezone)]
        if not due:
            return
        try:
            self._take_lease()
        except Conflict:
            return
        try:
            removed = self._pass(due, None)
            log.info("retention: %d runs, %d events and %d files removed", removed.runs, removed.events, removed.files)
        finally:
            self._drop_lease()

    def stop(self) -> None:
        """End a pass that is under way after its batch."""
        self._stopping.set()

    def _is_due(self, workspace_id: str, zone: str) -> bool:
        local = now().astimezone(ZoneInfo(zone))
        night = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
        if local < night:
            night -= timedelta(days=1)
        last = self._last_note(workspace_id)
        return last is None or last[0] < night

    def _pass(self, workspace_ids: Sequence[str], by: str | None) -> Removed:
        began, before, total = time.monotonic(), space.measure(self._db), Removed()
        for workspace_id in workspace_ids:
            removed = self._over(workspace_id)
            total.runs += removed.runs
            total.events += removed.events
            self._note(workspace_id, removed, by)
        if not self._stopping.is_set():
            total.files = self._remove_files()
            self.compact()
        if total.runs:
            self._forgotten()
        after = space.measure(self._db)
        total.bytes = max(0, before.database + before.log - after.database - after.log)
        total.seconds = round(time.monotonic() - began, 1)
        return total

    def _over(self, workspace_id: str) -> Removed:
        kept, at = self._workspaces.get(workspace_id).settings.retention, now()
        with self._db.read() as connection:
            run_ids = rows.candidates(connection, workspace_id, _rules(kept, at))
        removed = Removed()
        # Children are younger than what they came from: from the youngest on, nobody is left without an origin.
        run_ids.reverse()
        done = 0

        def some_runs(size: int) -> int:
            nonlocal done
            batch = run_ids[done : done + size]
            done += len(batch)
            removed.runs += self._db.write(lambda connection: rows.remove(connection, batch)) if batch else 0
            return len(batch)

        self._in_batches(some_runs, most=_MOST_RUNS)
        before = _before(kept.event_days, at)
        if before is not None:
            for remove in (rows.remove_events, rows.remove_firings):
                removed.events += self._remove_old(remove, workspace_id, before)
        return removed

    def _remove_old(self, remove: Callable[..., int], workspace_id: str, before: datetime) -> int:
        return self._in_batches(
            lambda size: self._db.write(lambda connection: remove(connection, workspace_id, before, limit=size)),
            most=_MOST_EVENTS,
        )

    def _in_batches(self, work: Callable[[int], int], *, most: int) -> int:
        """Call `work(size)` until it finds nothing more; the size follows the time a batch takes."""
        size, total, leased = 8, 0, time.monotonic()
        while not self._stopping.is_set():
            began = time.monotonic()
            done = work(size)
            if not done:
                break
            total += done
            took = time.monotonic() - began
            size = (
                max(1, size // 2)
                if took > _BATCH_SECONDS
                else min(most, size * 2)
                if took * 3 < _BATCH_SECONDS
                else size
            )
            if began - leased > _LEASE_SECONDS / 4:
                self._take_lease()
                leased = began
            # Agents write, too: between two batches they get their turn.
            time.sleep(_PAUSE_SECONDS)
        return total

    def _remove_files(self) -> int:
        """Forget files that nothing refers to, then sweep the folder; how many files left the disk."""
        before = now() - timedelta(days=limits.UNUSED_FILE_DAYS)
        with self._db.read() as connection:
            doubtful = set(rows.doubtful_files(connection, before))
        for table in rows.tables_that_refer() if doubtful else []:
            place: int | None = 0
            while place is not None and doubtful:
                with self._db.read() as connection:
                    found, place = rows.referred(connection, table, doubtful, place)
                doubtful -= found
                time.sleep(_PAUSE_SECONDS / 10)
        unused = [each for each in doubtful if not self._files.is_fresh(each)]
        for start in range(0, len(unused), 100):
            batch = unused[start : start + 100]
            self._db.write(lambda connection, batch=batch: rows.forget_files(connection, batch, before))  # type: ignore[misc]
        return self._files.sweep(self._known)

    def _known(self, hashes: Sequence[str]) -> set[str]:
        with self._db.read() as connection:
            return rows.known_files(connection, hashes)

    def compact(self) -> None:
        """Give back what is free in a SQLite file, in small steps beside the work of others."""
        if not self._db.is_sqlite:
            return
        for _ in range(40):
            self._db.write(words.tidy)
            time.sleep(_PAUSE_SECONDS)
        if not space.gives_back(self._db):
            log.warning("the database cannot give free space back yet: stop IONFLUX and run `ionflux compact` once")
            return

        def some_pages(size: int) -> int:
            free, pages = space.free_pages(self._db)
            if free <= max(_SLACK_PAGES, pages // 100):
                return 0
            space.give_back(self._db, size)
            return size

        self._in_batches(some_pages, most=_MOST_PAGES)
        for _ in range(20):
            if space.empty_log(self._db):
                return
            time.sleep(0.1)

    def rewrite(self) -> tuple[Space, Space]:
        """Write a SQLite file anew, while nobody works on it; its size before and after."""
        if not self._db.is_sqlite:
            raise Conflict("The data lies in PostgreSQL.", hint="It gives space back by itself; see VACUUM FULL.")
        before = space.measure(self._db)
        if not space.rewrite(self._db):
            raise Conflict("The disk has no room for a second copy of the database.", hint="Free some space.")
        space.empty_log(self._db)
        return before, space.measure(self._db)

    def _take_lease(self) -> None:
        at = now()
        until = at + timedelta(seconds=_LEASE_SECONDS)
        if not self._db.write(lambda c: leases.take_lease(c, _LEASE, self._owner, at=at, until=until)):
            raise Conflict("A pass is under way already.", hint="Wait until it is done, then look again.")

    def _drop_lease(self) -> None:
        self._db.write(lambda connection: leases.drop_lease(connection, _LEASE, self._owner))

    def _note(self, workspace_id: str, removed: Removed | None, by: str | None) -> None:
        details = {"runs": removed.runs, "events": removed.events} if removed else {}

        def work(connection: Connection) -> None:
            audit.note(
                connection, workspace_id, at=now(), who=by, action="retention", entity="workspace",
                entity_id=f"retention:{workspace_id}", details=details,
            )  # fmt: skip

        self._db.write(work)


def _rules(kept: Retention, at: datetime) -> list[Rule]:
    found = []
    for name, statuses in _STATUSES.items():
        keep: Keep = getattr(kept, name)
        found.append(Rule(statuses, _before(keep.days, at), keep.count))
    return found


def _before(days: int | None, at: datetime) -> datetime | None:
    return None if days is None else at - timedelta(days=days)
