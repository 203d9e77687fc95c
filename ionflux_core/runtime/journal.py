"""The journal of one run while it is executed: what is finished, what is open, what leaves with the next step."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from ionflux_core.errors import AgentFailed, LimitExceeded
from ionflux_core.ids import now
from ionflux_core.limits import INLINE_OUTPUT_BYTES, OUTPUT_BYTES, RUN_STEPS
from ionflux_core.redaction import hidden
from ionflux_core.runtime.step_inputs import hash_of, preview_of
from ionflux_core.sdk import Record
from ionflux_core.storage import artifacts, events, kpis, records, runs, steps
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import AnyRow, Connection, Database

_KEY_CHARS = 280
_START = (0, 0, 0, 0, 0)


class Revoked(BaseException):
    """This worker may not go on with the run: it was cancelled, timed out, or taken over by another worker.

    A BaseException, so that an agent's own `except Exception` cannot swallow it.
    """


@dataclass
class OpenStep:
    """A step that has begun; `partial` is its text so far, `shown` what a row shows of it, None before there is one."""

    key: str
    kind: str
    title: str
    seq: int
    inputs: Any
    inputs_hash: str | None
    started_at: datetime
    mark: tuple[int, ...]
    cost_before: int
    attempt: int = 1
    cost_earlier: int = 0
    partial: str = ""
    shown: str | None = None
    reported: dict[str, Any] = field(default_factory=dict)


class Kept(NamedTuple):
    """What a step returned, the hash of its JSON, and whether that lies in a file because it is large."""

    plain: Any
    sha256: str
    in_file: bool


class PendingRecords:
    """Rows an agent has written that are not stored yet, in order; None in place of a row removes it."""

    def __init__(self, workspace_id: str, owner: str) -> None:
        self._workspace_id = workspace_id
        self._owner = owner
        self._writes: list[tuple[str, str, Record | None]] = []
        self.newest: dict[tuple[str, str], Record | None] = {}

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, collection: str, key: str, row: Record | None) -> None:
        """Write or remove one row, from now on seen by `newest`."""
        self._writes.append((collection, key, row))
        self.newest[collection, key] = row

    def drop_since(self, kept: int) -> None:
        """Forget all but the first `kept` writes."""
        if kept < len(self._writes):
            del self._writes[kept:]
            self.newest = {(collection, key): row for collection, key, row in self._writes}

    def save(self, connection: Connection, since: int) -> None:
        """Store the writes since a mark; an outer step's earlier write of the same row gives way to them."""
        fresh = {(collection, key): row for collection, key, row in self._writes[since:]}
        self._writes[:since] = [(c, k, fresh.get((c, k), row)) for c, k, row in self._writes[:since]]
        by_collection: dict[str, list[Record]] = {}
        for (collection, key), row in fresh.items():
            if row is None:
                records.remove(connection, self._owner, collection, key)
            else:
                by_collection.setdefault(collection, []).append(row)
        for collection, rows in by_collection.items():
            records.put(connection, self._workspace_id, self._owner, collection, rows)


@dataclass
class Effects:
    """What a step leaves behind; all of it is written in the transaction that records the step."""

    kpis: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    writes: list[Callable[[Connection], object]] = field(default_factory=list)
    records: PendingRecords | None = None

    def flush(self, connection: Connection, since: tuple[int, ...] = _START) -> None:
        """Write what has gathered since a mark, and every log line and call."""
        if since[0] < len(self.kpis):
            kpis.put(connection, self.kpis[since[0] :])
        if since[1] < len(self.values):
            kpis.put_values(connection, self.values[since[1] :])
        for event in self.events[since[2] :]:
            events.insert(connection, event)
        if self.logs:
            steps.write_logs(connection, self.logs)
        if self.calls:
            steps.write_calls(connection, self.calls)
        for write in self.writes[since[3] :]:
            write(connection)
        if self.records is not None and since[4] < len(self.records):
            self.records.save(connection, since[4])

    def mark(self) -> tuple[int, ...]:
        """Where things stand, for `drop_since`."""
        written = len(self.records) if self.records is not None else 0
        return (*(len(gathered) for gathered in self._gathered()), written)

    def _gathered(self) -> tuple[list[Any], ...]:
        return self.kpis, self.values, self.events, self.writes

    def drop_since(self, mark: tuple[int, ...]) -> None:
        """Forget what a failed step would have left behind; its logs and calls stay, they did happen."""
        for kept, gathered in zip(mark[:4], self._gathered(), strict=True):
            del gathered[kept:]
        if self.records is not None:
            self.records.drop_since(mark[4])

    def flushed(self, since: tuple[int, ...]) -> None:
        """Forget what `flush` has written."""
        self.drop_since(since)
        self.logs.clear()
        self.calls.clear()


