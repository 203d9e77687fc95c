"""The composition root: settings become storage, catalog, services, worker and clock; the only module that wires."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.catalog.loader import Catalog
from ionflux_core.errors import Unavailable
from ionflux_core.redaction import RedactingFormatter, Redactor
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.worker import Worker
from ionflux_core.services.agents import Agents
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.dashboard import Dashboard
from ionflux_core.services.demo import Demo
from ionflux_core.services.events import Events
from ionflux_core.services.hooks import Hooks
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.models import Models
from ionflux_core.services.runs import Runs
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.tokens import Tokens
from ionflux_core.services.triggers import Triggers, trigger_rows
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.settings import Settings, load_settings
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database
from ionflux_core.storage.schema import migrate
from ionflux_core.triggers.event import EventTriggers
from ionflux_core.triggers.schedule import ScheduleTriggers

if TYPE_CHECKING:
    from ionflux_core.memory import Memory

log = logging.getLogger(__name__)


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
        self.runs = Runs(self.db, self.files, self.agents, settings.data_dir)
        self.approvals = Approvals(self.db, self.runs.announce)
        self.events = Events(self.db, self.runs)
        self.triggers = Triggers(self.db, self.workspaces, self.runs)
        self.hooks = Hooks(self.db, self.runs, self.events, self.secrets.reveal)
        self.cache = AnalyticsCache(settings.data_dir / "analytics.duckdb", self.db)
        self.dashboard = Dashboard(self.cache, self.db, self.workspaces.get, self.catalog)
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
        if self.settings.scheduler and self.settings.workers:
            self.clock = ScheduleTriggers(self.triggers, self.worker.owner if self.worker else "")
            self.clock.start()
        self.ready_seconds = time.perf_counter() - began
        return self

    def warm(self) -> None:
        """Fill the charts' copy beside everything else, so that the first dashboard need not begin with it."""
        threading.Thread(target=self._warm, name="ionflux-warm", daemon=True).start()

    def _warm(self) -> None:
        if any(self.runs.find(workspace.id, limit=1).runs for workspace in self.workspaces.all()):
            self.cache.refresh(budget=None)

    def stop(self) -> None:
        """End in order: no new work, no new deliveries, then the steps in hand."""
        for part in (self.clock, self.bus, self.worker):
            if part is not None:
                part.stop()
        self.clock = self.bus = self.worker = None
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
    handler.setFormatter(RedactingFormatter(Redactor(), json_lines=settings.log_format == "json"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
