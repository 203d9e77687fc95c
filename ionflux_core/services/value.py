"""The value ledger: what runs made, saved and returned, entry by entry and in sums that never mix methods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ionflux_core.analytics import kpis
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.domain.value import ValueEntry, ValueSum
from ionflux_core.errors import Invalid
from ionflux_core.limits import VALUE_ROWS
from ionflux_core.services.dashboard import Dashboard, DashboardFilters
from ionflux_core.storage import value as rows
from ionflux_core.storage.engine import Database


@dataclass(frozen=True, slots=True)
class ValueEntries:
    """One page of entries, the newest first; `cursor` asks for the next one."""

    entries: list[ValueEntry]
    cursor: str | None


class Value:
    """Use-cases around the value ledger; the places of rows come from the cache, the rows from the run store."""

    def __init__(self, cache: AnalyticsCache, db: Database, dashboard: Dashboard) -> None:
        self._cache = cache
        self._db = db
        self._dashboard = dashboard

    def entries(
        self,
        workspace_id: str,
        filters: DashboardFilters | None = None,
        *,
        before: str | None = None,
        limit: int = 50,
        kind: str | None = None,
        method: str | None = None,
    ) -> ValueEntries:
        """A page of entries of a period, the newest first, after the cursor `before`."""
        scope, limit = self._dashboard.scope(workspace_id, filters), max(1, min(limit, VALUE_ROWS))
        place = _place(before) if before else None
        self._cache.refresh()
        places = kpis.value_places(self._cache.query, scope, before=place, limit=limit + 1, kind=kind, method=method)
        with self._db.read() as connection:
            found = rows.by_id(connection, workspace_id, [row["id"] for row in places[:limit]])
        last = places[limit - 1] if len(places) > limit else None
        cursor = f"{last['at'].isoformat()}~{last['id']}" if last else None
        return ValueEntries([found[row["id"]] for row in places[:limit] if row["id"] in found], cursor)

    def summary(self, workspace_id: str, filters: DashboardFilters | None = None) -> list[ValueSum]:
        """What a period was worth: one row for each kind, method and unit."""
        scope = self._dashboard.scope(workspace_id, filters)
        self._cache.refresh()
        return [ValueSum.model_validate(row) for row in kpis.values(self._cache.query, scope)]


def _place(cursor: str) -> tuple[datetime, str]:
    text, _, seen = cursor.partition("~")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or not seen:
        raise Invalid("This is no cursor of the value ledger.", hint="Begin again without one.")
    return at, seen
