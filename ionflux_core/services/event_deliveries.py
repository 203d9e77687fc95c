"""Deliveries: each event goes to every trigger that listens, again while it may heal, and is given up with a reason."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.agents import FLOW
from ionflux_core.domain.events import (
    SETTLED,
    DeliveryStatus,
    EventDelivery,
    PlatformEvent,
    is_awaited,
    matches,
    passes_filter,
    woken_by,
)
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import IonfluxError, Unavailable
from ionflux_core.ids import now
from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Prepared
from ionflux_core.storage import event_deliveries as delivery_rows
from ionflux_core.storage import events as rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage import triggers as trigger_rows
from ionflux_core.storage.engine import AnyRow, Connection, Database

log = logging.getLogger(__name__)

_BATCH = 200
# So many batches of events that all wait for another try are passed over for what came behind them.
_BATCHES = 10
_TOPICS_SECONDS = 1.0
_RETRY_SECONDS = 1.0


class EventDeliveries:
    """Hands events to their listeners."""

    def __init__(self, db: Database, runs: Runs, changed: Callable[[str | None, str], None]) -> None:
        self._db = db
        self._runs = runs
        self._changed = changed
        self._topics: dict[str, list[str]] = {}
        self._topics_read = 0.0

    def deliver(self) -> int:
        """Hand open events to their listeners; how many are done with. Safe to call from several processes."""
        behind = 0
        for _ in range(_BATCHES):
            with self._db.read() as connection:
                waiting = rows.open_events(connection, after=behind, limit=_BATCH)
            done = self._deliver(waiting) if waiting else 0
            if done or len(waiting) < _BATCH:
                return done
            behind = waiting[-1].seq
        return 0

    def _deliver(self, waiting: list[PlatformEvent]) -> int:
        listeners: dict[str, list[Trigger]] = {}
        parked: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        with self._db.read() as connection:
            for workspace_id in {event.workspace_id for event in waiting}:
                listeners[workspace_id] = [
                    *trigger_rows.enabled(connection, "event", workspace_id=workspace_id),
                    *trigger_rows.enabled(connection, "flow", workspace_id=workspace_id),
                ]
                parked[workspace_id] = run_rows.waiting_for_events(connection, workspace_id)
        unheard: list[PlatformEvent] = []
        settled: list[PlatformEvent] = []
        for event in waiting:
            chosen = listening(listeners[event.workspace_id], event)
            woken = [run for run in parked[event.workspace_id] if is_awaited(run[1], event)]
            if not chosen and not woken:
                unheard.append(event)
                continue
            taken = [self._hand_over(event, trigger) for trigger in chosen]
            if all(taken):
                self._settle(event, woken)
                settled.append(event)
        if unheard:
            ids = [event.id for event in unheard]
            self._db.write(lambda connection: rows.settle(connection, ids, "archived_no_trigger"))
        for workspace_id in {event.workspace_id for event in (*unheard, *settled)}:
            self._changed(workspace_id, "events")
        if settled:
            self._runs.announce()
        return len(settled) + len(unheard)

    def heard(self, workspace_id: str, type: str) -> bool:
        """Whether a trigger of the workspace listens to a subject, as of at most a second ago."""
        at = time.monotonic()
        if at - self._topics_read > _TOPICS_SECONDS:
            topics: dict[str, list[str]] = {}
            with self._db.read() as connection:
                for trigger in trigger_rows.enabled(connection, "event"):
                    topics.setdefault(trigger.workspace_id, []).append(trigger.config.get("topic", ""))
                for trigger in trigger_rows.enabled(connection, "flow"):
                    topics.setdefault(trigger.workspace_id, []).append(COMPLETED)
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
            earlier = delivery_rows.of_event(connection, event.id).get(trigger.id)
        if earlier is not None and earlier.status in SETTLED:
            return True
        if earlier is not None and now() < next_try(earlier):
            return False
        attempts = (earlier.attempts if earlier is not None else 0) + 1
        try:
            prepared = prepare_delivery(self._db, self._runs, event, trigger, key=f"{trigger.id}:{event.id}")
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
            delivery_rows.note(
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

        def work(connection: Connection) -> bool:
            there = delivery_rows.of_event(connection, event.id).get(trigger.id)
            if there is not None and there.status in SETTLED:
                # Another process has handed it over meanwhile: what stands in our way is no dead letter.
                return False
            at, reason = now(), reason_of(error)
            status: DeliveryStatus = "failed" if again else "dead"
            delivery_rows.note(connection, event.id, trigger.id, status=status, attempts=attempts, at=at, error=reason)
            trigger_rows.note_firing(
                connection, trigger.id, at=at, outcome="failed" if again else "refused", detail=error.message
            )
            return True

        if not self._db.write(work):
            return True
        self._changed(event.workspace_id, "events")
        log.warning("event %s was not taken by trigger %s: %s", event.id, trigger.key, error.message)
        return not again


def prepare_delivery(
    db: Database, runs: Runs, event: PlatformEvent, trigger: Trigger, *, key: str, by: str | None = None
) -> Prepared:
    """The run an event starts at a trigger, in the event's chain and one deeper than what caused it."""
    with db.read() as connection:
        cause = run_rows.depth_of(connection, event.causation_run_id) if event.causation_run_id else -1
    origin = RunTrigger(
        kind=trigger.kind,
        id=trigger.id,
        key=trigger.key,
        task=trigger.task,
        event_id=event.id,
        event_type=event.type,
        by=by,
        payload=None if trigger.payload_to else event.payload,
    )
    return runs.prepare(
        event.workspace_id,
        trigger.instance_id,
        trigger=origin,
        payload=event.payload,
        payload_to=trigger.payload_to,
        task=trigger.task,
        key=key,
        correlation_id=event.correlation_id,
        depth=cause + 1,
    )


