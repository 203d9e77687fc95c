"""Events: publish facts in the transaction that caused them, list and open them, hand each to whoever listens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.events import (
    EventDelivery,
    EventFilter,
    PlatformEvent,
    check_pattern,
    check_subject,
    matches,
)
from ionflux_core.errors import LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.redaction import Redactor
from ionflux_core.runtime.context import bounded
from ionflux_core.services.event_chains import EventChains
from ionflux_core.services.event_deliveries import EventDeliveries, next_try
from ionflux_core.services.event_listeners import EventListeners
from ionflux_core.services.event_replays import EventReplays
from ionflux_core.services.runs import Runs
from ionflux_core.storage import event_deliveries as delivery_rows
from ionflux_core.storage import events as rows
from ionflux_core.storage import workspaces as brand_rows
from ionflux_core.storage.engine import Connection, Database, dump_json
from ionflux_core.telemetry import caused

# PostgreSQL numbers events before they are committed: one may appear behind others that were seen before it.
_OVERLAP = 200
_WORKSPACES_KNOWN = 200
_LAST = 2**53
# A workspace may have any number of types; a query names so many.
_TYPES_NAMED = 500
_GLIMPSE_VALUES = 20
# Long enough that what looks like a secret is still known as one.
_GLIMPSE_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, newest first; `cursor` asks for the next.

    `searched` says how many events were looked through for words, where that was not all there are.
    """

    events: list[PlatformEvent]
    cursor: int | None
    searched: int | None = None


