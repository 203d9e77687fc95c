"""The journal of one run while it is executed: what is finished, what is open, what leaves with the next step."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple, Self

from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from ionflux_core.domain.runs import RunStatus
from ionflux_core.errors import AgentFailed, LimitExceeded
from ionflux_core.ids import now
from ionflux_core.limits import INLINE_OUTPUT_BYTES, OUTPUT_BYTES, RUN_STEPS
from ionflux_core.redaction import hidden
from ionflux_core.runtime.pending import START, Effects
from ionflux_core.runtime.step_inputs import hash_of, preview_of
from ionflux_core.storage import artifacts, runs, steps
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import AnyRow, Connection, Database

_KEY_CHARS = 280


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


@dataclass
class _Standing:
    """Whether this worker may go on with a run: the same for all lanes of its journal."""

    revoked: bool = False
    lease_ends: float = math.inf
    parks_as: RunStatus | None = None


class Journal:
    """Steps of one run. A finished step is handed back, never repeated; an open one is recorded when it ends.

    A journal belongs to one thread. Work that goes on side by side has a lane each: the same journal, with open steps,
    effects and costs of its own.
    """

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
        self._seq = count(max((row.seq for row in recorded.values()), default=0) + 1)
        self._lock = threading.Lock()
        self._open: list[OpenStep] = []
        self._around: OpenStep | None = None
        self._told_micros = 0
        self._used: dict[str, int] = {}
        self._keys: set[str] = set()
        self.effects = Effects()
        self.cost_micros = 0
        self.unpriced_calls = 0
        self.published: Callable[[], None] = lambda: None
        self._standing = _Standing()
        self._lanes: list[Journal] = [self]

    @property
    def revoked(self) -> bool:
        """Whether this worker may not go on with the run."""
        return self._standing.revoked

    @revoked.setter
    def revoked(self, revoked: bool) -> None:
        self._standing.revoked = revoked

    @property
    def lease_ends(self) -> float:
        """Until when the run is this worker's, on the monotonic clock."""
        return self._standing.lease_ends

    @lease_ends.setter
    def lease_ends(self, at: float) -> None:
        self._standing.lease_ends = at

    @property
    def parks_as(self) -> RunStatus | None:
        """What becomes of the run before its next step: it is paused, or put back into the queue."""
        return self._standing.parks_as

    @parks_as.setter
    def parks_as(self, status: RunStatus | None) -> None:
        self._standing.parks_as = status

    def lane(self) -> Self:
        """This journal for another thread, inside the step that is open here; to be closed with `join`."""
        lane = copy(self)
        lane._lock, lane._open, lane.effects = threading.Lock(), [], Effects()
        lane._around = self.current
        lane.cost_micros = lane.unpriced_calls = lane._told_micros = 0
        self._lanes.append(lane)
        return lane

    def cut(self, lane: Journal) -> None:
        """Give up a lane that is late: it is told so at its next step, and its costs until now are counted."""
        self.join(lane)
        lane._standing = _Standing(revoked=True)

    def join(self, lane: Journal) -> None:
        """Take over what a lane has cost and said; what it had open is given up."""
        lane.abandon()
        self._lanes.remove(lane)
        with self._lock:
            self.effects.take(lane.effects)
            self.cost_micros += lane.cost_micros
            self.unpriced_calls += lane.unpriced_calls
            self._told_micros += lane._told_micros
            # What the steps of the lane have cost stands with them.
            for outer in self._open:
                outer.cost_before += lane._told_micros

    def key(self, name: str) -> str:
        """The key of the next step with this name: the name itself, then name[1], name[2] ..."""
        name = _short(name)
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
        return self._recorded.get(_short(key))

    def rows(self) -> Iterable[AnyRow]:
        """All that earlier executions have recorded."""
        return self._recorded.values()

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
        fresh = next(self._seq)
        step = OpenStep(
            key=key,
            kind=kind,
            title=title,
            seq=earlier.seq if earlier else fresh,
            inputs=preview_of(args, kwargs),
            inputs_hash=hash_of(args, kwargs),
            started_at=now(),
            mark=self.effects.mark(),
            cost_before=self.cost_micros,
            attempt=(earlier.attempt + failed) if earlier else 1,
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
        self.effects.drop_since(START)

    def show_open(self, older_than: datetime) -> None:
        """Write a `running` row for steps that have been open for a while, so that a watcher sees them."""
        for lane in tuple(self._lanes):
            lane._show_open(older_than)

    def _show_open(self, older_than: datetime) -> None:
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
        """The innermost open step; in a lane without one, the step the lane is inside of."""
        return self._open[-1] if self._open else self._around

    def report(self, name: str, value: float | None) -> None:
        """Note a figure with the innermost open step, so that whoever is handed its answer is handed it, too."""
        if (step := self.current) is not None:
            step.reported[name] = value

    def oldest_open(self) -> OpenStep | None:
        """The step that has been open longest."""
        oldest = (lane._open[:1] for lane in tuple(self._lanes))
        return min((step for steps in oldest for step in steps), key=lambda step: step.started_at, default=None)

    def _write(self, step: OpenStep, values: dict[str, Any], *, ended: bool = True) -> None:
        spent = self.cost_micros - step.cost_before
        costs = {"cost_micros": step.cost_earlier + spent, "reported": step.reported or None}
        row = self._row(step, values | costs, finished_at=now() if ended else None)
        with self._lock:
            self._open.remove(step)
            # A step's cost is that of its own calls; its figures are also those of the steps inside it.
            for outer in self._open:
                outer.cost_before += spent
            self._told_micros += spent
            outside = self.current
            if outside is not None:
                outside.reported |= step.reported
            # What an outer step has gathered waits for that step's own end.
            since = step.mark if outside is not None else START
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


def _short(key: str) -> str:
    """A key as it is kept: a long one ends in the hash of the whole."""
    if len(key) <= _KEY_CHARS:
        return key
    return f"{key[: _KEY_CHARS - 25]}~{hashlib.sha256(key.encode()).hexdigest()[:24]}"


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
