"""Events once more: an old one handed to a trigger again, and what was given up tried again or set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.events import DeliveryStatus, EventDelivery, PlatformEvent
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import Conflict, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.ids import now
from ionflux_core.services.event_deliveries import fits, next_try, prepare_delivery, reason_of
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Started
from ionflux_core.storage import audit
from ionflux_core.storage import event_deliveries as rows
from ionflux_core.storage import events as event_rows
from ionflux_core.storage import triggers as trigger_rows
from ionflux_core.storage.engine import Connection, Database

_TRIES = 5
_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of many: how many were started, and how often each reason stood against it."""

    started: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """Dead deliveries that were given up for the same reason at the same trigger."""

    trigger_id: str
    code: str
    deliveries: list[EventDelivery]


class EventReplays:
    """Use-cases around deliveries that a person asks for."""

    def __init__(self, db: Database, runs: Runs, changed: Callable[[str], None]) -> None:
        self._db = db
        self._runs = runs
        self._changed = changed

    def triggers(self, workspace_id: str) -> list[Trigger]:
        """Every trigger of the workspace that listens to events, whether it is on or off."""
        with self._db.read() as connection:
            found = trigger_rows.find(connection, workspace_id)
        return [trigger for trigger in found if trigger.kind == "event"]

    def fitting(self, trigger: Trigger, events: Iterable[PlatformEvent]) -> list[PlatformEvent]:
        """Those of some events that a trigger listens to."""
        return [event for event in events if fits(trigger, event)]

    def replay(self, workspace_id: str, event_id: str, trigger_id: str, *, by: str | None = None) -> Started:
        """Hand an old event to one trigger again: a run of its own each time, in the event's chain."""
        with self._db.read() as connection:
            event = event_rows.get(connection, workspace_id, event_id)
        if event is None:
            raise NotFound("There is no such event.", hint="Choose one from the stream.")
        started = self._again(event, self._trigger(workspace_id, trigger_id), by)
        self._told(workspace_id)
        return started

    def replay_many(
        self, workspace_id: str, events: Sequence[PlatformEvent], trigger_id: str, *, by: str | None = None
    ) -> Outcome:
        """Hand many events to one trigger again, the oldest first; those it does not listen to are left out."""
        trigger = self._trigger(workspace_id, trigger_id)
        if len(events) > limits.EVENT_REPLAYS:
            raise LimitExceeded(
                f"At most {limits.EVENT_REPLAYS} events are replayed at once.", hint="Narrow the filter."
            )
        own = [event for event in events if event.workspace_id == workspace_id]
        outcome = self._each(sorted(self.fitting(trigger, own), key=lambda e: e.seq), trigger, by)
        self._told(workspace_id)
        return outcome

    def runs_of(self, workspace_id: str, delivery: EventDelivery) -> list[tuple[int, str, str]]:
        """The runs that replays of a delivery have started: number, id and status."""
        first = max(1, delivery.replays - limits.PAGE_ROWS)
        keys = {_key(delivery.trigger_id, delivery.event_id, n): n for n in range(first, delivery.replays + 1)}
        if not keys:
            return []
        with self._db.read() as connection:
            found = rows.runs_by_key(connection, workspace_id, list(keys))
        return [(keys[key], run_id, status) for run_id, status, key in found]

    def dead(
        self, workspace_id: str, *, set_aside: bool = False, before: datetime | None = None, limit: int = 50
    ) -> list[EventDelivery]:
        """Deliveries that were given up and still lie there, or those a person has set aside; newest first."""
        limit = max(1, min(limit, _COUNTED))
        status: DeliveryStatus = "discarded" if set_aside else "dead"
        with self._db.read() as connection:
            return rows.dead(connection, workspace_id, status=status, before=before, limit=limit)

    def dead_count(self, workspace_id: str) -> int:
        """How many deliveries are dead, counted up to 1,000."""
        with self._db.read() as connection:
            return rows.dead_count(connection, workspace_id, most=_COUNTED)

    def causes(self, workspace_id: str) -> list[Cause]:
        """The dead deliveries by trigger and reason, the largest group first."""
        groups: dict[tuple[str, str], list[EventDelivery]] = {}
        for each in self.dead(workspace_id, limit=_COUNTED):
            code = str((each.error or {}).get("code") or "error")
            groups.setdefault((each.trigger_id, code), []).append(each)
        found = [Cause(trigger_id, code, members) for (trigger_id, code), members in groups.items()]
        return sorted(found, key=lambda cause: -len(cause.deliveries))

    def failing(self, workspace_id: str) -> list[EventDelivery]:
        """Deliveries that are still being tried, each with the time of its next attempt."""
        with self._db.read() as connection:
            found = rows.failing(connection, workspace_id, limit=limits.PAGE_ROWS)
        return [each.model_copy(update={"next_at": next_try(each)}) for each in found]

    def retry(self, workspace_id: str, event_id: str, trigger_id: str, *, by: str | None = None) -> Started:
        """Try a dead delivery again; when it fails once more its new reason is kept and raised."""
        event, delivery = self._dead_one(workspace_id, event_id, trigger_id)
        try:
            trigger = self._trigger(workspace_id, trigger_id)
            prepared = prepare_delivery(self._db, self._runs, event, trigger, key=f"{trigger_id}:{event_id}", by=by)
        except IonfluxError as error:
            reason = reason_of(error)
            self._db.write(
                lambda connection: rows.take(
                    connection, event_id, trigger_id, source="dead", to="dead", attempts=delivery.attempts + 1,
                    error=reason, at=now(),
                )
            )  # fmt: skip
            self._changed(workspace_id)
            raise

        def work(connection: Connection) -> Started | None:
            at = now()
            if not rows.take(connection, event_id, trigger_id, source="dead", to="started", at=at, error=None,
                             attempts=delivery.attempts + 1):  # fmt: skip
                return None
            started = self._runs.insert(connection, prepared)
            rows.take(connection, event_id, trigger_id, source="started", to="started", run_id=started.run_id)
            if not started.repeated:
                trigger_rows.note_firing(
                    connection, trigger_id, at=at, outcome="started", detail=event.type, run_id=started.run_id
                )
            self._note(connection, event, "retried", by, {"trigger_id": trigger_id, "run_id": started.run_id})
            return started

        started = self._db.write(work, durable=True)
        if started is None:
            raise _moved_on()
        self._told(workspace_id)
        return started

    def retry_many(self, workspace_id: str, deliveries: Sequence[EventDelivery], *, by: str | None = None) -> Outcome:
        """Try many dead deliveries again, the oldest first; each that fails once more says why."""
        if len(deliveries) > limits.EVENT_REPLAYS:
            deliveries = sorted(deliveries, key=lambda each: each.at)[: limits.EVENT_REPLAYS]
        started, refused = 0, Counter[str]()
        for each in sorted(deliveries, key=lambda one: one.at):
            try:
                self.retry(workspace_id, each.event_id, each.trigger_id, by=by)
                started += 1
            except IonfluxError as error:
                refused[error.message] += 1
        return Outcome(started, dict(refused))

    def set_aside(self, workspace_id: str, deliveries: Sequence[EventDelivery], *, by: str | None = None) -> int:
        """Put dead deliveries aside for good, with who did it; how many were still dead."""

        def work(connection: Connection) -> int:
            count = 0
            for each in deliveries:
                event = event_rows.get(connection, workspace_id, each.event_id)
                reason = (each.error or {}) | {"set_aside_by": by or "", "set_aside_at": now().isoformat()}
                if event is not None and rows.take(
                    connection, each.event_id, each.trigger_id, source="dead", to="discarded", error=reason
                ):
                    self._note(connection, event, "discarded", by, {"trigger_id": each.trigger_id})
                    count += 1
            return count

        count = self._db.write(work, durable=True)
        self._changed(workspace_id)
        return count

    def _each(self, events: Sequence[PlatformEvent], trigger: Trigger, by: str | None) -> Outcome:
        started, refused = 0, Counter[str]()
        for event in events:
            try:
                self._again(event, trigger, by)
                started += 1
            except IonfluxError as error:
                refused[error.message] += 1
        return Outcome(started, dict(refused))

    def _again(self, event: PlatformEvent, trigger: Trigger, by: str | None) -> Started:
        """One replay. Two that are asked for at the same moment take different numbers and are two runs."""
        for _ in range(_TRIES):
            with self._db.read() as connection:
                earlier = rows.of_event(connection, event.id).get(trigger.id)
            number = (earlier.replays if earlier is not None else 0) + 1
            prepared = prepare_delivery(
                self._db, self._runs, event, trigger, key=_key(trigger.id, event.id, number), by=by
            )

            def work(connection: Connection, number: int = number, prepared: Any = prepared) -> Started | None:
                return self._insert(connection, event, trigger, number, prepared, by)

            started = self._db.write(work, durable=True)
            if started is not None:
                return started
        raise _moved_on()

    def _insert(
        self, connection: Connection, event: PlatformEvent, trigger: Trigger, number: int, prepared: Any, by: str | None
    ) -> Started | None:
        at = now()
        started = self._runs.insert(connection, prepared)
        if started.repeated:
            return None
        earlier = rows.of_event(connection, event.id).get(trigger.id)
        attempts = earlier.attempts if earlier is not None else 0
        rows.note(
            connection, event.id, trigger.id, status="started", attempts=attempts, at=at, run_id=started.run_id,
            replays=number,
        )  # fmt: skip
        trigger_rows.note_firing(
            connection, trigger.id, at=at, outcome="started", detail=f"replay {number} of {event.type}",
            run_id=started.run_id,
        )  # fmt: skip
        details = {"trigger_id": trigger.id, "run_id": started.run_id, "number": number}
        self._note(connection, event, "replayed", by, details)
        return started

    def _trigger(self, workspace_id: str, trigger_id: str) -> Trigger:
        with self._db.read() as connection:
            trigger = trigger_rows.get(connection, trigger_id)
        if trigger is None or trigger.workspace_id != workspace_id:
            raise NotFound("The trigger is not there any more.", hint="Choose another one, or set the letter aside.")
        if trigger.kind != "event":
            raise Invalid("Only a trigger that listens to events takes one.", hint="Choose a trigger of kind event.")
        return trigger

    def _dead_one(self, workspace_id: str, event_id: str, trigger_id: str) -> tuple[PlatformEvent, Any]:
        with self._db.read() as connection:
            event = event_rows.get(connection, workspace_id, event_id)
            delivery = rows.of_event(connection, event_id).get(trigger_id) if event else None
        if event is None or delivery is None:
            raise NotFound("There is no such dead letter.", hint="Reload the list.")
        if delivery.status != "dead":
            raise _moved_on()
        return event, delivery

    def _told(self, workspace_id: str) -> None:
        self._runs.announce()
        self._changed(workspace_id)

    @staticmethod
    def _note(
        connection: Connection, event: PlatformEvent, action: str, by: str | None, details: dict[str, Any]
    ) -> None:
        audit.note(
            connection, event.workspace_id, at=now(), who=by, action=action, entity="event", entity_id=event.id,
            details=details,
        )  # fmt: skip


def _key(trigger_id: str, event_id: str, number: int) -> str:
    return f"{trigger_id}:{event_id}:{number}"


def _moved_on() -> Conflict:
    return Conflict("The delivery has moved on meanwhile.", hint="Reload the page.")