class Events(EventDeliveries):
    """Use-cases around platform events."""

    def __init__(self, db: Database, runs: Runs, changed: Callable[[str | None, str], None] = lambda *_: None) -> None:
        super().__init__(db, runs, changed)
        self.published: Callable[[], None] = lambda: None
        self.chains = EventChains(db)
        self.replays = EventReplays(db, runs, lambda workspace_id: changed(workspace_id, "events"))
        self.listeners = EventListeners(db)
        self._types: dict[str, _Types] = {}

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
            if brand_id and brand_rows.brand(connection, workspace_id, brand_id) is None:
                raise NotFound("There is no such brand.", hint="Choose one of the workspace, or none.")
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
            correlation_id=caused(correlation_id or event_id),
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
        narrow = EventFilter(prefix=prefix, correlation_id=correlation_id)
        with self._db.read() as connection:
            return rows.find(connection, workspace_id, narrow, before=before or None, limit=limit)

    def search(
        self, workspace_id: str, narrow: EventFilter, *, before: int | None = None, limit: int = 50
    ) -> EventPage:
        """A page of the events a filter leaves; words are looked for in a stretch of the newest at a time."""
        limit = max(1, min(limit, limits.PAGE_ROWS))
        types = self._types_of(workspace_id, narrow.pattern) if narrow.pattern else None
        if types is not None and not types.spans:
            return EventPage([], None)
        after: int | None = None
        searched: int | None = None
        if types is not None:
            after, last = types.first - 1, types.last + 1
            before = last if before is None else min(before, last)
        with self._db.read() as connection:
            if narrow.text and not narrow.correlation_id:
                stop = rows.seq_at(connection, workspace_id, before=before, rows=limits.EVENT_TEXT_ROWS)
                if stop is not None and (after is None or stop > after):
                    after, searched = stop, limits.EVENT_TEXT_ROWS
            found = rows.find(
                connection, workspace_id, narrow, types=types.few if types else None, before=before, after=after,
                limit=limit + 1,
            )  # fmt: skip
        if len(found) > limit:
            return EventPage(found[:limit], found[limit - 1].seq, searched)
        # What lies further back has not been looked through: the next page goes on there.
        return EventPage(found, after + 1 if searched is not None and after is not None else None, searched)

    def get(self, workspace_id: str, event_id: str) -> PlatformEvent:
        """One event; NotFound when it is not there."""
        with self._db.read() as connection:
            event = rows.get(connection, workspace_id, event_id)
        if event is None:
            raise NotFound("There is no such event.", hint="It may have been removed by the workspace's retention.")
        return event

    def deliveries(self, workspace_id: str, event_ids: list[str]) -> dict[str, list[EventDelivery]]:
        """How events reached their triggers, by event; a failed one says when it is tried again."""
        with self._db.read() as connection:
            found = delivery_rows.named(connection, workspace_id, event_ids) if event_ids else []
        by_event: dict[str, list[EventDelivery]] = {}
        for each in found:
            by_event.setdefault(each.event_id, []).append(with_next_try(each))
        return by_event

    def causes(self, workspace_id: str, events: list[PlatformEvent]) -> dict[str, str]:
        """What the agents are called whose runs have caused some events, by run."""
        run_ids = {event.causation_run_id for event in events if event.causation_run_id}
        with self._db.read() as connection:
            return rows.names_of_runs(connection, workspace_id, run_ids) if run_ids else {}

    def newer(self, workspace_id: str, seq: int) -> int:
        """How many events came behind a number, counted up to 1,000."""
        with self._db.read() as connection:
            return rows.newer(connection, workspace_id, seq, most=1000)

    def newest_seq(self, workspace_id: str) -> int:
        """The number of the newest event; 0 when there is none."""
        with self._db.read() as connection:
            return rows.newest_seq(connection, workspace_id)

    def sample(self, workspace_id: str, type: str) -> dict[str, Any]:
        """The payload of the newest event of a type, to write a test event after; empty when none came lately."""
        with self._db.read() as connection:
            event = rows.newest_of_type(connection, workspace_id, type, rows=limits.EVENTS_OBSERVED)
        return self.shown(event) if event else {}

    def shown(self, event: PlatformEvent) -> dict[str, Any]:
        """The payload as it may be looked at: without secrets, also those nobody has stored."""
        clean: dict[str, Any] = Redactor().tree(self._runs.hidden(event.workspace_id, event.payload))
        return clean

    def glimpsed(self, event: PlatformEvent) -> dict[str, Any]:
        """The first plain values of a payload, without secrets: enough for a line, however large the event is."""
        plain = {
            name[:_GLIMPSE_CHARS]: value[:_GLIMPSE_CHARS] if isinstance(value, str) else value
            for name, value in islice(event.payload.items(), _GLIMPSE_VALUES)
            if not isinstance(value, (dict, list))
        }
        return self.shown(event.model_copy(update={"payload": plain}))

    def _types_of(self, workspace_id: str, pattern: str) -> _Found:
        """The types of a workspace that fit a pattern. They are read once; later only what came since is."""
        pattern = check_pattern(pattern)
        if len(self._types) > _WORKSPACES_KNOWN:
            self._types.clear()
        if workspace_id not in self._types and not set(pattern) & set("*>"):
            # One type can be asked for without knowing the others.
            return _Found({pattern: (0, _LAST)})
        known = self._types.setdefault(workspace_id, _Types())
        with known.lock:
            with self._db.read() as connection:
                fresh = rows.types_since(connection, workspace_id, max(known.seen - _OVERLAP, 0))
            for type, first, last in fresh:
                earliest, _ = known.spans.get(type, (first, last))
                known.spans[type] = (min(earliest, first), last)
                known.seen = max(known.seen, last)
            return _Found({type: span for type, span in known.spans.items() if matches(pattern, type)})


class _Types:
    """The types of a workspace's events, each with the numbers of its first and last one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.spans: dict[str, tuple[int, int]] = {}
        self.seen = 0


@dataclass(frozen=True, slots=True)
class _Found:
    spans: dict[str, tuple[int, int]]

    @property
    def few(self) -> Collection[str] | None:
        """The types by name, unless they are too many: then the pattern itself is looked for."""
        return self.spans if len(self.spans) <= _TYPES_NAMED else None

    @property
    def first(self) -> int:
        return min(first for first, _ in self.spans.values())

    @property
    def last(self) -> int:
        return max(last for _, last in self.spans.values())


def with_next_try(delivery: EventDelivery) -> EventDelivery:
    """A failed delivery with the time of its next attempt; others as they are."""
    return delivery.model_copy(update={"next_at": next_try(delivery)}) if delivery.status == "failed" else delivery
