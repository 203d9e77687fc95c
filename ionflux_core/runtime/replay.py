"""Replay: a run once more from its own recording, with its clock and seed, no way out and no effect on anything.

Every step is handed back by its key, if it is asked what it was asked then. A question that is not in the recording
ends the replay, also when the agent swallows the error, and so does an answer that is not the recorded one.
"""

from __future__ import annotations

import builtins
import dataclasses
import difflib
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NoReturn, Self, cast

from ionflux_core import errors
from ionflux_core.domain.events import check_subject
from ionflux_core.domain.runs import Run, RunError
from ionflux_core.errors import AgentFailed, Conflict, IonfluxError, NotFound
from ionflux_core.redaction import hidden
from ionflux_core.runtime.context import RunContext, storable
from ionflux_core.runtime.dry_run import DryRunContext
from ionflux_core.runtime.journal import Journal
from ionflux_core.runtime.outside import JournaledMemory
from ionflux_core.runtime.own_records import OwnRecords
from ionflux_core.runtime.parking import FINISHED_STEP, Parked
from ionflux_core.runtime.pending import PendingRecords
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.step_inputs import hash_of, preview_of
from ionflux_core.sdk import ArtifactRef, Retry
from ionflux_core.storage import runs, steps
from ionflux_core.storage.engine import AnyRow, Database

MISSED = "recording_missed"
DIFFERS = "replay_differs"
_DIFFERENCE_LINES = 200
_SHOWN_LINES = 12
_SHOWN_CHARS = 200


def context_of(run: Run, journal: Journal, ports: Ports) -> RunContext:
    """The context a run is given: a replay sees its recording, a dry run leaves no trace, any other acts."""
    if run.lineage == "replay":
        return ReplayContext(run, journal, ports)
    return DryRunContext(run, journal, ports) if run.dry_run else RunContext(run, journal, ports)


