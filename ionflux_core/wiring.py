"""What a process is made of: settings become storage, catalog, services; every part is handed what it needs here."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.catalog.flow_definition import bare_definition
from ionflux_core.catalog.loader import AgentCode, Catalog
from ionflux_core.channels.registry import registered
from ionflux_core.domain.agents import FLOW
from ionflux_core.domain.runs import Run, RunStatus
from ionflux_core.errors import Unavailable
from ionflux_core.measures import Measures
from ionflux_core.runtime.flow import runner as flow_runner
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.worker import Worker
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.services.account_doors import AccountDoors
from ionflux_core.services.accounts import Accounts
from ionflux_core.services.agents import Agents
from ionflux_core.services.alert_rules import AlertRules
from ionflux_core.services.annotations import Annotations
from ionflux_core.services.answering import Answering
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.blueprints import Blueprints
from ionflux_core.services.budgets import Budgets
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.canvas_files import CanvasFiles
from ionflux_core.services.canvas_follower import CanvasFollower
from ionflux_core.services.chat import Chat
from ionflux_core.services.chat_proposals import Proposals
from ionflux_core.services.children import ChildRuns
from ionflux_core.services.comparisons import Comparisons
from ionflux_core.services.dashboard import Dashboard
from ionflux_core.services.datasets import Datasets
from ionflux_core.services.demo import Demo
from ionflux_core.services.demo_pages import DemoPages
from ionflux_core.services.digest_sheets import Sheets
from ionflux_core.services.digests import Digests
from ionflux_core.services.estimates import Estimates
from ionflux_core.services.events import Events
from ionflux_core.services.figures import Figures
from ionflux_core.services.files import Files
from ionflux_core.services.flow_pictures import FlowPictures
from ionflux_core.services.flows import Flows
from ionflux_core.services.followers import Follower, Followers
from ionflux_core.services.forks import Forks
from ionflux_core.services.hooks import Hooks
from ionflux_core.services.incident_notices import IncidentNotices
from ionflux_core.services.incidents import Incidents
from ionflux_core.services.ledger import Ledger
from ionflux_core.services.live import Live
from ionflux_core.services.marketplace import Marketplace
from ionflux_core.services.memories import Memories
from ionflux_core.services.models import Models
from ionflux_core.services.notices import NotificationsFollower
from ionflux_core.services.notifications import Notifications
from ionflux_core.services.outbox import Outbox
from ionflux_core.services.palette import Palette
from ionflux_core.services.playbook_figures import PlaybookFigures
from ionflux_core.services.playbooks import Playbooks
from ionflux_core.services.policies import Policies
from ionflux_core.services.programs import Programs
from ionflux_core.services.prompts import Prompts
from ionflux_core.services.question_blocks import QuestionBlocks
from ionflux_core.services.questions import Questions
from ionflux_core.services.refreshing import Refreshing
from ionflux_core.services.retention import Keeping
from ionflux_core.services.rooms import Rooms
from ionflux_core.services.run_files import RunFiles
from ionflux_core.services.runs import Runs
from ionflux_core.services.saved_questions import SavedQuestions
from ionflux_core.services.search import Search
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.spending import Purse
from ionflux_core.services.story import DemoStory
from ionflux_core.services.story_play import Stage
from ionflux_core.services.suppressions import Suppressions
from ionflux_core.services.surroundings import Sources
from ionflux_core.services.tokens import Tokens
from ionflux_core.services.traces import tracing
from ionflux_core.services.transforms import Transforms
from ionflux_core.services.triggers import Triggers, trigger_rows
from ionflux_core.services.value import Value
from ionflux_core.services.views import Views
from ionflux_core.services.watch import Watch
from ionflux_core.services.watch_figures import WatchFigures
from ionflux_core.services.watch_health import AgentHealth
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.settings import Settings
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database
from ionflux_core.telemetry import traces_to
from ionflux_core.triggers.follow import FollowTriggers

if TYPE_CHECKING:
    from ionflux_core.memory import Memory


class Parts:
    """Every part of one process, made once, in the order in which they need one another; nothing runs yet."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker: Worker | None = None
        self.follow: FollowTriggers | None = None
        self._memory: Memory | None = None
        self._memory_lock = threading.Lock()
        self.measures = Measures()
        self.traces = traces_to(settings.otlp_endpoint)
        self._make_data_dir()
        self._make_ground(settings)
        self._make_runs(settings)
        self._make_figures(settings)
        self._make_pages()
        self._make_watch(settings)

    def _make_ground(self, settings: Settings) -> None:
        """Storage, definitions, workspaces, secrets, models and agents."""
        self.db = Database(settings.url, all_durable=settings.durable)
        self.files = ArtifactFiles(settings.data_dir / "artifacts")
        self.stored = Files(self.db, self.files)
        self.catalog = Catalog([settings.agents_dir], trusted=settings.agents_dir)
        self.live = Live()
        self.workspaces = Workspaces(self.db)
        self.secrets = Secrets(self.db, key=settings.key, key_file=settings.key_file, data_folder=settings.data_dir)
        self.tokens = Tokens(self.db)
        self.models = Models(self.workspaces, self.secrets)
        self.marketplace = Marketplace(self.db, self.catalog)
        self.agents = Agents(
            self.db, self.catalog, self.workspaces, self.secrets.redactor, trigger_rows, self._triggers_changed
        )
        self.workspaces.refuse_secrets = self.agents.refuse_secrets
        self.memories = Memories(self.db, self.memory, self.agents, self.marketplace)
        self.catalog.add(bare_definition(), AgentCode(FLOW, flow_runner.run, flow_runner))
        self.transforms = Transforms(self.workspaces.get)
        self.flows = Flows(self.db, self.agents, self.marketplace, self.workspaces.get, lambda: self.runs)

    def _make_runs(self, settings: Settings) -> None:
        """Runs, what starts them, what they ask, send and cost."""
        self.runs = Runs(self.db, self.files, self.agents, settings.data_dir)
        self.sandbox = Sandbox()
        self.programs = Programs(self.db, self.files, self.sandbox)
        self.flow_pictures = FlowPictures(self.flows, self.agents, self.marketplace, self.runs)
        self.prompts = Prompts(self.db, self.runs, self.agents.refuse_secrets)
        self.blueprints = Blueprints()
        self.playbooks = Playbooks(self.db, self.flows, self.agents, self.agents.refuse_secrets)
        self.playbook_figures = PlaybookFigures(self.db, self.playbooks, self.runs)
        self.workspaces.made.append(self.prompts.stock)
        self.comparisons = Comparisons(self.db, self.files, self.agents, self.secrets)
        self.run_files = RunFiles(self.db, self.files, self.workspaces, self.secrets)
        self.forks = Forks(self.db, self.files, self.agents, self.runs)
        self.approvals = Approvals(self.db, self.runs.announce, lambda: self.events.published())
        self.approvals.hidden = self.runs.hidden
        self.outbox = Outbox(self.db, self.runs.announce)
        self.channels = registered(settings.data_dir)
        self.suppressions = Suppressions(self.db)
        self.policies = Policies(self.workspaces, self.channels)
        self.purse = Purse(self.db, self.workspaces.get)
        self.ledger = Ledger(self.db, self.workspaces.get)
        self.budgets = Budgets(self.db, self.workspaces.get, self.agents, self.runs)
        self.estimates = Estimates(self.db, self.agents, self.runs)
        self.events = Events(self.db, self.runs, self.live.changed)
        self.triggers = Triggers(self.db, self.workspaces, self.runs)
        self.hooks = Hooks(self.db, self.runs, self.events, self.secrets.reveal)
        self.accounts = Accounts(self.db, self.workspaces, self.secrets, self.models.outbound)
        self.accounts.published = lambda: self.events.published()

    def _make_figures(self, settings: Settings) -> None:
        """The charts' copy, full-text search, and what forgets."""
        self.cache = AnalyticsCache(settings.data_dir / "analytics.duckdb", self.db)
        self.dashboard = Dashboard(self.cache, self.db, self.workspaces.get, self.catalog)
        self.figures = Figures(self.cache, self.db, self.dashboard, self.catalog)
        self.value = Value(self.cache, self.db, self.dashboard)
        self.datasets = Datasets(self.db, self.files, self.cache)
        self.questions = Questions(self.cache, self.db, self.workspaces.get, self.datasets, self.agents.hidden)
        self.saved_questions = SavedQuestions(self.db, self.agents.refuse_secrets)
        self.views, self.annotations = Views(self.db), Annotations(self.db)
        sheets = Sheets(self.dashboard, self.figures, self.views, self.workspaces, self.agents, settings.public_url)
        self.digests = Digests(self.db, sheets, self.runs, lambda: self.chat)
        self.search = Search(self.db, self.runs)
        self.keeping = Keeping(self.db, self.workspaces, self.files, settings.data_dir, self.cache.rebuild)

    def _make_pages(self) -> None:
        """Pages of blocks, chat, and those of us who follow what runs do."""
        self.canvas = Canvas(self.db, self.live, self.agents.refuse_secrets)
        self.canvas_files = CanvasFiles(self.canvas, lambda workspace_id: self.agents.find(workspace_id, archived=True))
        self.refreshing = Refreshing(self.canvas, self._sources(), self.live)
        self.canvas_files.surroundings = self.refreshing.surroundings
        self.question_blocks = QuestionBlocks(self.questions, self.canvas, self.refreshing)
        self.chat = self._chat()
        self.answering = Answering(
            self.db, self.chat, self.runs, self.agents, self.approvals, self.marketplace, self.live.changed
        )
        self.account_doors = AccountDoors(
            self.db,
            self.accounts,
            self.secrets,
            self.events,
            self.chat,
            public_url=self.settings.public_url,
            local_url=f"http://127.0.0.1:{self.settings.port}",
        )
        self.rooms = Rooms(self.db, self.chat, self.canvas)
        self.children = ChildRuns(self.db, self.runs, self.search)
        self.on_pages = CanvasFollower(self.db, self.canvas, self.refreshing, self.runs, self.agents, self.live)
        self.notifications = Notifications(self.db, self.runs, self.live.changed)
        told = NotificationsFollower(self.db, self.notifications)
        follow: list[Follower] = [self.children, self.answering.follower, self.on_pages, told, self.suppressions]
        self.followers = Followers(self.db, [*follow, *tracing(self.db, self.traces)])
        self.events.listeners.know(lambda: self.followers.followers, self.agents, self.marketplace.definitions)
        self.palette = Palette(
            self.canvas, self.agents, self.marketplace, self.prompts, self.workspaces, self.chat, self.runs
        )
        pages = DemoPages(self.canvas, self.refreshing, self.runs, self.chat, self.prompts)
        self.demo = Demo(self.db, self.workspaces, self.agents, self.runs, self.ports, self.cache.rebuild, pages)
        self.story = DemoStory(self.db, self.demo, self._stage)

    def _make_watch(self, settings: Settings) -> None:
        """Alert rules, incidents, and the watch that looks for what they forbid."""
        self.alert_rules = AlertRules(self.db, self.workspaces, self.agents)
        self.workspaces.made.append(self.alert_rules.stock)
        self.incidents = Incidents(self.db, lambda: self.events.published(), self.live.changed)
        notices = IncidentNotices(self.db, lambda: self.chat, lambda: self.notifications, self.runs)
        health = AgentHealth(self.db, self.catalog, self.triggers)
        kept = (self.alert_rules, self.incidents, notices, health)
        self.watch = Watch(self.db, self.workspaces.get, *kept, settings.data_dir)
        self.watch.figure, self.alert_rules.check_figure = WatchFigures(self.figures), self.figures.metric

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
            secret=self.secrets.referred,
            redactor=self.secrets.redactor,
            moved=self._run_moved,
            child=self.children.prepare,
            find_runs=self.children.find,
            prompt=self.prompts.filled,
            rooms=self.rooms,
            accounts=self.accounts,
            program=self.programs.run,
            seen=self.answering.seen,
            heard=self.events.heard,
            published=lambda: self.events.published(),
            channels=self.channels,
            spending=self.purse,
            breakers=self.models.breakers,
            measures=self.measures,
            traces=self.traces,
        )

    def _run_changed(self) -> None:
        """A run of this process was accepted, has ended or was parked: tell who looks, and the followers."""
        self.live.changed(None, "runs")
        self.answering.look()
        if self.follow is not None:
            self.follow.notify()

    def _run_moved(self, run_id: str, status: RunStatus, run: Run | None) -> None:
        self.runs.moved(run_id, status, run)
        self.answering.moved(run_id, status)

    def _sources(self) -> Sources:
        return Sources(
            db=self.db,
            catalog=self.catalog,
            workspace=self.workspaces.get,
            agents=self.agents,
            runs=self.runs,
            approvals=self.approvals,
            prompts=self.prompts,
            questions=self.questions,
            dashboard=self.dashboard,
            figures=self.figures,
        )

    def _stage(self) -> Stage:
        return Stage(
            workspaces=self.workspaces,
            agents=self.agents,
            runs=self.runs,
            events=self.events,
            approvals=self.approvals,
            outbox=self.outbox,
            policies=self.policies,
            canvas=self.canvas,
            refreshing=self.refreshing,
            chat=self.chat,
            prompts=self.prompts,
        )

    def _chat(self) -> Chat:
        chat = Chat(
            self.db,
            refuse_secrets=self.agents.refuse_secrets,
            hidden=self.agents.hidden,
            instance=self.agents.get,
            upload=self.runs.upload,
            file=self.runs.file,
            proposals=Proposals(self.db, self.approvals, self.runs, self.events),
            published=lambda: self.events.published(),
            changed=self.live.changed,
        )
        chat.pages = self.canvas
        return chat

    def _triggers_changed(self) -> None:
        self.events.forget_topics()
        self.on_pages.forget()

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
