"""The composition root: settings become storage, catalog, services, worker and clock; the only module that wires."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.catalog.loader import Catalog
from ionflux_core.channels.registry import registered
from ionflux_core.errors import Unavailable
from ionflux_core.redaction import IN_LOGS, RedactingFormatter
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.worker import Worker
from ionflux_core.services.agents import Agents
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.budgets import Budgets
from ionflux_core.services.comparisons import Comparisons
from ionflux_core.services.dashboard import Dashboard
from ionflux_core.services.demo import Demo
from ionflux_core.services.estimates import Estimates
from ionflux_core.services.events import Events
from ionflux_core.services.forks import Forks
from ionflux_core.services.hooks import Hooks
from ionflux_core.services.ledger import Ledger
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.models import Models
from ionflux_core.services.outbox import Outbox
from ionflux_core.services.policies import Policies
from ionflux_core.services.retention import Keeping
from ionflux_core.services.run_files import RunFiles
from ionflux_core.services.runs import Runs
from ionflux_core.services.search import Search
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.spending import Purse
from ionflux_core.services.tokens import Tokens
from ionflux_core.services.triggers import Triggers, trigger_rows
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.settings import Settings, load_settings
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database
from ionflux_core.storage.schema import migrate
from ionflux_core.triggers.event import EventTriggers
from ionflux_core.triggers.schedule import Chore, ScheduleTriggers

if TYPE_CHECKING:
    from ionflux_core.memory import Memory

log = logging.getLogger(__name__)

_REMINDER_SECONDS, _SEARCH_SECONDS, _RETENTION_SECONDS = 30, 5, 600


class Application:
    """Everything of one IONFLUX process. `open()` is enough to look and to start runs; `start()` also executes them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started_at = time.time()
        self.ready_seconds: float | None = None
        self._make_data_dir()
        self.db = Database(settings.url, all_durable=settings.durable)
        self.files = ArtifactFiles(settings.data_dir / "artifacts")
        self.catalog = Catalog([settings.agents_dir], trusted=settings.agents_dir)
        self.workspaces = Workspaces(self.db)
        self.secrets = Secrets(self.db, key=settings.key, key_file=settings.key_file, data_folder=settings.data_dir)
        self.tokens = Tokens(self.db)
        self.models = Models(self.workspaces, self.secrets)
        self.marketplace = Marketplace(self.db, self.catalog)
        self.agents = Agents(
            self.db, self.catalog, self.workspaces, self.secrets.redactor, trigger_rows, self._triggers_changed
        )
        self.workspaces.refuse_secrets = self.agents.refuse_secrets
        self.runs = Runs(self.db, self.files, self.agents, settings.data_dir)
        self.comparisons = Comparisons(self.db, self.files, self.agents, self.secrets)
        self.run_files = RunFiles(self.db, self.files, self.workspaces, self.secrets)
        self.forks = Forks(self.db, self.files, self.agents, self.runs)
        self.approvals = Approvals(self.db, self.runs.announce, lambda: self.events.published())
        self.approvals.hidden = self.runs.hidden
        self.outbox = Outbox(self.db, self.runs.announce)
        self.channels = registered(settings.data_dir)
        self.policies = Policies(self.workspaces, self.channels)
        self.purse = Purse(self.db, self.workspaces.get)
        self.ledger = Ledger(self.db, self.workspaces.get)
        self.budgets = Budgets(self.db, self.workspaces.get, self.agents, self.runs)
        self.estimates = Estimates(self.db, self.agents, self.runs)
        self.events = Events(self.db, self.runs)
        self.triggers = Triggers(self.db, self.workspaces, self.runs)
        self.hooks = Hooks(self.db, self.runs, self.events, self.secrets.reveal)
        self.cache = AnalyticsCache(settings.data_dir / "analytics.duckdb", self.db)
        self.dashboard = Dashboard(self.cache, self.db, self.workspaces.get, self.catalog)
        self.search = Search(self.db, self.runs)
        self.keeping = Keeping(self.db, self.workspaces, self.files, settings.data_dir, self.cache.rebuild)
        self.demo = Demo(self.db, self.workspaces, self.agents, self.runs, self.ports, self.cache.rebuild)
        self.worker: Worker | None = None
        self.clock: ScheduleTriggers | None = None
        self.bus: EventTriggers | None = None
        self._memory: Memory | None = None
        self._memory_lock = threading.Lock()

    def open(self) -> Application:
        """Bring the database to today's tables and the definitions to today's manifests."""
        migrate(self.db)
        self.marketplace.register()
        return self

    def start(self) -> Application:
        """Open, then execute runs, deliver events and keep the clock until `stop`."""
        began = time.perf_counter()
        self.open()
        if self.settings.workers:
            self.worker = Worker(
                self.ports(),
                threads=self.settings.workers,
                lease_seconds=self.settings.lease_seconds,
                workspace_limit=lambda workspace_id: self.workspaces.get(workspace_id).settings.max_parallel_runs,
            )
            self.runs.dispatcher = self.worker
            self.bus = EventTriggers(self.events)
            self.events.published = self.bus.notify
            self.worker.start()
            self.bus.start()
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
            Chore("retention", _RETENTION_SECONDS, self.keeping.nightly),
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
        for part in (self.clock, self.bus, self.worker):
            if part is not None:
                part.stop()
        self.clock = self.bus = self.worker = None
        self.models.close()
        self.cache.close()
        self.db.close()

    def ports(self) -> Ports:
        """What the runner needs."""
        return Ports(
            db=self.db,
            files=self.files,
            catalog=self.catalog,
            workspace=self.workspaces.get,
            brand=self.workspaces.brand_or_none,
            model=self.models.model,
            outbound=self.models.outbound,
            memory=self.memory,
            secret=self.secrets.reveal,
            redactor=self.secrets.redactor,
            moved=self.runs.moved,
            heard=self.events.heard,
            published=lambda: self.events.published(),
            channels=self.channels,
            spending=self.purse,
            breakers=self.models.breakers,
        )

    def _triggers_changed(self) -> None:
        self.events.forget_topics()

    def memory(self) -> Memory:
        """The vector memory, opened on first use."""
        with self._memory_lock:
            if self._memory is None:
                from ionflux_core.memory import Memory

                self._memory = Memory(self.settings.data_dir / "chroma")
            return self._memory

    def _make_data_dir(self) -> None:
        try:
            self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"The data folder {self.settings.data_dir} cannot be made: {error.strerror}.",
                hint="Set IONFLUX_DATA_DIR to a folder that can be written.",
            ) from error


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


def configure_logging(settings: Settings) -> None:
    """One handler for everything, without secrets, as text or as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(IN_LOGS, json_lines=settings.log_format == "json"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
