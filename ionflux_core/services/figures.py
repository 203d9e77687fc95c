"""The catalogue of named figures and their values: one definition for dashboard, page blocks, alerts, API and docs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from ionflux_core.analytics import figures, kpis
from ionflux_core.analytics.duck import AnalyticsCache, Freshness
from ionflux_core.analytics.measures import Measure
from ionflux_core.analytics.metrics import CATALOGUE, MEASURES, METRICS, Metric
from ionflux_core.analytics.scope import Scope
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.services.dashboard import Dashboard, DashboardFilters
from ionflux_core.services.kpi_figures import KPI_PREFIX, KpiFigures
from ionflux_core.services.names import Names
from ionflux_core.storage.engine import Database

if TYPE_CHECKING:
    from ionflux_core.catalog.loader import Catalog

Rows = list[dict[str, Any]]
_NAMES: Final = tuple(metric.name for metric in CATALOGUE)
_NOT_YET: Final = "The figures are still being read; look again in a moment."


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value in a period and in the one before, and its rows by a dimension.

    Rows are {key, label, value} with more figures such as p95 beside the value; days are ISO text. Where values are
    never added, each row says its `series` (such as "Measured, USD"), and `parts` has one row for each of them in the
    whole period, with its `previous` in the one before. `previous` is None where it was made of other parts, which
    would be no comparison. `value` is None when it cannot be computed; `not_computed` says why in a sentence.
    """

    metric: Metric
    value: float | None
    previous: float | None
    rows: Rows
    by: str | None
    not_computed: str
    freshness: Freshness
    parts: Rows


class Figures:
    """Use-cases around the catalogue; the dashboard knows the periods."""

    def __init__(self, cache: AnalyticsCache, db: Database, dashboard: Dashboard, catalog: Catalog) -> None:
        self._cache = cache
        self._dashboard = dashboard
        self._names = Names(db, catalog)
        self._kpis = KpiFigures(cache, db, dashboard, catalog, self._names)

    def catalogue(self, workspace_id: str) -> tuple[Metric, ...]:
        """All named metrics, then what the workspace's agents report, as `kpi.<agent>.<name>`."""
        return (*CATALOGUE, *self._kpis.catalogue(workspace_id))

    def metric(self, workspace_id: str, name: str) -> Metric:
        """One metric by its name; NotFound with near names."""
        if name in MEASURES:
            return METRICS[name]
        found = self._kpis.metric(workspace_id, name) if name.startswith(KPI_PREFIX) else None
        if found is not None:
            return found
        known = [metric.name for metric in self.catalogue(workspace_id)]
        near = get_close_matches(name[:120], known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "GET /metrics-catalogue lists them all."
        raise NotFound(f"There is no metric {name[:120]!r}.", hint=hint)

    def figure(
        self, workspace_id: str, name: str, filters: DashboardFilters | None = None, *, by: str | None = "day"
    ) -> Figure:
        """A metric's figure in a period, broken down by one of its dimensions (None: not at all)."""
        metric = self.metric(workspace_id, name)
        if by is not None and by not in metric.dimensions:
            allowed = ", ".join(metric.dimensions)
            raise Invalid(f"{metric.title} cannot be shown by {by[:40]!r}.", hint=f"Choose one of: {allowed}.")
        scope = self._dashboard.scope(workspace_id, filters)
        fresh = self._cache.refresh()
        if name in MEASURES:
            made = self._measured(workspace_id, metric, scope, by, fresh)
        else:
            value, previous, rows, parts, why = self._kpis.figure(workspace_id, metric, scope, by)
            made = Figure(metric, value, previous, rows, by, why, fresh, parts)
        return made if fresh.complete or made.value is not None else replace(made, not_computed=_NOT_YET)

    def freshness(self) -> Freshness:
        """How new the figures are, without reading anything."""
        return self._cache.freshness()

    def tables(self) -> dict[str, list[tuple[str, str]]]:
        """The cache's tables: name and type of every column."""
        return self._cache.tables()

    def _measured(self, workspace_id: str, metric: Metric, scope: Scope, by: str | None, fresh: Freshness) -> Figure:
        measure, ask = MEASURES[metric.name], self._cache.query
        now = figures.total(ask, measure, scope)
        before = figures.total(ask, measure, scope.before())
        earlier = _told_apart(before, measure)
        alike = now.unit == before.unit and earlier.keys() == _told_apart(now, measure).keys()
        had = before.value is not None and alike
        if had and not before.value:
            had = kpis.begun_before(ask, scope)
        rows = figures.rows_by(ask, measure, scope, by) if by is not None else []
        parts = _with_series(now.parts, measure.series)
        return Figure(
            metric=replace(metric, unit=now.unit),
            value=now.value,
            previous=before.value if had else None,
            rows=self._labelled(workspace_id, by, _with_series(rows, measure.series)),
            by=by,
            not_computed=now.why,
            freshness=fresh,
            parts=[
                {"key": row.get("method"), "label": row["series"], **row, "previous": earlier.get(_part(row, measure))}
                for row in parts
            ],
        )

    def _labelled(self, workspace_id: str, by: str | None, rows: Rows) -> Rows:
        if by is None or not rows:
            return rows
        if by == "day":
            days = [row["key"].isoformat() for row in rows]
            return [{**row, "key": day, "label": day} for row, day in zip(rows, days, strict=True)]
        labels = self._names.labels(workspace_id, by, {row["key"] for row in rows})
        return [{**row, "label": labels[row["key"]]} for row in rows]


def _told_apart(total: figures.Total, measure: Measure) -> dict[tuple[Any, ...], Any]:
    """The values of a figure that are never added to each other, by what tells them apart."""
    return {_part(row, measure): row["value"] for row in total.parts}


def _part(row: dict[str, Any], measure: Measure) -> tuple[Any, ...]:
    return tuple(row[name] for name in measure.series)


def _with_series(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """Rows that say to which series they belong."""
    if not columns:
        return rows
    names = [", ".join(str(row[name]) for name in columns) for row in rows]
    return [{**row, "series": name[:1].upper() + name[1:]} for row, name in zip(rows, names, strict=True)]