class Journal:
    """Steps of one run. A finished step is handed back, never repeated; an open one is recorded when it ends."""

    def __init__(
        self,
        db: Database,
        files: ArtifactFiles,
        workspace_id: str,
        run_id: str,
        recorded: dict[str, AnyRow],
        *,
        owner: str,
    ) -> None:
        self._db = db
        self._owner = owner
        self._files = files
        self._workspace_id = workspace_id
        self.run_id = run_id
        self._recorded = recorded
        self._seq = max((row.seq for row in recorded.values()), default=0)
        self._lock = threading.Lock()
        self._open: list[OpenStep] = []
        self._used: dict[str, int] = {}
        self._keys: set[str] = set()
        self.effects = Effects()
        self.revoked = False
        self.cost_micros = 0
        self.unpriced_calls = 0
        self.published: Callable[[], None] = lambda: None
        self.lease_ends = math.inf

    def key(self, name: str) -> str:
        """The key of the next step with this name: the name itself, then name[1], name[2] ..."""
        if len(name) > _KEY_CHARS:
            name = f"{name[: _KEY_CHARS - 25]}~{hashlib.sha256(name.encode()).hexdigest()[:24]}"
        again = self._used.get(name, 0)
        # A step may be called x[1] by its own name.
        while (key := f"{name}[{again}]" if again else name) in self._keys:
            again += 1
        self._used[name] = again + 1
        self._keys.add(key)
        if len(self._keys) > RUN_STEPS:
            raise LimitExceeded(
                f"The run has more than {RUN_STEPS} steps.",
                hint="Do more in one step, or split the run.",
                code="too_many_steps",
            )
        return key

    def row(self, key: str) -> AnyRow | None:
        """What an earlier attempt recorded for a step."""
        return self._recorded.get(key)

    def outputs(self, row: AnyRow) -> Any:
        """What a recorded step returned."""
        return from_json(self._files.read(row.output_ref)) if row.output_ref else row.outputs

    def check(self) -> None:
        """Revoked when this worker may not go on: it was told so, or it has not renewed its lease in time."""
        if self.revoked or time.monotonic() > self.lease_ends:
            raise Revoked

    def holds(self, connection: Connection) -> bool:
        """Whether this worker has the run's lease; nobody takes it before the transaction has ended."""
        return not self.revoked and runs.is_held(connection, self.run_id, self._owner)

    def begin(self, key: str, kind: str, title: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenStep:
        """Open a step; Revoked when the run may not go on."""
        self.check()
        earlier = self._recorded.get(key)
        failed = earlier is not None and earlier.status == "error"
        self._seq += 1
        step = OpenStep(
            key=key,
            kind=kind,
            title=title,
            seq=earlier.seq if earlier else self._seq,
            inputs=preview_of(args, kwargs),
            inputs_hash=hash_of(args, kwargs),
            started_at=now(),
            mark=self.effects.mark(),
            cost_before=self.cost_micros,
            attempt=earlier.attempt + 1 if earlier and failed else 1,
            cost_earlier=earlier.cost_micros if earlier and failed else 0,
        )
        with self._lock:
            self._open.append(step)
        return step

    def kept(self, step: OpenStep, value: Any) -> Kept:
        """What a step returned, as plain JSON; a large value goes into a file. AgentFailed when it is no JSON."""
        plain = plain_json(value, f"Step {step.title!r} returned")
        data = to_json(plain)
        if len(data) <= INLINE_OUTPUT_BYTES:
            return Kept(plain, hashlib.sha256(data).hexdigest(), in_file=False)
        return Kept(plain, self.store_json(plain, f"{step.key}.json"), in_file=True)

    def finish(self, step: OpenStep, kept: Kept) -> Any:
        """Record that a step succeeded; what it returned, as plain JSON."""
        inline, ref = (None, kept.sha256) if kept.in_file else (kept.plain, None)
        values = {"status": "success", "outputs": inline, "output_ref": ref, "outputs_hash": kept.sha256, "error": None}
        self._write(step, values)
        return kept.plain

    def fail(self, step: OpenStep, error: dict[str, Any], outputs: Any = None) -> None:
        """Record that a step failed."""
        self.effects.drop_since(step.mark)
        step.reported.clear()
        self._write(step, {"status": "error", "error": error, "outputs": outputs})

    def park(self, step: OpenStep, outputs: Any) -> None:
        """Record that a step waits for a time, a person or an event."""
        self._write(step, {"status": "waiting", "outputs": outputs}, ended=False)

    def abandon(self) -> None:
        """Close every open step without a record, and forget what it would have left behind."""
        with self._lock:
            if self._open:
                self.effects.drop_since(self._open[0].mark)
            self._open.clear()

    def drop_effects(self) -> None:
        """Forget what a failed run would still have left behind; logs and calls stay, they did happen."""
        self.abandon()
        self.effects.drop_since(_START)

    def show_open(self, older_than: datetime) -> None:
        """Write a `running` row for steps that have been open for a while, so that a watcher sees them."""
        with self._lock:
            fresh = [(s, s.partial) for s in self._open if s.shown != s.partial and s.started_at < older_than]
            if not fresh or self.revoked:
                return
            rows = [self._row(s, {"status": "running", "outputs": {"text": t} if t else None}) for s, t in fresh]
            if self._record(rows, None):
                for step, text in fresh:
                    step.shown = text

    @property
    def current(self) -> OpenStep | None:
        """The innermost open step."""
        return self._open[-1] if self._open else None

    def report(self, name: str, value: float | None) -> None:
        """Note a figure with the innermost open step, so that whoever is handed its answer is handed it, too."""
        if self._open:
            self._open[-1].reported[name] = value

    def oldest_open(self) -> OpenStep | None:
        """The step that has been open longest."""
        with self._lock:
            return self._open[0] if self._open else None

    def _write(self, step: OpenStep, values: dict[str, Any], *, ended: bool = True) -> None:
        spent = self.cost_micros - step.cost_before
        costs = {"cost_micros": step.cost_earlier + spent, "reported": step.reported or None}
        row = self._row(step, values | costs, finished_at=now() if ended else None)
        with self._lock:
            self._open.remove(step)
            # A step's cost is that of its own calls; its figures are also those of the steps inside it.
            for outer in self._open:
                outer.cost_before += spent
            if self._open:
                self._open[-1].reported |= step.reported
            # What an outer step has gathered waits for that step's own end.
            since = step.mark if self._open else _START
            emitted = since[2] < len(self.effects.events)
            try:
                held = not self.revoked and self._record([row], since)
            except BaseException:
                self.effects.drop_since(step.mark)
                raise
            if not held:
                self.revoked = True
                raise Revoked
            self.effects.flushed(since)
        if emitted:
            self.published()

    def _record(self, rows: list[dict[str, Any]], since: tuple[int, ...] | None) -> bool:
        """Write steps and, with a mark, the effects since; False when another worker or nobody has the run now."""

        def work(connection: Connection) -> bool:
            if not runs.is_held(connection, self.run_id, self._owner):
                return False
            steps.record(connection, rows)
            if since is not None:
                self.effects.flush(connection, since)
            return True

        return self._db.write(work)

    def _row(self, step: OpenStep, values: dict[str, Any], *, finished_at: datetime | None = None) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "step_key": step.key,
            "seq": step.seq,
            "kind": step.kind,
            "title": step.title,
            "attempt": step.attempt,
            "inputs": step.inputs,
            "inputs_hash": step.inputs_hash,
            "outputs": None,
            "output_ref": None,
            "outputs_hash": None,
            "reported": None,
            "error": None,
            "cost_micros": 0,
            "started_at": step.started_at,
            "finished_at": finished_at,
            **values,
        }

    def store_json(self, plain: Any, name: str) -> str:
        """Keep a large value as a file of the run; its hash."""
        data = to_json(plain)
        if len(data) > OUTPUT_BYTES:
            raise LimitExceeded(
                f"{name} is {len(data) // 1024 // 1024} MiB; the limit is {OUTPUT_BYTES // 1024 // 1024}.",
                hint="Return a summary and store the rest with ctx.artifact or ctx.records.",
                code="output_too_large",
            )
        return self.store_file(data, name, "application/json")

    def store_file(self, data: bytes, name: str, media_type: str) -> str:
        """Keep bytes as a file of the run; its hash."""
        sha256, size, at = self._files.write(data), len(data), now()
        self.effects.writes.append(
            lambda connection: artifacts.note(
                connection, self._workspace_id, sha256=sha256, name=name, media_type=media_type, size=size, at=at,
                run_id=self.run_id,
            )
        )  # fmt: skip
        return sha256


def plain_json(value: Any, what: str) -> Any:
    """A value as plain JSON; AgentFailed when it holds something JSON has no form for."""
    try:
        plain = hidden(to_jsonable_python(value, inf_nan_mode="null"))
        # Text may still hold half of a surrogate pair.
        to_json(plain)
        return plain
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise AgentFailed(
            f"{what} something that is not JSON: {error}.",
            hint="Return text, numbers, lists and maps.",
            code="not_json",
        ) from error
