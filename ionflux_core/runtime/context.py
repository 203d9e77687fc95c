"""The Context an agent is given: every step, call and effect of a run goes through here into its journal."""

from __future__ import annotations

import hashlib
import math
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, ParamSpec, Self, TypeVar

from ionflux_core.domain.events import check_subject
from ionflux_core.domain.runs import Run, RunError, RunStatus
from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.ids import now
from ionflux_core.limits import EVENT_BYTES, LOG_LINE_BYTES, LOGS_PER_RUN, OUTPUT_BYTES
from ionflux_core.redaction import hidden, hide_here
from ionflux_core.runtime.batches import Batches
from ionflux_core.runtime.children import Children
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.llm import JournaledLlm
from ionflux_core.runtime.outside import JournaledHttp, JournaledMemory
from ionflux_core.runtime.own_records import OwnRecords
from ionflux_core.runtime.parking import FINISHED_STEP, Parked
from ionflux_core.runtime.pending import PendingRecords
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.rooms import JournaledAccounts, JournaledChat, JournaledPages
from ionflux_core.runtime.values import entry
from ionflux_core.sdk import ArtifactRef, Brand, Workspace
from ionflux_core.storage import artifacts, kpis
from ionflux_core.storage.engine import AnyRow, dump_json

P = ParamSpec("P")
T = TypeVar("T")
Given = tuple[tuple[Any, ...], dict[str, Any]]


