"""Figures about this process for a monitoring system: what ended since it started, and how things stand right now."""

from __future__ import annotations

import platform
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol

from ionflux_core import __version__
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.catalog.loader import Catalog
from ionflux_core.domain.effects import EFFECT_STATUSES
from ionflux_core.domain.money import ENTRY_KINDS, MICROS
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import now
from ionflux_core.measures import LONG, OTHER, Histogram, Known, Labels, Measures, Spread, Tally
from ionflux_core.redaction import LINES
from ionflux_core.runtime.worker import Worker
from ionflux_core.settings import Settings
from ionflux_core.storage import health, ledger, space
from ionflux_core.storage import metrics as rows
from ionflux_core.storage.engine import AnyRow, Connection, Database, change_stamp
from ionflux_core.telemetry import Traces

_BATCH: Final = 5000
# Another process may commit a row a little after a later mark was read; so the last seconds are read again.
_OVERLAP_MICROS: Final = 5_000_000
_OVERLAP_ENTRIES: Final = 500
_WORKSPACES: Final = 50
_CODES: Final = 100
# What needs a look at many rows is looked at this often.
_SLOW_SECONDS: Final = 30.0
_LEVELS: Final = ("debug", "info", "warning", "error", "critical", OTHER)
_BAD_DELIVERIES: Final = ("dead", "discarded", "failed")


Samples = Mapping[Labels, float | Spread]


@dataclass(frozen=True, slots=True)
class Family:
    """A figure with its samples by labels; a counter's name comes without `_total`."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    text: str
    labels: tuple[str, ...]
    samples: Samples


class _Clock(Protocol):
    keeping: bool


class Parts(Protocol):
    """What the figures are about; the application is one."""

    settings: Settings
    db: Database
    catalog: Catalog
    measures: Measures
    traces: Traces | None
    cache: AnalyticsCache
    worker: Worker | None
    started_at: float

    @property
    def clock(self) -> _Clock | None:
        """What keeps the schedules in this process."""


class Metrics:
    """Every figure of one process; a scrape reads little and wakes nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ended = Ended(parts.db, parts.catalog)
        self._booked = Booked(parts.db)
        self._lock = threading.Lock()
        self._slow: tuple[float, list[Family]] = (-_SLOW_SECONDS, [])

    def families(self) -> list[Family]:
        """Everything as of now; without a database what the process itself knows, and that the database is away."""
        with self._lock:
            found = [*self._own(), *_of_measures(self._parts.measures)]
            try:
                found += [*self._stored(), _gauge("database_up", "1 when the database answers.", 1)]
            except IonfluxError:
                found.append(_gauge("database_up", "1 when the database answers.", 0))
            return found

    def _own(self) -> Iterator[Family]:
        """What needs no database."""
        parts = self._parts
        about: Samples = {(__version__, platform.python_version(), parts.db.dialect): 1.0}
        yield Family("build_info", "gauge", "What runs here.", ("version", "python", "database"), about)
        yield _gauge("uptime_seconds", "Since the start.", time.time() - parts.started_at)
        yield _gauge("workers", "Runs executed at once.", parts.settings.workers)
        yield _gauge("workers_busy", "Runs executed right now.", parts.worker.running if parts.worker else 0)
        yield _gauge("threads", "Threads of this process that Python knows.", threading.active_count())
        disk = shutil.disk_usage(parts.settings.data_dir)
        yield _gauge("disk_free_bytes", "Free where the data lies.", disk.free)
        yield _gauge("disk_used_bytes", "Used on the disk where the data lies.", disk.used)
        yield from _of_cache(parts.cache, parts.settings.data_dir)
        lines: Samples = {(level,): float(LINES[level]) for level in _LEVELS}
        yield Family("log_lines", "counter", "Lines of the program's own log.", ("level",), lines)
        spans = parts.traces.counts() if parts.traces else {"sent": 0, "failed": 0, "dropped": 0}
        by_outcome: Samples = {(outcome,): float(count) for outcome, count in spans.items()}
        yield Family("trace_spans", "counter", "Spans for the collector of traces.", ("outcome",), by_outcome)
        waiting = parts.traces.waiting if parts.traces else 0
        yield _gauge("trace_spans_waiting", "Spans that wait to be sent.", waiting)

    def _stored(self) -> list[Family]:
        """What the run store tells."""
        at = now()
        found = [*self._ended.families(), self._booked.family()]
        with self._parts.db.read() as connection:
            found += _queue(connection, at)
            found += _open(connection, at)
            found += self._clock(connection, at)
            names = rows.workspace_names(connection, limit=_WORKSPACES)
            found += _workspaces(connection, names, at)
        looked, slow = self._slow
        if time.monotonic() - looked > _SLOW_SECONDS:
            slow = [*self._seldom()]
            self._slow = time.monotonic(), slow
        return [*found, *slow]

    def _clock(self, connection: Connection, at: datetime) -> Iterator[Family]:
        due, held = rows.next_due(connection), health.lease(connection, "clock")
        lag = (at - due).total_seconds() if due else 0.0
        yield _gauge("scheduler_lag_seconds", "How long the first schedule is overdue.", max(0.0, lag))
        kept = held is not None and held.until >= at
        yield _gauge("scheduler_up", "1 when some process keeps the clock.", float(kept))
        own = self._parts.clock is not None and self._parts.clock.keeping
        yield _gauge("scheduler_here", "1 when this process keeps the clock.", float(own))

    def _seldom(self) -> Iterator[Family]:
        with self._parts.db.read() as connection:
            effects, deliveries = rows.effects(connection), rows.deliveries(connection)
        yield Family(
            "outbox_effects", "gauge", "Effects in the outbox.", ("status",),
            {(status,): float(effects.get(status, 0)) for status in EFFECT_STATUSES},
        )  # fmt: skip
        yield Family(
            "event_deliveries", "gauge", "Deliveries of events that did not arrive; dead ones wait for a person.",
            ("status",), {(status,): float(deliveries.get(status, 0)) for status in _BAD_DELIVERIES},
        )  # fmt: skip
        taken = space.measure(self._parts.db)
        yield _gauge("database_bytes", "What the database takes.", taken.database)
        yield _gauge("database_free_bytes", "What of it holds nothing.", taken.free)
        yield _gauge("database_log_bytes", "SQLite's write-ahead log.", taken.log)


