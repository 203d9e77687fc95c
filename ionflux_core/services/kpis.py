"""KPI points as the agents reported them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ionflux_core.storage import kpis as rows
from ionflux_core.storage.engine import Database


class Kpis:
    """Use-cases around single figures; the dashboard adds them up."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(
        self,
        workspace_id: str,
        *,
        name: str | None = None,
        instance_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """Points of a workspace by time, the oldest first."""
        with self._db.read() as connection:
            return rows.find(
                connection, workspace_id, name=name, instance_id=instance_id, since=since, until=until, limit=limit
            )
