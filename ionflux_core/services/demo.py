"""The demo workspace: a generated shop whose sixty days are worked through by the real agents, day after day.

Nothing on its screens is canned: every run is executed, dated when it would have been due, over data whose faults
are known (`ionflux_core.demo`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ionflux_core.demo import files
from ionflux_core.demo.shop import Shop, generate
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.runs import RunTrigger, TriggerKind
from ionflux_core.domain.workspaces import BrandDraft, Connection, VisualIdentity, Workspace, WorkspaceSettings
from ionflux_core.ids import now, replaying
from ionflux_core.runtime.inline import execute_here
from ionflux_core.runtime.ports import Ports
from ionflux_core.services.agents import Agents
from ionflux_core.services.demo_pages import DemoPages
from ionflux_core.services.runs import Runs
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import workspaces as rows
from ionflux_core.storage.engine import Database
from ionflux_core.yaml_text import dump

log = logging.getLogger(__name__)

Window = Mapping[str, Any]

WORKSPACE = "Demo Workspace"
BUILDING = "Demo Workspace (being built)"
BRAND = "EcoThreads Boutique"
TRACKER = "Revenue Tracker"
SENTINEL = "EcoThreads Boutique - Sales Sentinel Config"
DIGEST_TASK = "generate_daily_profitability_digest"
CHECK_TASK = "periodic_health_check_and_model_update"
_DIGEST_AT = time(5, 0)
_HOURLY_DAYS = 2

_SENTINEL_YAML = """\
# The health check below runs every hour: the demo shop stands still after its last day.
inputs:
  min_order_value_alert_threshold: 100.00
triggers:
  - trigger_definition_key: "shopify_events_consumer"
    enabled: true
  - key: periodic_health_check
    config_override:
      cron_expression: "0 * * * *"
"""

_ESTIMATE = """\
# The shop owner's guess of what a run returns, not a measurement: charts call it an estimate. Put yours here.
value:
  minutes_per_run: 5
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the demo has come: days worked through, of how many."""

    day: int
    days: int


@dataclass(frozen=True, slots=True)
class _Due:
    """A run that was due at a moment of the shop's history."""

    at: datetime
    instance: AgentInstance
    inputs: dict[str, Any]
    task: str | None
    kind: TriggerKind = "schedule"