class Ended:
    """Runs that ended since the start, in any process, each exactly once."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        self._db = db
        self._catalog = catalog
        self._mark = self._floor = change_stamp()
        self._seen: dict[str, int] = {}
        self._codes = Known(_CODES)
        self.runs = Tally("agent", "status")
        self.errors = Tally("code")
        self.seconds = Histogram("agent", bounds=LONG)
        self.waits = Histogram(bounds=LONG)

    def families(self) -> Iterator[Family]:
        """Read what is new, and give all of it."""
        self._read()
        yield _tally("runs_ended", "Runs that ended since the start.", self.runs)
        yield _tally("run_errors", "Runs that failed since the start, by the error's code.", self.errors)
        yield _histogram("run_seconds", "From first step to end.", self.seconds)
        yield _histogram("queue_wait_seconds", "From acceptance to first step of runs tried once.", self.waits)

    def _read(self) -> None:
        known = {definition.slug for definition in self._catalog.definitions()}
        mark = max(self._floor, self._mark - _OVERLAP_MICROS)
        while True:
            with self._db.read() as connection:
                batch = rows.finished_after(connection, mark, limit=_BATCH)
            for row in batch:
                mark = int(row.change_seq)
                if row.id not in self._seen:
                    # What came in a file may name any agent.
                    self._count(row, row.definition_slug if row.definition_slug in known else OTHER)
                self._seen[row.id] = mark
            if len(batch) < _BATCH:
                break
        self._mark = max(self._mark, mark)
        oldest = self._mark - 2 * _OVERLAP_MICROS
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if seen > oldest}

    def _count(self, row: AnyRow, agent: str) -> None:
        self.runs.add(agent, row.status)
        if row.status != "success" and row.code:
            self.errors.add(self._codes.word(row.code))
        if row.started_at and row.finished_at:
            self.seconds.observe((row.finished_at - row.started_at).total_seconds(), agent)
        if row.started_at and row.attempt == 1:
            self.waits.observe((row.started_at - row.created_at).total_seconds())


class Booked:
    """What was booked in the ledger since the start, by kind of entry."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._mark: int | None = None
        self._floor = 0
        self._seen: set[int] = set()
        self._sums: dict[str, float] = dict.fromkeys(ENTRY_KINDS, 0.0)

    def family(self) -> Family:
        """Read what is new, and give all of it."""
        with self._db.read() as connection:
            if self._mark is None:
                self._mark = self._floor = rows.newest_entry(connection)
            self._read(connection, self._mark)
        sums: Samples = {(kind,): amount for kind, amount in self._sums.items()}
        return Family("cion_booked", "counter", "C-ION booked since the start, as amounts.", ("kind",), sums)

    def _read(self, connection: Connection, mark: int) -> None:
        # PostgreSQL numbers entries before they are committed: the last ones are read again.
        seq = max(self._floor, mark - _OVERLAP_ENTRIES)
        while batch := rows.entries_after(connection, seq, limit=_BATCH):
            for row in batch:
                seq = row.seq
                if seq not in self._seen:
                    self._seen.add(seq)
                    self._sums[row.kind] = self._sums.get(row.kind, 0.0) + abs(row.amount_micros) / MICROS
        self._mark = max(mark, seq)
        self._seen = {each for each in self._seen if each > self._mark - 2 * _OVERLAP_ENTRIES}


