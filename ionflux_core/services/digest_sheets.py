"""The figures of a digest: which, of which days, and narrowed to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from ionflux_core.analytics.scope import day_bounds
from ionflux_core.domain.digests import Digest
from ionflux_core.domain.figure_text import figure_text
from ionflux_core.domain.views import narrowing_of
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.services.agents import Agents
from ionflux_core.services.dashboard import Dashboard, DashboardFilters
from ionflux_core.services.digest_words import Sheet, SheetLine
from ionflux_core.services.figures import Figure, Figures
from ionflux_core.services.views import Views
from ionflux_core.services.workspaces import Workspaces

PAGE: Final = "dashboard"
_FIGURES: Final = (
    "runs", "success_rate", "failures", "duration", "cost", "cion_burn", "agent_gmv", "minutes_returned",
    "acceptance_rate",
)  # fmt: skip
_METHODS: Final = {"measured": "measured", "modelled": "modelled", "estimate": "the owner's estimate"}
_ORDER: Final = {method: place for place, method in enumerate(_METHODS)}
_CAUSES: Final = 3


class Sheets:
    """Makes the sheet a digest sends."""

    def __init__(
        self,
        dashboard: Dashboard,
        figures: Figures,
        views: Views,
        workspaces: Workspaces,
        agents: Agents,
        public_url: str,
    ) -> None:
        self._dashboard = dashboard
        self._figures = figures
        self._views = views
        self._workspaces = workspaces
        self.agents = agents
        self._public_url = public_url

    def check_view(self, workspace_id: str, view_id: str | None) -> None:
        """NotFound when a digest names a view of the dashboard that is not there."""
        if view_id is not None and self._views.get(workspace_id, view_id).page != PAGE:
            raise NotFound("That view is not one of the dashboard's.", hint="Choose one of the dashboard's views.")

    def of(self, digest: Digest, at: datetime) -> Sheet:
        """The figures of the whole days before a time, as many as the digest wants, in the workspace's zone."""
        space = self._workspaces.get(digest.workspace_id)
        zone = space.settings.timezone
        last = at.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
        first = last - timedelta(days=digest.days - 1)
        view = self._views.get(space.id, digest.view_id).parameters if digest.view_id else {}
        narrowing = narrowing_of(view)
        filters = DashboardFilters(since=day_bounds(first, zone)[0], until=day_bounds(last, zone)[1], **narrowing)
        lines = tuple(self._lines(space.id, filters))
        kept = {name: value for name, value in view.items() if name not in ("days", "since", "until")}
        return Sheet(
            title=digest.name,
            workspace=space.name,
            first=first,
            last=last,
            narrowed=tuple(self._narrowed(space, narrowing)),
            lines=lines,
            empty=not any(each.value for each in lines if each.name == "runs"),
            parameters={
                **kept, "workspace": space.id, "since": first.isoformat(), "until": last.isoformat(),
            },
            public_url=self._public_url,
        )  # fmt: skip

    def _lines(self, workspace_id: str, filters: DashboardFilters) -> Iterator[SheetLine]:
        """A line for each figure that is known; amounts booked by different methods stand in lines of their own."""
        for name in _FIGURES:
            found = self._figures.figure(workspace_id, name, filters, by=None)
            metric = found.metric
            if any("method" in row for row in found.parts):
                yield from self._apart(workspace_id, found, filters)
            elif found.value is not None:
                note = self._causes(workspace_id, filters) if name == "failures" and found.value else ""
                yield SheetLine(name, metric.title, metric.unit, metric.direction, found.value, found.previous, note)

    def _apart(self, workspace_id: str, found: Figure, filters: DashboardFilters) -> Iterator[SheetLine]:
        before = self._dashboard.scope(workspace_id, filters).before()
        earlier = filters.model_copy(update={"since": before.since, "until": before.until})
        parts = self._figures.figure(workspace_id, found.metric.name, earlier, by=None).parts
        had = {(row["method"], row["unit"]): row["value"] for row in parts}
        for row in sorted(found.parts, key=lambda row: (_ORDER.get(row["method"], 9), str(row["unit"]))):
            previous = had.get((row["method"], row["unit"]))
            yield SheetLine(
                f"{found.metric.name}.{row['method']}", found.metric.title, str(row["unit"]), found.metric.direction,
                row["value"], previous, _method(row),
            )  # fmt: skip

    def _causes(self, workspace_id: str, filters: DashboardFilters) -> str:
        rows = self._figures.figure(workspace_id, "failures", filters, by="code").rows
        most = sorted(rows, key=lambda row: -row["value"])[:_CAUSES]
        return "most by " + ", ".join(f"{row['key']} ({row['value']:,.0f})" for row in most)

    def _narrowed(self, space: Workspace, narrowing: Mapping[str, Any]) -> list[str]:
        words = []
        if narrowing["instance_id"]:
            names = {each.id: each.name for each in self.agents.find(space.id, archived=True)}
            words.append(f"the agent {names.get(narrowing['instance_id'], 'that is gone')}")
        if narrowing["definition_slug"]:
            words.append(f"agents of the kind {narrowing['definition_slug']}")
        if narrowing["brand_id"]:
            brand = self._workspaces.brand_or_none(space.id, narrowing["brand_id"])
            words.append(f"the brand {brand.name if brand else 'that is gone'}")
        if narrowing["trigger_kind"]:
            words.append(f"runs started by {narrowing['trigger_kind']}")
        if narrowing["statuses"]:
            words.append(f"runs with status {', '.join(each.replace('_', ' ') for each in narrowing['statuses'])}")
        return words


def _method(row: Mapping[str, Any]) -> str:
    """By which method an amount was booked, and how sure its entries are."""
    named = _METHODS.get(row["method"], str(row["method"]))
    sure = row.get("confidence")
    return named if sure is None else f"{named}, confidence {figure_text(sure, 'ratio')}"
