"""The dashboard's use-cases: runs, cost, value and KPIs of a period, each figure with its definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from ionflux_core.analytics import kpis
from ionflux_core.analytics.duck import AnalyticsCache, Freshness
from ionflux_core.analytics.metrics import KPI_RULE, METRICS, Metric
from ionflux_core.analytics.scope import Scope, day_bounds
from ionflux_core.domain.runs import FINISHED, RunStatus, TriggerKind
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.ids import now
from ionflux_core.services.names import NO_INSTANCE, REMOVED, Names
from ionflux_core.storage import feed
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog

DAYS = 30
MAX_DAYS = 3_660
FIRST_YEAR, LAST_YEAR = 1970, 9000

Rows = list[dict[str, Any]]
SeriesName = Literal[
    "runs_per_day", "success_per_day", "durations", "durations_per_day", "runs_by_trigger", "cost_per_day",
    "cost_by_model_per_day", "failures_by_code", "slowest_runs", "step_times", "values",
]  # fmt: skip


class DashboardFilters(BaseModel):
    """What part of a workspace is looked at; without times, the last 30 days with today."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    instance_id: str | None = None
    brand_id: str | None = None
    definition_slug: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    trigger_kind: TriggerKind | None = None

    @model_validator(mode="after")
    def _period(self) -> DashboardFilters:
        if any(at and not FIRST_YEAR <= at.year <= LAST_YEAR for at in (self.since, self.until)):
            raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
        if self.since and self.until and not timedelta() < self.until - self.since <= timedelta(days=MAX_DAYS):
            raise ValueError(f"a period begins before it ends and has at most {MAX_DAYS} days")
        return self


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure with the same figure of the period before; None where there was nothing to compute it from."""

    metric: Metric
    value: float | None
    previous: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the dashboard's first screen shows; rows as `analytics.kpis` describes them."""

    since: datetime
    until: datetime
    tiles: tuple[Tile, ...]
    runs_per_day: Rows
    success_per_day: Rows
    durations: Rows
    triggers: Rows
    failures: Rows
    costs: Rows
    models: Rows
    values: Rows
    slowest: Rows
    freshness: Freshness

    @property
    def is_empty(self) -> bool:
        """True when no run was created in the period."""
        return not self.runs_per_day


@dataclass(frozen=True, slots=True)
class KpiLine:
    """One agent's figure by day; `value` is the newest, `previous` the newest of the period before."""

    instance_id: str | None
    brand_id: str | None
    label: str
    days: tuple[date, ...]
    values: tuple[float, ...]
    previous: float | None

    @property
    def value(self) -> float:
        """The newest value of the period."""
        return self.values[-1]


@dataclass(frozen=True, slots=True)
class KpiChart:
    """A figure an agent reports, one line for each of its instances; `metric.unit` is ready for the screen."""

    definition_slug: str
    definition_name: str
    metric: Metric
    lines: tuple[KpiLine, ...]


@dataclass(frozen=True, slots=True)
class HomeFigures:
    """Today's runs and failures, and the cost (USD) and value of the last seven days; methods stay apart."""

    runs_today: int
    failures_today: int
    unfinished_today: int
    cost_week: float
    values_week: Rows