def _of_measures(measures: Measures) -> Iterator[Family]:
    yield _histogram("step_seconds", "Steps of runs executed here.", measures.steps)
    yield _histogram("model_call_seconds", "Calls of models made here.", measures.model_calls)
    yield _histogram("outside_call_seconds", "HTTP calls of runs executed here.", measures.outside_calls)
    yield _tally("model_tokens", "Tokens given to models and got from them here.", measures.tokens)
    yield _tally("model_cost_dollars", "What calls of models made here have cost; unknown prices count nothing.",
                 measures.cost)  # fmt: skip


def _of_cache(cache: AnalyticsCache, folder: Path) -> Iterator[Family]:
    """The charts' copy, from outside: asking DuckDB itself would wake it."""
    fresh = cache.freshness()
    if fresh.as_of is not None:
        yield _gauge("cache_age_seconds", "How old the charts' figures are.", (now() - fresh.as_of).total_seconds())
    yield _gauge("cache_complete", "1 when everything stored was in the charts' figures.", float(fresh.complete))
    yield _gauge("cache_bytes", "What the charts' copy takes on the disk.", _size(folder, "analytics.duckdb*"))


def _size(folder: Path, pattern: str) -> int:
    """The bytes of files, some of which may go while they are looked at."""
    total = 0
    for path in folder.glob(pattern):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _queue(connection: Connection, at: datetime) -> Iterator[Family]:
    live: Samples = {(status,): float(count) for status, count in rows.live_counts(connection).items()}
    yield Family("runs_live", "gauge", "Runs that have not ended; pending is the queue.", ("status",), live)
    count, since = health.queue(connection, at)
    yield _gauge("queue_runs", "Runs that could be taken now.", count)
    yield _gauge("queue_oldest_seconds", "How long the oldest of them waits.", _age(since, at))


def _open(connection: Connection, at: datetime) -> Iterator[Family]:
    waiting = rows.open_events(connection)
    yield _gauge("events_open", "Events that are still to be handed over.", waiting.number)
    yield _gauge("events_open_oldest_seconds", "How long the oldest of them waits.", _age(waiting.since, at))
    yield _gauge("incidents_open", "Incidents that nobody has resolved.", rows.open_incidents(connection))
    yield _gauge("agents_stopped", "Agents that stopped and ask for review.", rows.stopped_agents(connection))


def _workspaces(connection: Connection, names: dict[str, str], at: datetime) -> Iterator[Family]:
    """Figures of the first workspaces that were made: an owner may make any number of them."""
    asked = rows.open_approvals(connection, list(names))
    yield _gauge("approvals_waiting", "Questions nobody has answered.", asked.number)
    yield _gauge("approvals_oldest_seconds", "How long the oldest of them waits.", _age(asked.since, at))
    called: Samples = {(each, name[:60]): 1.0 for each, name in names.items()}
    yield Family("workspace_info", "gauge", "The workspaces.", ("workspace", "name"), called)
    held: Samples = {(each,): (ledger.balance(connection, each) or 0) / MICROS for each in names}
    yield Family("cion_balance", "gauge", "C-ION a workspace can spend.", ("workspace",), held)


def _age(since: datetime | None, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds()) if since else 0.0


def _gauge(name: str, text: str, value: float) -> Family:
    return Family(name, "gauge", text, (), {(): float(value)})


def _tally(name: str, text: str, tally: Tally) -> Family:
    return Family(name, "counter", text, tally.labels, tally.counts())


def _histogram(name: str, text: str, histogram: Histogram) -> Family:
    return Family(name, "histogram", text, histogram.labels, histogram.spreads())
