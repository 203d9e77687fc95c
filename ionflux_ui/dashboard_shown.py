"""What the dashboard is about to draw: the asked period and filters, and each figure asked for once."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from ionflux_core.analytics.metrics import Metric
from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_core.services.dashboard import DashboardFilters, KpiChart, Overview
from ionflux_core.services.figures import Figure
from ionflux_ui.charts import Earlier

_GOOD: Final = {"up": "more", "down": "less", "none": "neither more nor less"}
_UNITS: Final = {"ratio": "a share, shown in percent", "s": "time", "": "a plain number, or as each row says"}


# Where a query's lines break, so that it can be read.
_CLAUSES: Final = re.compile(r"\s+(SELECT|FROM|WHERE|GROUP BY|ORDER BY|UNION(?: ALL)?|LEFT JOIN|ASOF JOIN|JOIN|WITH)\b")


class Shown:
    """The figures of one drawing of the page. `compare` says whether the period before is drawn, too."""

    def __init__(self, app: Application, space: Workspace, filters: DashboardFilters, *, compare: bool) -> None:
        self.scope = app.dashboard.scope(space.id, filters)
        self.app = app
        self.space = space
        self.filters = filters
        self.compare = compare
        self.about: dict[str, dict[str, str]] = {}
        self._figures: dict[tuple[str, str | None, bool], Figure] = {}

    @cached_property
    def overview(self) -> Overview:
        """The main figures and the rows of the main charts."""
        return self.app.dashboard.overview(self.space.id, self.filters)

    @cached_property
    def reported(self) -> list[KpiChart]:
        """What the agents report."""
        return self.app.dashboard.kpi_series(self.space.id, self.filters)

    @cached_property
    def first_day(self) -> date:
        """The period's first day."""
        return self._day(self.filters.since)

    @cached_property
    def last_day(self) -> date:
        """The period's last day; days to come are not drawn."""
        until = self.filters.until
        today = self._day(None)
        return min(today, self._day(until - timedelta(microseconds=1))) if until else today

    @cached_property
    def days(self) -> int:
        """How many days the period has, those to come included."""
        until = self.filters.until
        last = self._day(until - timedelta(microseconds=1)) if until else self.last_day
        return (last - self.first_day).days + 1

    def figure(self, name: str, by: str | None = None) -> Figure:
        """A figure of the catalogue; its definition can be opened from now on."""
        found = self._asked(name, by, earlier=False)
        self.explain(found.metric, found.not_computed)
        return found

    def previous_parts(self, name: str) -> dict[Any, float]:
        """The parts of a figure in the period before, by method and unit; empty when nothing is compared."""
        if not self.compare:
            return {}
        return {
            (row.get("method"), row.get("unit")): row["value"] for row in self._asked(name, None, earlier=True).parts
        }

    def earlier(self, name: str) -> Earlier | None:
        """A figure of the period before by day; None when nothing is compared."""
        if not self.compare:
            return None
        rows = self._asked(name, "day", earlier=True).rows
        values = {date.fromisoformat(row["key"]): row["value"] for row in rows if row["value"] is not None}
        return {"days": self.days, "values": values} if any(values.values()) else None

    def explain(self, metric: Metric, why: str = "", *, name: str = "") -> None:
        """Let the definition of a figure be opened."""
        self.about[name or metric.name] = {
            "name": name or metric.name,
            "title": metric.title,
            "definition": metric.definition,
            "unit": _UNITS.get(metric.unit, metric.unit),
            "direction": _GOOD[metric.direction],
            "sources": ", ".join(metric.sources),
            "sql": _CLAUSES.sub(r"\n\1", metric.sql.strip()),
            "not_computed": why,
        }

    def agent_name(self, slug: str) -> str:
        """An agent's name; its slug when its folder is gone."""
        try:
            return self.app.marketplace.definition(slug).name
        except NotFound:
            return slug

    def _asked(self, name: str, by: str | None, *, earlier: bool) -> Figure:
        place = name, by, earlier
        if place not in self._figures:
            filters = self._before if earlier else self.filters
            self._figures[place] = self.app.figures.figure(self.space.id, name, filters, by=by)
        return self._figures[place]

    @cached_property
    def _before(self) -> DashboardFilters:
        scope = self.app.dashboard.scope(self.space.id, self.filters).before()
        return self.filters.model_copy(update={"since": scope.since, "until": scope.until})

    def _day(self, moment: Any) -> date:
        return (moment or now()).astimezone(ZoneInfo(self.space.settings.timezone)).date()
