"""One IONFLUX process: it opens the store, starts what works by itself, and ends it in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ionflux_core.runtime.worker import Worker
from ionflux_core.settings import Settings, load_settings
from ionflux_core.storage.schema import migrate
from ionflux_core.triggers.event import EventTriggers
from ionflux_core.triggers.follow import FollowTriggers
from ionflux_core.triggers.schedule import Chore, ScheduleTriggers
from ionflux_core.triggers.watch import WatchTriggers
from ionflux_core.wiring import Parts

_REMINDER_SECONDS, _SEARCH_SECONDS, _RETENTION_SECONDS, _CANVAS_SECONDS = 30, 5, 600, 3600
_ACCOUNTS_SECONDS = 600


class Application(Parts):
    """Everything of one IONFLUX process. `open()` is enough to look and to start runs; `start()` also executes them."""

    def __init__(self, settings: Settings) -> None:
        self.started_at = time.time()
        self.ready_seconds: float | None = None
        # Whether senders of webhooks stand in a line; the door says it.
        self.crowded: Callable[[], bool] = lambda: False
        self.clock: ScheduleTriggers | None = None
        self.bus: EventTriggers | None = None
        self.looking: WatchTriggers | None = None
        super().__init__(settings)

    def open(self) -> Application:
        """Bring the database to today's tables and the definitions to today's manifests."""
        migrate(self.db)
        self.marketplace.register()
        return self

    def start(self) -> Application:
        """Open, then execute runs, deliver events and keep the clock until `stop`."""
        began = time.perf_counter()
        self.open()
        if self.traces is not None:
            self.traces.start()
        if self.settings.workers:
            self.worker = Worker(
                self.ports(),
                threads=self.settings.workers,
                lease_seconds=self.settings.lease_seconds,
                crowded=lambda: self.crowded(),
                workspace_limit=lambda workspace_id: self.workspaces.get(workspace_id).settings.max_parallel_runs,
            )
            self.runs.dispatcher = self.worker
            self.bus = EventTriggers(self.events)
            self.events.published = self.bus.notify
            self.follow = FollowTriggers(self.followers)
            self.looking = WatchTriggers(self.watch, self.worker.owner)
            self.runs.watch = self._run_changed
            # Before the first run: what it brings about is told, too.
            self.followers.begin()
            self.worker.start()
            self.bus.start()
            self.follow.start()
            self.looking.start()
            self.answering.begin()
            self.ledger.recover()
        if self.settings.scheduler and self.settings.workers:
            owner = self.worker.owner if self.worker else ""
            self.clock = ScheduleTriggers(self.triggers, owner, chores=self._chores())
            self.clock.start()
        self.ready_seconds = time.perf_counter() - began
        return self

    def _chores(self) -> list[Chore]:
        return [
            Chore("reminders", _REMINDER_SECONDS, self.approvals.remind),
            Chore("search", _SEARCH_SECONDS, self.search.catch_up),
            Chore("canvas", _CANVAS_SECONDS, self.canvas.purge),
            Chore("notifications", _CANVAS_SECONDS, self.notifications.purge),
            Chore("retention", _RETENTION_SECONDS, self.keeping.nightly),
            Chore("accounts", _ACCOUNTS_SECONDS, self.accounts.nightly),
            Chore("digests", _REMINDER_SECONDS, self.digests.send_due),
        ]

    def warm(self) -> None:
        """Fill the charts' copy beside everything else, so that the first dashboard need not begin with it."""
        threading.Thread(target=self._warm, name="ionflux-warm", daemon=True).start()

    def _warm(self) -> None:
        if any(self.runs.find(workspace.id, limit=1).runs for workspace in self.workspaces.all()):
            self.cache.refresh(budget=None)

    def stop(self) -> None:
        """End in order: no new work, no new deliveries, then the steps in hand."""
        self.keeping.stop()
        self.accounts.stop()
        self.story.close()
        self.answering.end()
        self.refreshing.close()
        for part in (self.looking, self.clock, self.bus, self.worker, self.follow, self.traces):
            if part is not None:
                part.stop()
        self.looking = self.clock = self.bus = self.worker = self.follow = None
        self.sandbox.close()
        self.models.close()
        self.cache.close()
        self.db.close()


_current: Application | None = None
_current_lock = threading.Lock()


def current(make: Callable[[], Application] | None = None) -> Application:
    """The application of this process; made on first use from the environment when no server has made it."""
    global _current
    with _current_lock:
        if _current is None:
            _current = make() if make else Application(load_settings()).open()
        return _current


def set_current(application: Application | None) -> None:
    """Say which application this process is: the server's lifespan and tests do."""
    global _current
    with _current_lock:
        _current = application