class Demo:
    """Builds the demo workspace, and builds it anew."""

    def __init__(
        self,
        db: Database,
        workspaces: Workspaces,
        agents: Agents,
        runs: Runs,
        ports: Callable[[], Ports],
        forget_figures: Callable[[], object],
        pages: DemoPages,
    ) -> None:
        self._db = db
        self._workspaces = workspaces
        self._agents = agents
        self._runs = runs
        self._ports = ports
        self._forget_figures = forget_figures
        self._pages = pages
        self.progress: Progress | None = None

    def is_wanted(self) -> bool:
        """True while nobody has made a workspace yet, or when an earlier start was cut off while it built this one."""
        names = {workspace.name for workspace in self._workspaces.all()}
        return not names or BUILDING in names

    def find(self) -> Workspace | None:
        """The demo workspace, whole or half-built, if it is there."""
        return next((each for each in self._workspaces.all() if each.name in (WORKSPACE, BUILDING)), None)

    def build(self, *, days: int = 60) -> Workspace:
        """Build the demo workspace: brand, two configured agents, and the history of the shop up to now.

        One that is there already, whole or half-built, is removed first. Its name says so until it is finished.
        """
        existing = self.find()
        if existing is not None:
            self._db.write(lambda connection: rows.remove(connection, existing.id))
            self._workspaces.forget()
            self._forget_figures()
        shop = generate(days=days, end=now())
        settings = WorkspaceSettings(timezone=shop.timezone, currency=shop.currency)
        workspace = self._workspaces.create(BUILDING, settings)
        self.progress = Progress(0, days)
        try:
            brand = self._workspaces.add_brand(workspace.id, _brand(shop))
            tracker = self._agents.create(
                workspace.id, "revenue_tracker", TRACKER, yaml=_tracker_yaml(shop), brand_id=brand.id, by="demo"
            )
            sentinel = self._agents.create(
                workspace.id, "sales_sentinel", SENTINEL, yaml=_SENTINEL_YAML, brand_id=brand.id, by="demo"
            )
            self._replay(shop, tracker, sentinel, days)
            self._pages.build(tracker, sentinel)
        finally:
            self.progress = None
        log.info("the demo workspace is ready")
        return self._workspaces.rename(workspace.id, WORKSPACE)

    def _replay(self, shop: Shop, tracker: AgentInstance, sentinel: AgentInstance, days: int) -> None:
        """Everything that would have run, in the order it was due; each day is closed at five the next morning."""
        due = [*self._counts(shop, tracker, days), *self._looks(shop, sentinel, days), *self._changes(shop, sentinel)]
        for done, run in enumerate(sorted(due, key=lambda run: run.at)):
            self._run(run)
            self.progress = Progress(done * days // len(due), days)

    def _counts(self, shop: Shop, tracker: AgentInstance, days: int) -> Iterator[_Due]:
        for day in (shop.first_day + timedelta(days=number) for number in range(days)):
            orders = self._runs.upload(
                tracker.workspace_id, f"orders-{day}.json", files.orders_json(shop, day), "application/json"
            )
            yield _Due(_closing(shop, day), tracker, {"orders_file": orders}, DIGEST_TASK)

    def _looks(self, shop: Shop, sentinel: AgentInstance, days: int) -> Iterator[_Due]:
        """The sentinel looks once a day, and every hour in the last two days."""
        zone, often = ZoneInfo(shop.timezone), shop.first_day + timedelta(days=days - _HOURLY_DAYS)
        batches: dict[datetime, list[Window]] = {}
        for window in shop.traffic:
            start = datetime.fromisoformat(str(window["start"]))
            day = start.astimezone(zone).date()
            hour_end = start.replace(minute=0) + timedelta(hours=1)
            at = _closing(shop, day) if day < often else min(hour_end, shop.end)
            batches.setdefault(at, []).append(window)
        for at, windows in batches.items():
            yield _Due(at, sentinel, {"performance_metric_payload": {"windows": windows}}, CHECK_TASK)

    def _changes(self, shop: Shop, sentinel: AgentInstance) -> Iterator[_Due]:
        for change in shop.changes:
            at = datetime.fromisoformat(str(change["at"]))
            if at <= shop.end:
                yield _Due(at, sentinel, {"change_log_entry": dict(change)}, None, "manual")

    def _run(self, due: _Due) -> None:
        slot = due.at if due.kind == "schedule" else None
        with replaying(due.at):
            prepared = self._runs.prepare(
                due.instance.workspace_id,
                due.instance.id,
                due.inputs,
                task=due.task,
                trigger=RunTrigger(kind=due.kind, by="demo", slot=slot),
            )
            execute_here(self._ports(), prepared.row)


def _closing(shop: Shop, day: date) -> datetime:
    closed = datetime.combine(day + timedelta(days=1), _DIGEST_AT, tzinfo=ZoneInfo(shop.timezone))
    return min(closed, shop.end)


def _tracker_yaml(shop: Shop) -> str:
    head = "# What the goods cost, what the payment and the parcels cost: change a figure and run `recalculate`.\n"
    costs = dump({"inputs": {"manual_cost_inputs": dict(shop.costs), "fx_rates": dict(shop.fx_rates)}})
    return f"{head}{costs}{_ESTIMATE}"


def _brand(shop: Shop) -> BrandDraft:
    return BrandDraft(
        name=shop.name,
        description="A small shop for sustainable clothes. Its orders and visits are generated.",
        industry="Fashion",
        audience="People who buy few clothes and wear them long.",
        voice="Calm, concrete, no superlatives. Says what a thing is made of and how to mend it.",
        visual=VisualIdentity(palette=["#2f5d50", "#c9b28f", "#f4efe6", "#8a4b2a"], fonts=["Inter"]),
        shopify=Connection(url=f"https://{shop.domain}", last_sync_status="generated data"),
    )