class ReplayContext(RunContext):
    """A Context that is the recorded run again: its id, clock, seed, inputs and answers, and nothing else."""

    replays = True

    def __init__(self, run: Run, journal: Journal, ports: Ports) -> None:
        self._made_of = run, ports
        self._recording = _recording_of(run, ports)
        super().__init__(self._recording.model_copy(update={"kpis": {}}), journal, _sealed(ports, self._refuse))
        self._db = ports.db
        # A run that came from a file goes by the id it had where it was executed.
        self.run_id = str((self._recording.imported or {}).get("run_id") or self._recording.id)
        self._missed: Conflict | None = None

    @cached_property
    def records(self) -> OwnRecords:
        """Keeps what is written to itself; there is nothing to read outside of a recorded step."""
        store = cast(Database, _NoStore(self._refuse))
        pending = PendingRecords(self._run.workspace_id, self.owner)
        tables = frozenset(self._ports.catalog.definition(self._run.definition_slug).tables)
        return OwnRecords(store, self.owner, tables, pending, self.now, self._journal.check)

    @cached_property
    def memory(self) -> JournaledMemory:
        """Remembers nothing; what was recalled in a step is in that step's answer."""
        return JournaledMemory(self._run, self._ports, self._journal.check, self.llm.embed, only_reads=True)

    def emit(self, type: str, payload: Mapping[str, Any], *, key: str | None = None) -> str:
        """The id the event had; nothing is published."""
        check_subject(type)
        return self._deterministic_id("event", key or type)

    def kpi(
        self,
        name: str,
        value: float | int | None,
        *,
        unit: str = "",
        at: datetime | None = None,
        dims: Mapping[str, str] | None = None,
    ) -> None:
        """Show the figure with the replay; the charts have it already."""
        if not dims:
            self.reported[name] = value

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
        """Nothing: it was booked by the recorded run."""

    def artifact(self, name: str, data: bytes | str, *, media_type: str = "text/plain") -> ArtifactRef:
        """The reference the file had; nothing is stored."""
        raw = data.encode() if isinstance(data, str) else data
        return ArtifactRef(hashlib.sha256(raw).hexdigest(), name, media_type, len(raw))

    def check_outputs(self, outputs: dict[str, Any]) -> None:
        """Refuse to end well with anything but what the recorded run delivered."""
        if self._missed is not None:
            raise self._missed
        then = self._recording
        if then.status != "success":
            told = then.error_message or then.status.replace("_", " ")
            raise _differs("The recorded run did not end well, and its replay did.", f"- {told}\n+ success")
        pairs = [*_pairs("", then.outputs or {}, outputs), *_pairs("figure ", then.kpis, self.reported)]
        wrong = [(name, before, after) for name, before, after in pairs if content_hash(before) != content_hash(after)]
        if wrong:
            names = ", ".join(name for name, _, _ in wrong)
            lines = [f"{name}:\n{difference(before, after)}" for name, before, after in wrong]
            raise _differs(f"The replay delivered something else than the recording: {names}.", "\n".join(lines))

    def error_of(self, error: BaseException) -> RunError:
        """A recorded error as it was recorded; a miss with its difference in place of a trace."""
        recorded = getattr(error, "recorded", None)
        if isinstance(recorded, RunError):
            return recorded
        told = super().error_of(self._missed or error)
        shown = getattr(self._missed or error, "details", {}).get("difference")
        redactor = self._ports.redactor(self._run.workspace_id)
        return told.model_copy(update={"trace": redactor.text(storable(shown))}) if shown else told

    def _over(self, journal: Journal) -> Self:
        run, ports = self._made_of
        return type(self)(run, journal, ports)

    def join(self, lane: RunContext) -> None:
        """Take over what a lane has missed in the recording, too."""
        super().join(lane)
        self._missed = self._missed or getattr(lane, "_missed", None)

    def _stepped(
        self, kind: str, name: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        name = hidden(name)
        key = self._step_key(name)
        recorded = self._recorded(key, name)
        args, kwargs = self._edited(key, args, kwargs)
        # What the recorded run itself took over from another one, it took over whatever it would have asked.
        self._check_asked(recorded, args, kwargs)
        return self._answered_again(recorded)

    def _check_asked(self, recorded: AnyRow | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if recorded is None or recorded.source_run_id != self._recording.id:
            return
        if recorded.inputs_hash != hash_of(args, kwargs):
            self._miss(
                f"Step {recorded.title[:120]!r} is asked something else than in the recording.",
                difference(*self._asked(recorded, args, kwargs)),
            )

    def _parking(self, name: str) -> tuple[str, AnyRow | None]:
        key = self._journal.key(self.placed(name))
        recorded = self._recorded(key, name)
        if recorded.status not in FINISHED_STEP:
            self._answered_again(recorded)
        return key, recorded

    def _recorded(self, key: str, name: str) -> AnyRow:
        if self._missed is not None:
            raise self._missed
        if self.parks_as:
            raise Parked(self.parks_as)
        self._journal.check()
        recorded = self._journal.row(key)
        if recorded is None:
            self._miss(f"Step {name[:120]!r} ({key[:120]}) is not in the recording.", f"+ {key}")
        return recorded

    def _answered_again(self, recorded: AnyRow) -> Any:
        if recorded.status in FINISHED_STEP:
            return self._handed_back(recorded)
        raise as_raised(RunError.model_validate(recorded.error or {"code": "agent_failed", "message": "Cut off."}))

    def _asked(self, recorded: AnyRow, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """What the step was asked and is asked now: whole where a recorded call keeps it, else in short."""
        with self._db.read() as connection:
            request = steps.first_request(connection, recorded.source_run_id, recorded.step_key) or {}
        asked = args[-1] if args and isinstance(args[-1], dict) else {}
        if both := [name for name in request if name in asked]:
            return {name: request[name] for name in both}, {name: asked[name] for name in both}
        return recorded.inputs, preview_of(args, kwargs)

    def _refuse(self, *_: Any) -> NoReturn:
        self._miss("The agent reads or calls something outside of a step, which no recording holds.", "")

    def _miss(self, message: str, shown: str) -> NoReturn:
        short = "\n".join(line[:_SHOWN_CHARS] for line in shown.splitlines()[:_SHOWN_LINES])
        self._missed = Conflict(
            f"{message}\n{short}".strip(),
            hint="The agent or its prompt has changed since: fork the run at this step to have it answered anew.",
            code=MISSED,
            difference=shown,
        )
        raise self._missed


class _NoStore:
    """The place of a database that must not be asked."""

    def __init__(self, refuse: Callable[..., NoReturn]) -> None:
        self.read = refuse


def _recording_of(run: Run, ports: Ports) -> Run:
    """The run that is replayed, under the id it had where it was executed."""
    with ports.db.read() as connection:
        found = runs.get(connection, run.workspace_id, run.replay_of or "")
    if found is None:
        raise NotFound(
            "The run to be replayed is not there any more.", hint="Choose another one.", code="recording_gone"
        )
    return found


def _sealed(ports: Ports, refuse: Callable[..., NoReturn]) -> Ports:
    return dataclasses.replace(
        ports,
        model=refuse,
        outbound=refuse,
        memory=refuse,
        secret=refuse,
        child=refuse,
        find_runs=refuse,
        prompt=refuse,
        program=refuse,
        rooms=None,  # type: ignore[arg-type]
        accounts=None,  # type: ignore[arg-type]
    )


def _differs(message: str, shown: str) -> Conflict:
    hint = "The agent's code, or something it reads outside of its steps, has changed since. The details show where."
    return Conflict(message, hint=hint, code=DIFFERS, difference=shown)


def _pairs(what: str, before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(f"{what}{name}", before.get(name), after.get(name)) for name in {**before, **after}]


def content_hash(value: Any) -> str:
    """The hash of a JSON value whatever the order of its keys and however a database writes its numbers."""
    text = json.dumps(_settled(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _settled(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_settled(item) for item in value]
    if isinstance(value, float):
        return value + 0.0  # Minus nought is nought.
    return float(value) if isinstance(value, int) and abs(value) >= 2**53 else value


def difference(before: Any, after: Any) -> str:
    """Two values as the lines in which they differ, texts line by line."""
    lines = difflib.unified_diff(_lines(before), _lines(after), "recorded", "now", lineterm="", n=1)
    found = [line for line in lines if not line.startswith(("---", "+++", "@@"))][:_DIFFERENCE_LINES]
    return "\n".join(found) or "What differs lies beyond what the journal shows of it."


def _lines(value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False, default=str)
    return text.replace("\\n", "\n").splitlines()


def as_raised(error: RunError) -> Exception:
    """A recorded error as the exception it was, so that an agent that handles it handles it again."""
    known = _exceptions()
    names = [line.partition(":")[0].rpartition(".")[2] for line in reversed((error.trace or "").splitlines())]
    kind = next((known[name] for name in names if name in known), AgentFailed)
    try:
        raised = kind(error.message) if issubclass(kind, IonfluxError) else kind(*_words_of(kind, error.message))
    except TypeError:
        raised = AgentFailed(error.message)
    if isinstance(raised, IonfluxError):
        raised.hint, raised.code = error.hint, error.code
    raised.recorded = error  # type: ignore[attr-defined]
    return raised


def _words_of(kind: type[Exception], message: str) -> list[str]:
    """What one of Python's errors was made with, told from how the runner has written it down."""
    words = message.removeprefix(kind.__name__).removeprefix(": ")
    # A KeyError quotes its key.
    quoted = kind is KeyError and len(words) > 1 and words[0] == words[-1] and words[0] in "'\""
    return [words[1:-1] if quoted else words] if words else []


def _exceptions() -> dict[str, type[Exception]]:
    """Every error of ours and of Python by its name."""
    ours = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, IonfluxError)]
    python = [kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return {kind.__name__: kind for kind in [*python, *ours, Retry]}