def reason_of(error: IonfluxError) -> dict[str, Any]:
    """An error as a delivery keeps it."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def next_try(delivery: AnyRow | EventDelivery) -> datetime:
    """When a failed delivery is tried again: each time twice as late."""
    at: datetime = delivery.at
    return at + timedelta(seconds=_RETRY_SECONDS * 2**delivery.attempts)


def fits(trigger: Trigger, event: PlatformEvent) -> bool:
    """Whether a trigger listens to an event. One that a webhook brought does not go back to that webhook's instance."""
    if trigger.kind == "flow":
        return _ends_as_awaited(trigger, event)
    return (
        event.source != f"hook:{trigger.instance_id}"
        and matches(trigger.config.get("topic", ""), event.type)
        and passes_filter(trigger.config.get("filter") or {}, event.payload)
    )


def _ends_as_awaited(trigger: Trigger, event: PlatformEvent) -> bool:
    """Whether an event is the end of the flow that a trigger waits for, in the way it waits for."""
    if event.type != COMPLETED or event.payload.get("definition") != FLOW:
        return False
    wanted, well = trigger.config.get("on", "success"), event.payload.get("status") == "success"
    return event.payload.get("instance") == trigger.config.get("from_flow") and wanted in (
        "always",
        "success" if well else "failure",
    )


def listening(triggers: list[Trigger], event: PlatformEvent) -> list[Trigger]:
    """The triggers an event starts: every one that fits, but one per consumer group, evenly and at random.

    The choice follows from the event's id: a delivery that is repeated after a crash meets the same trigger.
    """
    chosen: dict[str, list[Trigger]] = {}
    for trigger in triggers:
        if fits(trigger, event):
            chosen.setdefault(trigger.config.get("group") or trigger.id, []).append(trigger)
    turn = int(hashlib.sha256(event.id.encode()).hexdigest()[:8], 16)
    return [members[turn % len(members)] for members in chosen.values()]