class Dashboard:
    """Answers what happened in a workspace, from the cache; nothing here writes to the run store."""

    def __init__(
        self, cache: AnalyticsCache, db: Database, workspace: Callable[[str], Workspace], catalog: Catalog
    ) -> None:
        self._cache = cache
        self._db = db
        self._workspace = workspace
        self._catalog = catalog
        self._names = Names(db, catalog)

    def freshness(self, workspace_id: str) -> Freshness:
        """Bring the cache up to date if it is older than a second, and say how new it is."""
        self._workspace(workspace_id)
        return self._cache.refresh()

    def overview(self, workspace_id: str, filters: DashboardFilters | None = None) -> Overview:
        """The figures of a period and of the one before."""
        scope, ask = self.scope(workspace_id, filters), self._cache.query
        fresh = self._cache.refresh()
        days = kpis.runs_per_day(ask, scope)
        return Overview(
            since=scope.since,
            until=scope.until,
            tiles=_tiles(kpis.totals(ask, scope), kpis.totals(ask, scope.before())),
            runs_per_day=days,
            success_per_day=kpis.success_of(days),
            durations=self._named(workspace_id, kpis.durations(ask, scope, by="instance_id")),
            triggers=kpis.runs_by_trigger(ask, scope),
            failures=kpis.failures_by_code(ask, scope),
            costs=kpis.cost_per_day(ask, scope),
            models=kpis.cost_by_model_per_day(ask, scope),
            values=kpis.values(ask, scope),
            slowest=self._named(workspace_id, kpis.slowest_runs(ask, scope)),
            freshness=fresh,
        )

    def series(self, workspace_id: str, name: SeriesName, filters: DashboardFilters | None = None) -> Rows:
        """The rows of one named query."""
        queries: dict[SeriesName, Callable[[kpis.Ask, Scope], Rows]] = {
            "runs_per_day": kpis.runs_per_day,
            "success_per_day": kpis.success_per_day,
            "durations": kpis.durations,
            "durations_per_day": kpis.durations_per_day,
            "runs_by_trigger": kpis.runs_by_trigger,
            "cost_per_day": kpis.cost_per_day,
            "cost_by_model_per_day": kpis.cost_by_model_per_day,
            "failures_by_code": kpis.failures_by_code,
            "slowest_runs": kpis.slowest_runs,
            "step_times": kpis.step_times,
            "values": kpis.values,
        }
        if name not in queries:
            raise Invalid(f"There is no series {name!r}.", hint=f"Choose one of: {', '.join(queries)}.")
        scope = self.scope(workspace_id, filters)
        self._cache.refresh()
        return queries[name](self._cache.query, scope)

    def kpi_series(
        self, workspace_id: str, filters: DashboardFilters | None = None, *, name: str | None = None
    ) -> list[KpiChart]:
        """What the agents reported, by agent, figure and day, in the order of their manifests."""
        scope = self.scope(workspace_id, filters)
        self._cache.refresh()
        earlier = {_figure(row): row["value"] for row in kpis.kpi_series(self._cache.query, scope.before(), name=name)}
        figures: dict[tuple[str, str, str], dict[str | None, Rows]] = {}
        for row in kpis.kpi_series(self._cache.query, scope, name=name):
            chart = figures.setdefault((row["definition_slug"], row["name"], row["unit"]), {})
            chart.setdefault(row["instance_id"], []).append(row)
        names, brands = self._names.instances(workspace_id), self._names.brands(workspace_id)
        charts = []
        for (slug, figure, unit), lines in figures.items():
            agent, metric = self.declared(workspace_id, slug, figure, unit)
            drawn = tuple(
                _line(rows, names.get(instance) or agent, brands, earlier.get(_figure(rows[-1])))
                for instance, rows in lines.items()
            )
            charts.append(KpiChart(slug, agent, metric, drawn))
        return sorted(charts, key=self._place)

    def run_counts(self, workspace_id: str) -> dict[str, int]:
        """Runs created today and in the 7 and 30 days that end with today: today, days_7, days_30."""
        self._cache.refresh()
        starts = {days: self._day_start(workspace_id, days - 1) for days in (1, 7)}
        return kpis.run_counts(self._cache.query, self.scope(workspace_id, None), today=starts[1], week=starts[7])

    def home(self, workspace_id: str) -> HomeFigures:
        """The small figures of the first page, straight from the run store: they do not wake the cache."""
        today, week = self._day_start(workspace_id, 0), self._day_start(workspace_id, 6)
        with self._db.read() as connection:
            counts = feed.counts_since(connection, workspace_id, today)
            cost = feed.cost_since(connection, workspace_id, week)
            values = feed.value_since(connection, workspace_id, week)
        return HomeFigures(
            runs_today=sum(counts.values()),
            failures_today=counts.get("error", 0) + counts.get("budget_stopped", 0),
            unfinished_today=sum(count for status, count in counts.items() if status not in FINISHED),
            cost_week=cost / 1e6,
            values_week=values,
        )

    def counts_since(self, workspace_id: str, since: datetime) -> dict[str, int]:
        """Runs created since a recent time by status, straight from the run store, in one look."""
        with self._db.read() as connection:
            return feed.counts_since(connection, workspace_id, since)

    def day(self, workspace_id: str, day: date) -> tuple[datetime, datetime]:
        """When a day of the workspace begins and ends, in UTC: what a click on a bar narrows the runs to."""
        return day_bounds(day, self._workspace(workspace_id).settings.timezone)

    def last_days(self, workspace_id: str, days: int) -> tuple[datetime, datetime]:
        """The begin and end of the last so many days with today, in UTC."""
        zone = self._workspace(workspace_id).settings.timezone
        today = now().astimezone(ZoneInfo(zone)).date()
        return day_bounds(today - timedelta(days=days - 1), zone)[0], day_bounds(today, zone)[1]

    def scope(self, workspace_id: str, filters: DashboardFilters | None) -> Scope:
        """What part of the figures is asked for; Invalid when the period ends before it begins or is too long."""
        wanted = filters or DashboardFilters()
        zone = self._workspace(workspace_id).settings.timezone
        since, until = self.last_days(workspace_id, DAYS)
        until = wanted.until or until
        since = wanted.since or min(since, until - timedelta(days=1))
        if not timedelta() < until - since <= timedelta(days=MAX_DAYS):
            raise Invalid(
                f"A period begins before it ends and has at most {MAX_DAYS} days.", hint="Choose another period."
            )
        return Scope(
            workspace_id,
            zone,
            since.astimezone(UTC),
            until.astimezone(UTC),
            wanted.instance_id,
            wanted.brand_id,
            wanted.definition_slug,
            wanted.statuses,
            wanted.trigger_kind,
        )

    def _day_start(self, workspace_id: str, days_ago: int) -> datetime:
        return self.last_days(workspace_id, days_ago + 1)[0]

    def _named(self, workspace_id: str, rows: Rows) -> Rows:
        """The rows with the agent's name as people know it."""
        names = self._names.instances(workspace_id)
        return [{**row, "agent": names.get(row["instance_id"]) or self._fallback(row)} for row in rows]

    def _fallback(self, row: dict[str, Any]) -> str:
        if row["instance_id"]:
            return REMOVED
        return self._names.agent(row["definition_slug"]) if "definition_slug" in row else NO_INSTANCE

    def declared(self, workspace_id: str, slug: str, figure: str, unit: str) -> tuple[str, Metric]:
        """The agent's name, and the figure as its manifest defines it."""
        unit = self._shown_unit(workspace_id, unit)
        try:
            definition = self._catalog.definition(slug)
        except NotFound:
            return slug, _undeclared(figure, unit)
        for spec in definition.kpis:
            if spec.name == figure:
                explained = f"{spec.description} {KPI_RULE}".strip()
                return definition.name, Metric(figure, spec.title, unit, spec.direction, explained)
        return definition.name, _undeclared(figure, unit)

    def _place(self, chart: KpiChart) -> tuple[str, int, str]:
        try:
            order = [spec.name for spec in self._catalog.definition(chart.definition_slug).kpis]
        except NotFound:
            order = []
        name = chart.metric.name
        return chart.definition_name, order.index(name) if name in order else len(order), name

    def _shown_unit(self, workspace_id: str, unit: str) -> str:
        """An agent that says `currency` means the workspace's."""
        return unit.replace("currency", self._workspace(workspace_id).settings.currency)


