"""Runs that runs start and read: what the runner needs of the services, and children that end with their parent."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ionflux_core.domain.agents import FLOW
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.runs import Run, RunFilter, RunTrigger
from ionflux_core.errors import Conflict, NotFound
from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.services.runs import Runs
from ionflux_core.services.search import Search
from ionflux_core.storage import runs as rows
from ionflux_core.storage.engine import Database

_FRAGMENT_CHARS = 300


class ChildRuns:
    """Prepares the children of runs, finds runs for them, and cancels what a cancelled run was waiting for."""

    name = "children"
    types = (COMPLETED,)

    def __init__(self, db: Database, runs: Runs, search: Search) -> None:
        self._db = db
        self._runs = runs
        self._search = search

    def prepare(self, parent: Run, target: str, inputs: Mapping[str, Any], key: str) -> dict[str, Any]:
        """The row of a run that another run starts; once for each `key` of that run."""
        trigger = RunTrigger(kind="flow", key=key[:100], by=parent.instance_name or parent.definition_slug)
        prepared = self._runs.prepare(
            parent.workspace_id,
            target,
            inputs,
            trigger=trigger,
            key=f"child:{parent.id}:{key}",
            correlation_id=parent.correlation_id,
            depth=parent.depth + 1,
            dry_run=parent.dry_run,
            budget_micros=parent.budget_micros,
        )
        return prepared.row | {"parent_run_id": parent.id}

    def find(self, workspace_id: str, question: str, limit: int) -> list[dict[str, Any]]:
        """Runs whose words answer a question, newest first, each with the words that answer it."""
        found = self._search.find(workspace_id, RunFilter(text=question), limit=limit)
        return [
            {
                "run_id": run.id,
                "agent": run.instance_name or run.definition_slug,
                "definition": run.definition_slug,
                "status": run.status,
                "at": run.created_at.isoformat(),
                "preview": run.preview or "",
                "fragment": found.fragments[run.id].text[:_FRAGMENT_CHARS] if run.id in found.fragments else "",
            }
            for run in found.runs
        ]

    def take(self, event: PlatformEvent) -> None:
        """Cancel the children nobody waits for any more: of a cancelled run, and of a flow that ended without them."""
        status, flow = str(event.payload.get("status")), event.payload.get("definition") == FLOW
        # What its budget has stopped may go on, and then waits for them again.
        if not event.causation_run_id or not (status.startswith("cancelled") or (flow and status != "budget_stopped")):
            return
        with self._db.read() as connection:
            waiting = rows.children_of(connection, event.causation_run_id)
        for run_id in waiting:
            # It may have ended meanwhile, or belong to what is not kept any more.
            with suppress(Conflict, NotFound):
                self._runs.cancel(event.workspace_id, run_id, by="its parent")
