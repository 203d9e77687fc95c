"""Events: publish facts in the transaction that caused them, and hand each to every trigger that listens."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.events import PlatformEvent, check_subject, is_awaited, matches, passes_filter, woken_by
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import IonfluxError, LimitExceeded, Unavailable
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.context import bounded
from ionflux_core.services.runs import Runs
from ionflux_core.storage import events as rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage import triggers as trigger_rows
from ionflux_core.storage.engine import Connection, Database, dump_json

log = logging.getLogger(__name__)

_BATCH = 200
_TOPICS_SECONDS = 1.0
_RETRY_SECONDS = 1.0


class Events:
    """Use-cases around platform events."""

    def __init__(self, db: Database, runs: Runs) -> None:
        self._db = db
        self._runs = runs
        self.published: Callable[[], None] = lambda: None
        self._topics: dict[str, list[str]] = {}
        self._topics_read = 0.0

    def publish(
        self,
        workspace_id: str,
        type: str,
        payload: Mapping[str, Any],
        *,
        source: str = "api",
        key: str | None = None,
        correlation_id: str | None = None,
        brand_id: str | None = None,
    ) -> str:
        """Publish an event and return its id; the same key publishes once and gives the first id."""
        clean = self._runs.hidden(workspace_id, payload)
        row = self.prepared(
            workspace_id, type, clean, source=source, key=key, correlation_id=correlation_id, brand_id=brand_id
        )

        def work(connection: Connection) -> str:
            if rows.insert(connection, row):
                return str(row["id"])
            return rows.id_for_key(connection, workspace_id, row["dedup_key"]) or str(row["id"])

        event_id = self._db.write(work, durable=True)
        self.published()
        return event_id

    @staticmethod
    def prepared(
        workspace_id: str,
        type: str,
        payload: Mapping[str, Any],
        *,
        source: str,
        key: str | None = None,
        correlation_id: str | None = None,
        brand_id: str | None = None,
    ) -> dict[str, Any]:
        """A checked row, for callers that publish inside a transaction of their own."""
        if len(dump_json(payload)) > limits.EVENT_BYTES:
            raise LimitExceeded("The event is larger than 1 MiB.", hint="Store a file and send its reference.")
        event_id = new_id()
        event = PlatformEvent(
            id=event_id,
            workspace_id=workspace_id,
            type=check_subject(type),
            at=now(),
            source=source,
            brand_id=brand_id,
            correlation_id=correlation_id or event_id,
            dedup_key=bounded(key) if key else None,
            payload=dict(payload),
        )
        return event.model_dump(exclude={"seq"})

    def find(
        self,
        workspace_id: str,
        *,
        prefix: str = "",
        correlation_id: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[PlatformEvent]:
        """Events of a workspace, newest first."""
        limit = max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            return rows.find(
                connection, workspace_id, prefix=prefix, correlation_id=correlation_id, before=before, limit=limit
            )

    def deliver(self) -> int:
        """Hand open events to their listeners; how many are done with. Safe to call from several processes."""
        with self._db.read() as connection:
            waiting = rows.open_events(connection, limit=_BATCH)
        if not waiting:
            return 0
        listeners: dict[str, list[Trigger]] = {}
        parked: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        with self._db.read() as connection:
            for workspace_id in {event.workspace_id for event in waiting}:
                listeners[workspace_id] = trigger_rows.enabled(connection, "event", workspace_id=workspace_id)
                parked[workspace_id] = run_rows.waiting_for_events(connection, workspace_id)
        unheard, settled = [], 0
        for event in waiting:
            chosen = _listening(listeners[event.workspace_id], event)
            woken = [run for run in parked[event.workspace_id] if is_awaited(run[1], event)]
            if not chosen and not woken:
                unheard.append(event.id)
                continue
            taken = [self._hand_over(event, trigger) for trigger in chosen]
            if all(taken):
                self._settle(event, woken)
                settled += 1
        if unheard:
            self._db.write(lambda connection: rows.settle(connection, unheard, "archived_no_trigger"))
        if settled:
            self._runs.announce()
        return settled + len(unheard)

    def heard(self, workspace_id: str, type: str) -> bool:
        """Whether a trigger of the workspace listens to a subject, as of at most a second ago."""
        at = time.monotonic()
        if at - self._topics_read > _TOPICS_SECONDS:
            topics: dict[str, list[str]] = {}
            with self._db.read() as connection:
                for trigger in trigger_rows.enabled(connection, "event"):
                    topics.setdefault(trigger.workspace_id, []).append(trigger.config.get("topic", ""))
            self._topics, self._topics_read = topics, at
        return any(matches(topic, type) for topic in self._topics.get(workspace_id, ()))

    def forget_topics(self) -> None:
        """Read the listeners anew at the next question: triggers have changed."""
        self._topics_read = 0.0

    def _settle(self, event: PlatformEvent, woken: list[tuple[str, dict[str, Any]]]) -> None:
        def work(connection: Connection) -> None:
            for run_id, wait in woken:
                run_rows.move(connection, run_id, "pending", parked=True, wake_at=None, wait=woken_by(wait, event))
            rows.settle(connection, [event.id], "processed")

        self._db.write(work)

    def _hand_over(self, event: PlatformEvent, trigger: Trigger) -> bool:
        """Start the trigger's run once; False when it should be tried again later."""
        with self._db.read() as connection:
            earlier = rows.deliveries(connection, event.id).get(trigger.id)
            cause = run_rows.depth_of(connection, event.causation_run_id) if event.causation_run_id else -1
        if earlier is not None and earlier.status in ("started", "dead"):
            return True
        if earlier is not None and now() < earlier.at + timedelta(seconds=_RETRY_SECONDS * 2**earlier.attempts):
            return False
        attempts = (earlier.attempts if earlier is not None else 0) + 1
        origin = RunTrigger(
            kind="event",
            id=trigger.id,
            key=trigger.key,
            task=trigger.task,
            event_id=event.id,
            event_type=event.type,
            payload=None if trigger.payload_to else event.payload,
        )
        try:
            prepared = self._runs.prepare(
                event.workspace_id,
                trigger.instance_id,
                trigger=origin,
                payload=event.payload,
                payload_to=trigger.payload_to,
                task=trigger.task,
                key=f"{trigger.id}:{event.id}",
                correlation_id=event.correlation_id,
                depth=cause + 1,
            )
        except IonfluxError as error:
            return self._refused(event, trigger, error, attempts)
        except Exception as error:
            # The tick edge of one delivery: an event nobody can take must not stand before all others.
            log.exception("event %s broke its delivery to trigger %s", event.id, trigger.key)
            plain = IonfluxError(f"The delivery failed: {type(error).__name__}.")
            return self._refused(event, trigger, plain, attempts)

        def work(connection: Connection) -> None:
            started = self._runs.insert(connection, prepared)
            at = now()
            rows.note_delivery(
                connection, event.id, trigger.id, status="started", attempts=attempts, at=at, run_id=started.run_id
            )
            if not started.repeated:
                trigger_rows.note_firing(
                    connection, trigger.id, at=at, outcome="started", detail=event.type, run_id=started.run_id
                )

        self._db.write(work)
        return True

    def _refused(self, event: PlatformEvent, trigger: Trigger, error: IonfluxError, attempts: int) -> bool:
        """Keep why a delivery failed; what may heal is tried again, the rest is dead and shown."""
        again = isinstance(error, Unavailable) and attempts < limits.EVENT_DELIVERY_ATTEMPTS
        reason = {"code": error.code, "message": error.message, "hint": error.hint}

        def work(connection: Connection) -> None:
            status, at = "failed" if again else "dead", now()
            rows.note_delivery(connection, event.id, trigger.id, status=status, attempts=attempts, at=at, error=reason)
            trigger_rows.note_firing(
                connection, trigger.id, at=at, outcome="failed" if again else "refused", detail=error.message
            )

        self._db.write(work)
        log.warning("event %s was not taken by trigger %s: %s", event.id, trigger.key, error.message)
        return not again


def _listening(triggers: list[Trigger], event: PlatformEvent) -> list[Trigger]:
    """The triggers an event starts: every one that fits, but one per consumer group, evenly and at random.

    The choice follows from the event's id: a delivery that is repeated after a crash meets the same trigger.

    An event that a webhook brought does not go back to the instance whose webhook it was.
    """
    fitting = [
        trigger
        for trigger in triggers
        if event.source != f"hook:{trigger.instance_id}"
        and matches(trigger.config.get("topic", ""), event.type)
        and passes_filter(trigger.config.get("filter") or {}, event.payload)
    ]
    chosen: dict[str, list[Trigger]] = {}
    for trigger in fitting:
        chosen.setdefault(trigger.config.get("group") or trigger.id, []).append(trigger)
    turn = int(hashlib.sha256(event.id.encode()).hexdigest()[:8], 16)
    return [members[turn % len(members)] for members in chosen.values()]