def _undeclared(figure: str, unit: str) -> Metric:
    title = figure.replace("_", " ").capitalize()
    return Metric(figure, title, unit, "none", f"Reported by the agent; its manifest does not explain it. {KPI_RULE}")


def _tiles(this: dict[str, Any], before: dict[str, Any]) -> tuple[Tile, ...]:
    had = bool(before["runs"])
    figures = (
        ("runs", "runs"),
        ("success_rate", "rate"),
        ("failures", "failures"),
        ("duration", "p50"),
        ("cost", "cost"),
    )
    return tuple(Tile(METRICS[name], this[key], before[key] if had else None) for name, key in figures)


def _line(rows: Rows, name: str, brands: dict[str | None, str], previous: float | None) -> KpiLine:
    last = rows[-1]
    brand = brands.get(last["brand_id"])
    # Many an instance is named after its brand: then the brand need not be said twice.
    label = f"{name} · {brand}" if brand and brand.casefold() not in name.casefold() else name
    return KpiLine(
        instance_id=last["instance_id"],
        brand_id=last["brand_id"],
        label=label,
        days=tuple(row["day"] for row in rows),
        values=tuple(row["value"] for row in rows),
        previous=previous,
    )


def _figure(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["definition_slug"], row["instance_id"], row["name"], row["unit"]
