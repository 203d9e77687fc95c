"""The journal of one run while it is executed: what is finished, what is open, what leaves with the next step."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from ionflux_core.errors import AgentFailed, LimitExceeded
from ionflux_core.ids import now
from ionflux_core.limits import INLINE_OUTPUT_BYTES, OUTPUT_BYTES, RUN_STEPS
from ionflux_core.storage import artifacts, events, kpis, steps
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import AnyRow, Connection, Database

_NO_INPUTS = hashlib.sha256(b"[]").hexdigest()
_PREVIEW_ITEMS = 20
_PREVIEW_CHARS = 500


class Revoked(BaseException):
    """This worker may not go on with the run: it was cancelled, timed out, or taken over by another worker.

    A BaseException, so that an agent's own `except Exception` cannot swallow it.
    """


@dataclass
class OpenStep:
    """A step that has begun; `shown` once a row says so."""

    key: str
    kind: str
    title: str
    seq: int
    inputs: Any
    inputs_hash: str | None
    started_at: datetime
    mark: tuple[int, ...]
    attempt: int = 1
    shown: bool = False


@dataclass
class Effects:
    """What a step leaves behind; all of it is written in the transaction that records the step."""

    kpis: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    writes: list[Callable[[Connection], object]] = field(default_factory=list)

    def flush(self, connection: Connection) -> None:
        """Write everything that has gathered."""
        if self.kpis:
            kpis.put(connection, self.kpis)
        if self.values:
            kpis.put_values(connection, self.values)
        for event in self.events:
            events.insert(connection, event)
        if self.logs:
            steps.write_logs(connection, self.logs)
        if self.calls:
            steps.write_calls(connection, self.calls)
        for write in self.writes:
            write(connection)

    def mark(self) -> tuple[int, ...]:
        """Where things stand, for `drop_since`."""
        return tuple(len(gathered) for gathered in self._gathered())

    def _gathered(self) -> tuple[list[Any], ...]:
        return self.kpis, self.values, self.events, self.writes

    def drop_since(self, mark: tuple[int, ...]) -> None:
        """Forget what a failed step would have left behind; its logs and calls stay, they did happen."""
        for kept, gathered in zip(mark, self._gathered(), strict=True):
            del gathered[kept:]

    def clear(self) -> None:
        """Forget what has been written."""
        for name in ("kpis", "values", "events", "logs", "calls", "writes"):
            getattr(self, name).clear()


class Journal:
    """Steps of one run. A finished step is handed back, never repeated; an open one is recorded when it ends."""

    def __init__(
        self, db: Database, files: ArtifactFiles, workspace_id: str, run_id: str, recorded: dict[str, AnyRow]
    ) -> None:
        self._db = db
        self._files = files
        self._workspace_id = workspace_id
        self.run_id = run_id
        self._recorded = recorded
        self._seq = len(recorded)
        self._lock = threading.Lock()
        self._open: list[OpenStep] = []
        self._used: dict[str, int] = {}
        self.effects = Effects()
        self.revoked = False

    def key(self, name: str) -> str:
        """The key of the next step with this name: the name itself, then name[1], name[2] ..."""
        again = self._used.get(name, 0)
        self._used[name] = again + 1
        if len(self._used) > RUN_STEPS:
            raise LimitExceeded(
                f"The run has more than {RUN_STEPS} steps.",
                hint="Do more in one step, or split the run.",
                code="too_many_steps",
            )
        return f"{name}[{again}]" if again else name

    def row(self, key: str) -> AnyRow | None:
        """What an earlier attempt recorded for a step."""
        return self._recorded.get(key)

    def outputs(self, row: AnyRow) -> Any:
        """What a recorded step returned."""
        return from_json(self._files.read(row.output_ref)) if row.output_ref else row.outputs

    def begin(self, key: str, kind: str, title: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenStep:
        """Open a step; Revoked when the run may not go on."""
        if self.revoked:
            raise Revoked
        earlier = self._recorded.get(key)
        self._seq += 1
        step = OpenStep(
            key=key,
            kind=kind,
            title=title,
            seq=earlier.seq if earlier else self._seq,
            inputs=_preview({"args": args, **kwargs} if args else kwargs) if args or kwargs else None,
            inputs_hash=_hash(args, kwargs),
            started_at=now(),
            mark=self.effects.mark(),
            attempt=earlier.attempt + 1 if earlier and earlier.status == "error" else 1,
        )
        with self._lock:
            self._open.append(step)
        return step

    def finish(self, step: OpenStep, value: Any) -> Any:
        """Record that a step succeeded; what it returned, as plain JSON."""
        plain, inline, ref = self._stored(value, step)
        self._write(step, {"status": "success", "outputs": inline, "output_ref": ref, "error": None})
        return plain

    def fail(self, step: OpenStep, error: dict[str, Any]) -> None:
        """Record that a step failed."""
        self.effects.drop_since(step.mark)
        self._write(step, {"status": "error", "outputs": None, "output_ref": None, "error": error})

    def park(self, step: OpenStep, outputs: Any) -> None:
        """Record that a step waits for a time, a person or an event."""
        self._write(step, {"status": "waiting", "outputs": outputs, "output_ref": None, "error": None}, ended=False)

    def abandon(self) -> None:
        """Close every open step without a record."""
        with self._lock:
            self._open.clear()

    def show_open(self, older_than: datetime) -> None:
        """Write a `running` row for steps that have been open for a while, so that a watcher sees them."""
        with self._lock:
            fresh = [step for step in self._open if not step.shown and step.started_at < older_than]
            if not fresh or self.revoked:
                return
            rows = [
                self._row(step, {"status": "running", "outputs": None, "output_ref": None, "error": None})
                for step in fresh
            ]
            self._db.write(lambda connection: steps.record(connection, rows))
            for step in fresh:
                step.shown = True

    @property
    def current(self) -> OpenStep | None:
        """The innermost open step."""
        return self._open[-1] if self._open else None

    def oldest_open(self) -> OpenStep | None:
        """The step that has been open longest."""
        with self._lock:
            return self._open[0] if self._open else None

    def _write(self, step: OpenStep, values: dict[str, Any], *, ended: bool = True) -> None:
        row = self._row(step, values, finished_at=now() if ended else None)
        with self._lock:
            self._open.remove(step)
            if self.revoked:
                raise Revoked

            def work(connection: Connection) -> None:
                steps.record(connection, [row])
                self.effects.flush(connection)

            self._db.write(work)
            self.effects.clear()

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
            "cost_micros": 0,
            "started_at": step.started_at,
            "finished_at": finished_at,
            **values,
        }

    def _stored(self, value: Any, step: OpenStep) -> tuple[Any, Any, str | None]:
        plain = plain_json(value, f"Step {step.title!r} returned")
        size = len(to_json(plain))
        if size <= INLINE_OUTPUT_BYTES:
            return plain, plain, None
        return plain, None, self.store_json(plain, f"{step.key}.json")

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
        return to_jsonable_python(value, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise AgentFailed(
            f"{what} something that is not JSON: {error}.",
            hint="Return text, numbers, lists and maps.",
            code="not_json",
        ) from error


def _hash(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    if not args and not kwargs:
        return _NO_INPUTS
    text = to_json([args, kwargs], fallback=lambda value: type(value).__qualname__, inf_nan_mode="null")
    return hashlib.sha256(text).hexdigest()


def _preview(value: Any, depth: int = 4) -> Any:
    """A short readable form of what a step was given; long lists and texts are cut and say so."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value if len(value) <= _PREVIEW_CHARS else f"{value[:_PREVIEW_CHARS]} … ({len(value)} characters)"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dict):
        if depth == 0:
            return f"{len(value)} keys"
        return {str(key): _preview(item, depth - 1) for key, item in list(value.items())[:_PREVIEW_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        if depth == 0:
            return f"{len(value)} items"
        shown = [_preview(item, depth - 1) for item in list(value)[:_PREVIEW_ITEMS]]
        return shown if len(value) <= _PREVIEW_ITEMS else [*shown, f"… {len(value) - _PREVIEW_ITEMS} more"]
    text = str(value)
    return text if len(text) <= _PREVIEW_CHARS else f"{text[:_PREVIEW_CHARS]} …"
