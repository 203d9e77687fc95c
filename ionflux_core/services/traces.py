"""What traces tell of events and whole runs: heard as facts, so that it is told after a crash, too."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.runs import Run
from ionflux_core.ids import now
from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.storage import runs
from ionflux_core.storage.engine import Database
from ionflux_core.telemetry import Span, Traces, nanoseconds, span_id

# What lies further back is history: a collector that was set today is not told of last month.
_FRESH: Final = timedelta(hours=6)


def tracing(db: Database, traces: Traces | None) -> list[TracesFollower]:
    """Who follows for the traces: nobody when there are none."""
    return [TracesFollower(db, traces)] if traces is not None else []


class TracesFollower:
    """Hears every event and makes a span of it; the end of a run becomes the span of the run."""

    name = "traces"
    types = (">",)

    def __init__(self, db: Database, traces: Traces) -> None:
        self._db = db
        self._traces = traces

    def take(self, event: PlatformEvent) -> None:
        """Tell of one fact, unless it is old."""
        if now() - event.at > _FRESH:
            return
        if event.type == COMPLETED and event.causation_run_id:
            self._ended(event.workspace_id, event.causation_run_id)
        # The end of a run that nobody listens to is said by the run's own span.
        if event.type != COMPLETED or event.status != "archived_no_trigger":
            self._traces.add(self._of_event(event))

    def _ended(self, workspace_id: str, run_id: str) -> None:
        with self._db.glance() as connection:
            run = runs.get(connection, workspace_id, run_id)
        if run is not None and run.finished_at is not None:
            self._traces.add(self._of_run(run))

    def _of_event(self, event: PlatformEvent) -> Span:
        parent = None
        if event.causation_run_id:
            parent = span_id("run", event.causation_run_id)
        elif event.source.startswith("hook:") or self._traces.has_request(event.correlation_id):
            parent = span_id("request", event.correlation_id)
        at = nanoseconds(event.at)
        attributes = {
            "ionflux.event.id": event.id, "ionflux.event.type": event.type, "ionflux.workspace.id": event.workspace_id,
            "ionflux.event.status": event.status,
        }  # fmt: skip
        own = span_id("event", event.id)
        return Span(event.correlation_id, own, parent, f"event {event.type}", at, at, attributes, "producer")

    def _of_run(self, run: Run) -> Span:
        began = run.started_at or run.created_at
        attributes = {
            "ionflux.run.id": run.id, "ionflux.workspace.id": run.workspace_id, "ionflux.agent": run.definition_slug,
            "ionflux.instance.id": run.instance_id, "ionflux.trigger": run.trigger_kind, "ionflux.status": run.status,
            "ionflux.attempt": run.attempt, "ionflux.lineage": run.lineage, "ionflux.cost_micros": run.cost_micros,
            "ionflux.queue_seconds": round((began - run.created_at).total_seconds(), 6),
        }  # fmt: skip
        return Span(
            run.correlation_id, span_id("run", run.id), self._parent_of(run), f"run {run.definition_slug}",
            nanoseconds(run.created_at), nanoseconds(run.finished_at or now()), attributes, "consumer",
            run.error_code if run.status != "success" else None,
        )  # fmt: skip

    def _parent_of(self, run: Run) -> int | None:
        """What has brought a run about: another run, an event, a webhook or a request; None for the first of all."""
        if run.parent_run_id:
            return span_id("run", run.parent_run_id)
        if run.trigger.event_id:
            return span_id("event", run.trigger.event_id)
        if run.trigger_kind == "webhook" or self._traces.has_request(run.correlation_id):
            return span_id("request", run.correlation_id)
        return None