class RunContext(Batches, Children):
    """What an agent may touch, backed by the run store."""

    journaled_as = "Context"
    replays = False

    def __init__(self, run: Run, journal: Journal, ports: Ports) -> None:
        self._run = run
        self._journal = journal
        self._ports = ports
        self._path: list[str] = []
        self._counts: dict[str, int] = {}
        self._logged = 0
        # How a step's own name becomes its key; a flow puts its node's key in its place.
        self.placed: Callable[[str], str] = lambda name: name
        self.reported: dict[str, Any] = dict(run.kpis)
        self.run_id = run.id
        self.attempt = run.attempt
        self.dry_run = run.dry_run
        self.seed = seed_of(run)
        self.task = run.task
        self.trigger = run.trigger
        self.correlation_id = run.correlation_id
        self.instance_name = run.instance_name
        self.inputs: dict[str, Any] = dict(run.inputs)
        self.options: dict[str, Any] = dict(run.config.get("advanced_features") or {})

    @property
    def parks_as(self) -> RunStatus | None:
        """What becomes of the run before its next step; the same for all its lanes."""
        return self._journal.parks_as

    @parks_as.setter
    def parks_as(self, status: RunStatus | None) -> None:
        self._journal.parks_as = status

    @cached_property
    def workspace(self) -> Workspace:
        """The run's workspace."""
        return self._ports.workspace(self._run.workspace_id)

    @cached_property
    def brand(self) -> Brand | None:
        """The brand of the instance, if it has one."""
        return self._ports.brand(self._run.workspace_id, self._run.brand_id) if self._run.brand_id else None

    @cached_property
    def records(self) -> OwnRecords:
        """The instance's own collections; what is written leaves with the step."""
        pending = PendingRecords(self._run.workspace_id, self.owner)
        self._journal.effects.records = pending
        return self._records_over(pending)

    def _records_over(self, pending: PendingRecords) -> OwnRecords:
        tables = frozenset(self._ports.catalog.definition(self._run.definition_slug).tables)
        return OwnRecords(self._ports.db, self.owner, tables, pending, self.now, self._journal.check)

    @cached_property
    def llm(self) -> JournaledLlm:
        """The model the configuration chose."""
        return JournaledLlm(self._run, self._journal, self._ports, self._stepped)

    @cached_property
    def http(self) -> JournaledHttp:
        """The guarded way out."""
        return JournaledHttp(self._run, self._journal, self._ports, self._stepped)

    @cached_property
    def memory(self) -> JournaledMemory:
        """The instance's vector memory."""
        return JournaledMemory(self._run, self._ports, self._journal.check, self.llm.embed)

    @cached_property
    def chat(self) -> JournaledChat:
        """The chat of the workspace."""
        return JournaledChat(self._run, self._ports, self._stepped, self._once)

    @cached_property
    def pages(self) -> JournaledPages:
        """The pages of the workspace."""
        return JournaledPages(self._run, self._ports, self._stepped, self._once)

    @cached_property
    def accounts(self) -> JournaledAccounts:
        """The accounts the workspace has connected."""
        return JournaledAccounts(self._run, self._journal, self._ports, self._stepped)

    @property
    def owner(self) -> str:
        """Whose collections and KPI points these are: the instance's, or the definition's in this workspace."""
        return self._run.instance_id or f"{self._run.workspace_id}:{self._run.definition_slug}"

    def now(self) -> datetime:
        """The run's own time, recorded once; a retry and a fork go by the time of the run they came from."""
        return clock_of(self._run)

    def step(self, name: str, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn` once and journal what it returned."""
        result: T = self._stepped("step", name, fn, args, kwargs)
        return result

    def _stepped(
        self, kind: str, name: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        hide_here(self._ports.redactor(self._run.workspace_id))
        name = hidden(name)
        key = self._step_key(name)
        recorded = self._journal.row(key)
        if recorded is not None and recorded.status in FINISHED_STEP:
            return self._handed_back(recorded)
        if self.parks_as:
            raise Parked(self.parks_as)
        args, kwargs = self._edited(key, args, kwargs)
        step = self._journal.begin(key, kind, name[:300], args, kwargs)
        self._ports.seen(self.run_id, step.title, "")
        self._path.append(name[:120] if self._path else self.placed(name[:120]))
        try:
            kept = self._journal.kept(step, fn(*args, **kwargs))
        except Exception as error:
            self._journal.fail(step, self.error_of(error).model_dump())
            raise
        finally:
            self._path.pop()
        return self._journal.finish(step, kept)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Put a name before those of the steps that follow, inside the open step; an empty one puts none."""
        path = list(self._path)
        self._path += [name] if name else []
        try:
            yield
        finally:
            self._path = path

    def lane(self, *, inside: Sequence[str] = ()) -> Self:
        """This context for another thread of the same run, inside a step or beside; to be closed with `join`."""
        made = self._over(self._journal.lane())
        made.reported, made._logged = self.reported, self._logged
        made._path = list(inside)
        return made

    def _over(self, journal: Journal) -> Self:
        return type(self)(self._run, journal, self._ports)

    def cut(self, lane: RunContext) -> None:
        """Give a lane up whose thread does not come back: whatever it still does is not recorded."""
        self._journal.cut(lane._journal)

    def join(self, lane: RunContext) -> None:
        """Take over what a lane has cost and said."""
        self._journal.join(lane._journal)
        self._logged = max(self._logged, lane._logged)

    def recorded(self, key: str) -> AnyRow | None:
        """What an earlier execution of this run has recorded for a step."""
        return self._journal.row(key)

    def journaled(self, kind: str, key: str, fn: Callable[..., Any], inputs: Mapping[str, Any] | None = None) -> Any:
        """Run `fn(**inputs)` once as the step of this kind under exactly this key."""
        self.placed = lambda _: key
        try:
            return self._stepped(kind, key, fn, (), dict(inputs or {}))
        finally:
            self.placed = lambda name: name

    def _step_key(self, name: str) -> str:
        """The key of the next step of this name, inside the steps that are open."""
        name = name[:120]
        return self._journal.key("/".join([*self._path, name]) if self._path else self.placed(name))

    def _handed_back(self, recorded: AnyRow) -> Any:
        self.reported |= recorded.reported or {}
        return self._journal.outputs(recorded)

    def _edited(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
        """What a step is given: in a fork, the step it was forked at may have been given something else by hand."""
        edit = (self._run.changes or {}).get("step_inputs") if key == self._run.forked_at else None
        return (tuple(edit["to"]["args"]), dict(edit["to"]["kwargs"])) if edit else (args, kwargs)

    def prompt(self, prompt_id: str, values: Mapping[str, Any] | None = None) -> str:
        """A prompt of the library with these values in place, recorded with the version it was made from."""
        given = plain_json(dict(values or {}), "The values of the prompt")
        filled: dict[str, Any] = self._stepped("step", "fill prompt", self._filled, (str(prompt_id)[:64], given), {})
        return str(filled["text"])

    def _filled(self, prompt_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._ports.prompt(self._run.workspace_id, prompt_id, values)

    def check_outputs(self, outputs: dict[str, Any]) -> None:
        """What the agent is about to deliver; a replay compares it with its recording."""

    def error_of(self, error: BaseException) -> RunError:
        """An exception as it is recorded: the sentence, what to do next, and the trace, without secrets."""
        redactor = self._ports.redactor(self._run.workspace_id)

        def redact(text: str) -> str:
            return redactor.text(storable(text))

        trace = "".join(traceback.format_exception(error))[-8000:]
        if isinstance(error, IonfluxError):
            sentence = error.message
            if isinstance(error, Invalid) and error.problems:
                sentence += " " + " ".join(str(problem) for problem in error.problems[:5])
            return RunError(code=error.code, message=redact(sentence), hint=redact(error.hint), trace=redact(trace))
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "This is a fault in the agent's own code; the trace tells where."
        return RunError(code="agent_failed", message=redact(message[:2000]), hint=hint, trace=redact(trace))

    def emit(self, type: str, payload: Mapping[str, Any], *, key: str | None = None) -> str:
        """Publish a platform event with the transaction of the step."""
        event_id = self._deterministic_id("event", key or type)
        plain = plain_json(dict(payload), f"Event {type}")
        if len(dump_json(plain)) > EVENT_BYTES:
            raise LimitExceeded(f"Event {type} is larger than 1 MiB.", hint="Store a file and send its reference.")
        self._journal.effects.events.append(
            {
                "id": event_id,
                "workspace_id": self._run.workspace_id,
                "type": check_subject(type),
                "at": now(),
                "source": (self._run.instance_name or self._run.definition_slug)[:100],
                "brand_id": self._run.brand_id,
                "user_id": None,
                "correlation_id": self.correlation_id,
                "causation_run_id": self.run_id,
                "dedup_key": bounded(f"{self.owner}:{key}") if key else event_id,
                "schema_version": "v1.0",
                "payload": plain,
                "status": "pending_processing",
            }
        )
        return event_id

    def kpi(
        self,
        name: str,
        value: float | int | None,
        *,
        unit: str = "",
        at: datetime | None = None,
        dims: Mapping[str, str] | None = None,
    ) -> None:
        """Report a figure at a business time."""
        moment, labels = at or self.now(), hidden(dict(dims or {}))
        _check_figure(f"KPI {name}", value, moment, name, unit)
        if not labels:
            self.reported[name] = value
            self._journal.report(name, value)
        self._journal.effects.kpis.append(
            {
                "id": kpis.point_id(self.owner, name, moment, labels),
                "workspace_id": self._run.workspace_id,
                "instance_id": self._run.instance_id,
                "brand_id": self._run.brand_id,
                "definition_slug": self._run.definition_slug,
                "run_id": self.run_id,
                "name": name,
                "unit": unit,
                "value": None if value is None else float(value),
                "at": moment,
                "dims": labels,
            }
        )

    def value(
        self,
        kind: Literal["money_made", "money_saved", "minutes_returned"],
        amount: float,
        *,
        unit: str,
        method: Literal["measured", "modelled", "estimate"],
        note: str,
        confidence: float | None = None,
    ) -> None:
        """Book what this run was worth."""
        _check_figure(kind, amount, self.now(), kind, unit)
        booked = entry(
            self._run, self._deterministic_id("value", kind), kind, amount, unit=unit, method=method,
            confidence=confidence, note=note, at=self.now(),
        )  # fmt: skip
        self._journal.effects.values.append(booked)

    def log(self, message: str, *, level: Literal["debug", "info", "warning", "error"] = "info", **fields: Any) -> None:
        """Write a line to the run's log."""
        self._logged += 1
        if self._logged > LOGS_PER_RUN:
            return
        redactor = self._ports.redactor(self._run.workspace_id)
        current = self._journal.current
        self._journal.effects.logs.append(
            {
                "run_id": self._journal.run_id,
                "at": now(),
                "level": level,
                "message": redactor.text(storable(str(message)[:LOG_LINE_BYTES])),
                "step_key": current.key if current else None,
                "fields": redactor.tree(plain_json(fields, "The log line")),
            }
        )

    def artifact(self, name: str, data: bytes | str, *, media_type: str = "text/plain") -> ArtifactRef:
        """Store a file with the run."""
        raw = hidden(data.encode() if isinstance(data, str) else data)
        if len(raw) > OUTPUT_BYTES:
            raise LimitExceeded(f"{name} is larger than {OUTPUT_BYTES // 1024 // 1024} MiB.", hint="Store it in parts.")
        return ArtifactRef(self._journal.store_file(raw, name, media_type), name, media_type, len(raw))

    def read_file(self, value: Any) -> bytes:
        """The bytes behind an input of type `file`."""
        sha256 = value.get("sha256") if isinstance(value, dict) else None
        with self._ports.db.read() as connection:
            known = isinstance(sha256, str) and artifacts.get(connection, self._run.workspace_id, sha256)
        if not isinstance(sha256, str) or not known:
            raise NotFound("The file of this input is not stored here.", hint="Upload it again.")
        return self._ports.files.read(sha256)

    def _once(self, key: str | None) -> str:
        """Under which name something of this step is there once: the agent's own word for it, else the step's."""
        current = self._journal.current
        return bounded(f"{self.owner}:{key}" if key else f"{self.run_id}:{current.key if current else ''}")

    def _deterministic_id(self, kind: str, name: str) -> str:
        """The same id for the same effect of the same step, however often the run starts over."""
        current = self._journal.current
        place = f"{kind}/{current.key if current else ''}/{name}"
        count = self._counts[place] = self._counts.get(place, 0) + 1
        return str(uuid.uuid5(uuid.UUID(self.run_id), f"{place}#{count}"))


def clock_of(run: Run) -> datetime:
    """The time a run goes by."""
    return run.clock or run.started_at or run.created_at


def seed_of(run: Run) -> int:
    """The seed a run's random choices begin with."""
    return int(uuid.UUID(run.id)) & 0x7FFF_FFFF if run.seed is None else run.seed


def storable(text: str) -> str:
    """A text every database takes: half surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode()


def bounded(key: str) -> str:
    """A key of at most 300 characters; a longer one ends in the hash of the whole."""
    return key if len(key) <= 300 else f"{key[:235]}~{hashlib.sha256(key.encode()).hexdigest()}"


def _check_figure(what: str, value: float | None, at: datetime, name: str, unit: str) -> None:
    if value is not None and not math.isfinite(value):
        raise Invalid(f"{what} is {value}, which is no figure.", hint="Report it once it can be computed.")
    if at.tzinfo is None:
        raise Invalid(f"{what} has a time without a zone.", hint="Give an aware datetime, such as ctx.now().")
    if len(name) > 120 or len(unit) > 30:
        raise Invalid(f"{what[:60]} has too long a name or unit.", hint="At most 120 and 30 characters.")
