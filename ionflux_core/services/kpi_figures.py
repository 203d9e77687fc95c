"""What agents report, as metrics of the catalogue: `kpi.<agent>.<name>`, one series for each instance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ionflux_core.analytics import kpis
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.metrics import KPI_RULE, Metric
from ionflux_core.analytics.scope import Scope
from ionflux_core.errors import NotFound
from ionflux_core.services.dashboard import Dashboard
from ionflux_core.services.names import NO_INSTANCE, REMOVED, Names
from ionflux_core.storage import agents
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog

Rows = list[dict[str, Any]]
Answer = tuple[float | None, float | None, Rows, Rows, str]
KPI_PREFIX: Final = "kpi."
_WHOLE: Final = (
    "Of a period: the newest value of each agent, counts and amounts added over agents and other units averaged."
)


class KpiFigures:
    """The agents' own figures."""

    def __init__(
        self, cache: AnalyticsCache, db: Database, dashboard: Dashboard, catalog: Catalog, names: Names
    ) -> None:
        self._cache = cache
        self._db = db
        self._dashboard = dashboard
        self._catalog = catalog
        self._names = names

    def catalogue(self, workspace_id: str) -> list[Metric]:
        """What the manifests of the workspace's agents declare, then what was reported besides."""
        with self._db.read() as connection:
            slugs = {each.definition_slug for each in agents.find_instances(connection, workspace_id, archived=True)}
        found: dict[str, Metric] = {}
        for slug in sorted(slugs):
            for name, unit in self._declared(slug).items():
                metric = self._made(workspace_id, slug, name, unit)
                found[metric.name] = metric
        for row in kpis.kpi_names(self._cache.query, workspace_id):
            metric = self._made(workspace_id, row["definition_slug"], row["name"], row["unit"])
            found.setdefault(metric.name, metric)
        return list(found.values())

    def metric(self, workspace_id: str, name: str) -> Metric | None:
        """One of them by its whole name; None: nobody declares or reports it."""
        slug, _, figure = name.removeprefix(KPI_PREFIX).partition(".")
        unit = self._declared(slug).get(figure)
        if unit is not None:
            return self._made(workspace_id, slug, figure, unit)
        return next((metric for metric in self.catalogue(workspace_id) if metric.name == name), None)

    def figure(self, workspace_id: str, metric: Metric, scope: Scope, by: str | None) -> Answer:
        """Value, value before, rows, parts, and why there is no value."""
        slug, _, name = metric.name.removeprefix(KPI_PREFIX).partition(".")
        if scope.definition_slug not in (None, slug):
            return None, None, [], [], "This figure is another agent's; take the filter of the agent away."
        own = replace(scope, definition_slug=slug)
        points = kpis.kpi_series(self._cache.query, own, name=name)
        if not points:
            return None, None, [], [], "No run has reported this figure in this period."
        labels = self._labels(workspace_id)
        newest = _newest(points)
        parts = [_row(row, labels) for row in newest]
        rows = parts if by == "instance" else [_row(row, labels, day=True) for row in _by_day(points)] if by else []
        units = {row["unit"] for row in newest}
        if len(units) > 1:
            return None, None, rows, parts, f"Its agents report it in {' and '.join(sorted(units))}: never added."
        for row in (*rows, *parts):
            row["unit"] = metric.unit
        before = {
            _who(row): row["value"] for row in _newest(kpis.kpi_series(self._cache.query, own.before(), name=name))
        }
        earlier = [before.get(_who(row)) for row in newest]
        parts = [{**part, "previous": value} for part, value in zip(parts, earlier, strict=True)]
        return _summed(newest), _previous(earlier, newest), rows, parts, ""

    def _declared(self, slug: str) -> dict[str, str]:
        try:
            return {spec.name: spec.unit for spec in self._catalog.definition(slug).kpis}
        except NotFound:
            return {}

    def _made(self, workspace_id: str, slug: str, name: str, unit: str) -> Metric:
        agent, metric = self._dashboard.declared(workspace_id, slug, name, unit)
        return replace(
            metric,
            name=f"{KPI_PREFIX}{slug}.{name}",
            title=f"{metric.title} · {agent}",
            definition=f"{metric.definition.strip()} {_WHOLE}"
            if KPI_RULE in metric.definition
            else f"{metric.definition.strip()} {KPI_RULE} {_WHOLE}",
            group="Agents",
            sql=kpis.kpi_shown(),
            sources=("kpi_points",),
            dimensions=("day", "instance"),
        )

    def _labels(self, workspace_id: str) -> dict[str | None, str]:
        return self._names.instances(workspace_id) | {None: NO_INSTANCE}


def _newest(points: Rows) -> Rows:
    """The last day's row of each instance and unit; points come in the order of days."""
    return list({(_who(row)): row for row in points}.values())


def _by_day(points: Rows) -> Rows:
    return sorted(points, key=lambda row: (row["day"], str(row["instance_id"])))


def _row(row: dict[str, Any], labels: dict[str | None, str], *, day: bool = False) -> dict[str, Any]:
    who = labels.get(row["instance_id"], REMOVED)
    key = row["day"].isoformat() if day else row["instance_id"]
    told = {"key": key, "label": key if day else who, "value": row["value"], "series": who, "unit": row["unit"]}
    return {**told, "instance_id": row["instance_id"]}


def _who(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["instance_id"], row["unit"]


def _adds(unit: str) -> bool:
    return unit in ("count", "currency") or (len(unit) == 3 and unit.isalpha() and unit.isupper())


def _summed(rows: Rows) -> float:
    whole = sum(float(row["value"]) for row in rows)
    return whole if _adds(rows[0]["unit"]) else whole / len(rows)


def _previous(earlier: list[float | None], rows: Rows) -> float | None:
    """What it was before, where every agent has a figure of then; else a new agent would look like growth."""
    known = [value for value in earlier if value is not None]
    if len(known) < len(rows):
        return None
    return sum(known) if _adds(rows[0]["unit"]) else sum(known) / len(known)
