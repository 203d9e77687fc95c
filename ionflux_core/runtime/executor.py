"""Executes one claimed run: gives the agent its context, and writes how it ended in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ionflux_core.domain.agents import FLOW, AgentDefinition, OutputSpec, check_value
from ionflux_core.domain.events import woken_by
from ionflux_core.domain.money import in_dollars
from ionflux_core.domain.runs import FINISHED, Run, RunError, RunStatus
from ionflux_core.domain.waits import joined_waits, waits_in
from ionflux_core.errors import (
    AgentFailed,
    BudgetReached,
    Conflict,
    Invalid,
    IonfluxError,
    TooManyRequests,
    Unavailable,
)
from ionflux_core.ids import now
from ionflux_core.limits import INLINE_OUTPUT_BYTES
from ionflux_core.redaction import bind, hiding
from ionflux_core.runtime.context import clock_of
from ionflux_core.runtime.journal import Revoked, plain_json
from ionflux_core.runtime.parking import Parked
from ionflux_core.runtime.ports import Ports
from ionflux_core.runtime.replay import context_of
from ionflux_core.runtime.run_events import run_event
from ionflux_core.runtime.values import owners_estimate
from ionflux_core.runtime.watch import WatchedJournal
from ionflux_core.sdk import Retry
from ionflux_core.storage import agents, approvals, costs, events, runs, steps
from ionflux_core.storage.engine import AnyRow, Connection, dump_json

log = logging.getLogger(__name__)

_PREVIEW_CHARS = 280
_TRANSIENT = (Retry, Unavailable, TooManyRequests)


class Execution:
    """One run in the hands of one worker. `end` writes the run's fate; whoever ends it first wins."""

    def __init__(self, run: Run, owner: str, ports: Ports, *, fresh: bool) -> None:
        self.run = run
        self.owner = owner
        self._ports = ports
        # A run that was never executed has no steps to look for.
        self._fresh = fresh
        self._before = costs.NOTHING
        self.definition = ports.catalog.definition_of_run(self.run)
        self.journal = WatchedJournal(run, ports, self._recorded(), owner=owner)
        self.journal.published = ports.published
        self.context = context_of(self.run, self.journal, ports)
        self.ended: Run | None = None

    def _recorded(self) -> dict[str, AnyRow]:
        if self._fresh and self.run.lineage is None:
            return {}
        with self._ports.db.read() as connection:
            # What the rows of the calls say, and not the run: a process that died could not add up.
            self._before = costs.of_run(connection, self.run.id)
            return steps.recorded(connection, self.run.id)

    def execute(self) -> None:
        """Run the agent to its end, its next wait, or its failure. This is the step edge: nothing gets past it."""
        with bind(**self._named()), hiding(self._ports.redactor(self.run.workspace_id)):
            try:
                code = self._ports.catalog.code(self.run.definition_slug)
                outputs = code.run(self.context, dict(self.run.inputs))
                self._succeed(outputs)
            except Parked as parked:
                self._park(parked)
            except Revoked:
                log.info("run given up: it was cancelled or taken over")
            except BaseException as error:
                # An agent that calls sys.exit() fails like any other; the worker's thread is not its to end.
                self._fail(error)

    def _named(self) -> dict[str, str | Callable[[], str | None] | None]:
        """What every line of the program's own log says while this run is executed."""
        run, journal = self.run, self.journal
        return {
            "run_id": run.id, "step": lambda: step.key if (step := journal.current) else None,
            "workspace_id": run.workspace_id, "agent": run.definition_slug, "instance_id": run.instance_id,
            "correlation_id": run.correlation_id,
        }  # fmt: skip

    def _succeed(self, outputs: Any) -> None:
        if not isinstance(outputs, dict):
            raise AgentFailed(
                f"The agent returned {type(outputs).__name__} instead of a map of outputs.",
                hint="Return a dict from output key to value.",
                code="bad_outputs",
            )
        plain = plain_json(outputs, "The agent returned")
        kept = self._inline(plain)
        self.context.check_outputs(kept)
        warnings = list(self.run.warnings) + output_warnings(self.definition, plain)
        preview = preview_of(self.definition, plain, self.run.config.get("snippet_preview_output_key"))
        values = {"outputs": kept, "preview": preview, "warnings": warnings, "error": None}
        if (estimate := owners_estimate(self.run, clock_of(self.run))) is not None:
            self.journal.effects.values.append(estimate)
        self.end("success", values)

    def _inline(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs with the large ones replaced by a reference to a stored file."""
        kept = {}
        for key, value in outputs.items():
            size = len(dump_json(value))
            if size > INLINE_OUTPUT_BYTES:
                sha256 = self.journal.store_json(value, f"{key}.json")
                value = {"storage_ref": {"sha256": sha256, "name": f"{key}.json", "size": size}}
            kept[key] = value
        return kept

    def _park(self, parked: Parked) -> None:
        self.journal.abandon()
        values: dict[str, Any] = {"wake_at": parked.wake_at, "kpis": self.context.reported, **self._costs()}
        if parked.wait is not None:
            # A pause keeps what the run was woken with: it has not been taken up yet.
            values["wait"] = parked.wait

        def work(connection: Connection) -> None:
            self.journal.effects.flush(connection)
            wake_if_come(connection, self.run, parked.wait or {})

        emitted = bool(self.journal.effects.events)
        if self._move(parked.status, values, work):
            self._tell(parked.status, emitted)

    def _fail(self, error: BaseException) -> None:
        self.journal.drop_effects()
        if (reached := budget_in(error)) is not None:
            self._stop(reached)
            return
        recorded = self.context.error_of(error)
        policy = self.definition.limits.retry
        if isinstance(error, _TRANSIENT) and self.run.attempt <= policy.max and self.run.lineage != "replay":
            self._again(error, recorded)
            return
        if not isinstance(error, IonfluxError):
            log.warning("agent %s failed: %s", self.run.definition_slug, recorded.message)
        values = {"error": recorded.model_dump(), "preview": recorded.message[:_PREVIEW_CHARS]}
        self._end_anyway("error", values)

    def _stop(self, reached: BudgetReached) -> None:
        """End before the next call, keeping what is finished, so that the run can go on with a larger budget."""
        recorded = self.context.error_of(reached)
        with self._ports.db.read() as connection:
            done = steps.finished_count(connection, self.run.id)
        spent, counted = in_dollars(self._costs()["cost_micros"]), "step" if done == 1 else "steps"
        preview = f"Stopped by its budget after {done} finished {counted} and {spent}. {recorded.message}"
        self._end_anyway("budget_stopped", {"error": recorded.model_dump(), "preview": preview[:_PREVIEW_CHARS]})

    def _end_anyway(self, status: RunStatus, values: dict[str, Any]) -> None:
        try:
            self.end(status, values)
        except (Invalid, Conflict):
            # A log line or call that no database takes must not keep the run from ending.
            self.end(status, values, flush=False)

    def _again(self, error: BaseException, recorded: RunError) -> None:
        """Put the run back into the queue for later; its finished steps stay."""
        delay = self.definition.limits.retry.backoff_seconds * 2 ** (self.run.attempt - 1)
        if isinstance(error, Retry):
            delay = max(delay, error.after_seconds)
        if isinstance(error, TooManyRequests):
            delay = max(delay, float(error.details.get("retry_after") or 0))
        self.context.log(
            f"Attempt {self.run.attempt} failed: {recorded.message} Next in {delay:.0f} s.", level="warning"
        )
        later = now() + timedelta(seconds=delay)
        values: dict[str, Any] = {"attempt": self.run.attempt + 1, "wake_at": later, **self._costs()}
        if self._move("pending", values, self.journal.effects.flush):
            self._tell("pending", emitted=False)

    def _tell(self, status: RunStatus, emitted: bool) -> None:
        """Wake whoever waits for the run, and the bus when there is something for it."""
        self._ports.moved(self.run.id, status, self.ended)
        if emitted:
            self._ports.published()

    def _costs(self) -> dict[str, int]:
        return {
            "cost_micros": self._before.cost_micros + self.journal.cost_micros,
            "unpriced_calls": self._before.unpriced_calls + self.journal.unpriced_calls,
        }

    def cut_off(self, error: RunError) -> bool:
        """End a run whose thread does not come back; whatever that thread still does is not recorded."""
        self.journal.revoked = True
        return self.end("error", {"error": error.model_dump(), "preview": error.message}, flush=False)

    def end(self, status: RunStatus, values: dict[str, Any], *, flush: bool = True) -> bool:
        """Write the end of the run, its instance's last run, and the event, in one transaction; False when too late."""
        at = now()
        values = values | {
            "finished_at": at,
            "kpis": self.context.reported,
            **self._costs(),
            "wake_at": None,
            "wait": None,
        }

        emitted = flush and bool(self.journal.effects.events)

        def work(connection: Connection) -> None:
            nonlocal emitted
            if status != "success":
                steps.close_open(connection, self.run.id, "error", at)
                approvals.withdraw(connection, self.run.id, at)
            elif self.run.definition_slug == FLOW:
                # A branch may still have waited when another one failed and the flow went on.
                steps.close_open(connection, self.run.id, "cancelled", at)
                approvals.withdraw(connection, self.run.id, at)
            emitted |= finish(connection, self.run, self.definition, status, values, heard=self._ports.heard)
            if flush:
                self.journal.effects.flush(connection)

        ended = self._move(status, values, work)
        if ended:
            self.ended = _ended(self.run, status, values)
            self._tell(status, emitted)
            if self.run.parent_run_id and self.run.lineage is None:
                self._ports.moved(self.run.parent_run_id, "pending", None)
        return ended

    def _move(self, status: RunStatus, values: dict[str, Any], work: Callable[[Connection], object]) -> bool:
        def transaction(connection: Connection) -> bool:
            if not runs.move(connection, self.run.id, status, owner=self.owner, **values):
                return False
            work(connection)
            return True

        return self._ports.db.write(transaction)


def _ended(run: Run, status: RunStatus, values: dict[str, Any]) -> Run:
    """The run as its last transaction has left it, for those who wait for it and need not read it again."""
    error = RunError(**values["error"]) if values.get("error") else None
    words = {"error": error, "error_code": error and error.code, "error_message": error and error.message}
    return run.model_copy(update=values | words | {"status": status})


def wake_if_come(connection: Connection, run: Run, wait: dict[str, Any]) -> None:
    """Bring a run on again at once when what it waits for has come while it was being parked."""
    waits, come = waits_in(wait), False
    for at, each in enumerate(waits):
        if "topic" in each and (event := events.awaited(connection, run.workspace_id, each)) is not None:
            waits[at], come = woken_by(each, event), True
        come = come or _is_over(connection, run, each)
    if come:
        runs.move(connection, run.id, "pending", parked=True, wake_at=None, wait=joined_waits(waits))


def _is_over(connection: Connection, run: Run, wait: dict[str, Any]) -> bool:
    """Whether the person has answered or the run has ended that is waited for."""
    if "approval_id" in wait:
        asked = approvals.get(connection, run.workspace_id, wait["approval_id"])
        return asked is not None and asked.status != "pending"
    return "run_id" in wait and runs.status_of(connection, wait["run_id"]) in (None, *FINISHED)


def budget_in(error: BaseException) -> BudgetReached | None:
    """The budget that ended a run, also when the agent's own code has wrapped the error it met."""
    met: BaseException | None = error
    seen: set[int] = set()
    while met is not None and id(met) not in seen:
        if isinstance(met, BudgetReached):
            return met
        seen.add(id(met))
        met = met.__cause__ or (None if met.__suppress_context__ else met.__context__)
    return None


def end_lost(ports: Ports, connection: Connection, row: AnyRow, error: RunError) -> bool:
    """End a leased run that nobody executes; False when its lease has changed hands."""
    run, at = runs.run_of(row), now()
    values: dict[str, Any] = {"error": error.model_dump(), "preview": error.message[:_PREVIEW_CHARS]}
    values |= {"finished_at": at, "wake_at": None, "wait": None}
    if not runs.move(connection, run.id, "error", owner=row.lease_owner, **values):
        return False
    steps.close_open(connection, run.id, "error", at)
    approvals.withdraw(connection, run.id, at)
    finish(connection, run, ports.catalog.find(run.definition_slug), "error", values | {"kpis": run.kpis})
    return True


COMPLETED = "ionflux.agent.run.completed"
_NO_VERDICT = ("cancelled_by_user", "cancelled_by_system", "budget_stopped")


def finish(
    connection: Connection,
    run: Run,
    definition: AgentDefinition | None,
    status: RunStatus,
    values: dict[str, Any],
    *,
    heard: Callable[[str, str], bool] = lambda *_: True,
) -> bool:
    """What follows from the end of a run: its instance's summary, breaker and event; True when the bus has work.

    A dry run leaves no trace but itself. `definition` is None when the agent's folder is gone. Every run ends with
    this event, so one that nobody listens to (`heard` says so) is filed at once instead of being carried round.
    """
    if run.parent_run_id and run.lineage is None:
        runs.wake_parent(connection, run.parent_run_id, run.id)
    if run.dry_run:
        return False
    at, broken = values["finished_at"], False
    summary = {"run_id": run.id, "status": status, "timestamp": at, "output_preview_text": values.get("preview")}
    if run.instance_id:
        # Neither a cancelled run nor one that its budget stopped says anything about the agent's health.
        failed = None if status in _NO_VERDICT else status != "success"
        failures = agents.note_run(connection, run.instance_id, summary=summary, failed=failed)
        if failed and definition is not None and failures >= definition.limits.breaker:
            broken = _break(connection, run, failures, values)
    payload = {**summary, "instance_id": run.instance_id, "instance": run.instance_name,
               "definition": run.definition_slug, "dry_run": run.dry_run, "kpis": values.get("kpis") or {},
               "trigger": run.trigger_kind}  # fmt: skip
    # A run that its budget stopped may go on and end once more.
    again = f":{at.isoformat()}" if status == "budget_stopped" else ""
    event = run_event(run, COMPLETED, payload, f"completed:{run.id}{again}")
    listened = heard(run.workspace_id, COMPLETED) or runs.any_waiting(connection, run.workspace_id)
    if not listened:
        event["status"] = "archived_no_trigger"
    events.insert(connection, event)
    return listened or broken


def _break(connection: Connection, run: Run, failures: int, values: dict[str, Any]) -> bool:
    """Open the breaker: the instance stops until a person has looked; False when it has stopped before."""
    error = values.get("error") or {}
    reason = f"{failures} runs in a row failed; the last one: {error.get('message', 'no message')}"
    if not agents.stop_instance(connection, run.instance_id or "", values["finished_at"], reason[:1000]):
        return False
    payload = {"instance_id": run.instance_id, "instance": run.instance_name, "reason": reason, "failures": failures}
    return events.insert(connection, run_event(run, "ionflux.agent.instance.stopped", payload, f"stopped:{run.id}"))


def output_warnings(definition: AgentDefinition, outputs: dict[str, Any]) -> list[str]:
    """Where outputs and the manifest's list differ; `engine` may always be there."""
    declared = {spec.key: spec for spec in definition.outputs}
    warnings = [f"Output {key!r} is missing." for key in declared if key not in outputs]
    warnings += [
        f"Output {key!r} is not in the manifest." for key in outputs if key not in declared and key != "engine"
    ]
    for key, spec in declared.items():
        value = outputs.get(key)
        if value is None or (isinstance(value, dict) and "not_computed" in value):
            continue
        wrong = check_value("string" if spec.type == "markdown" else spec.type, value)
        if wrong and spec.type not in ("event", "file"):
            warnings.append(f"Output {key!r} {wrong}.")
    return warnings


def preview_of(definition: AgentDefinition, outputs: dict[str, Any], wanted: str | None) -> str | None:
    """One line that says what came out: the wanted key, else the first text, else the first value."""
    order: list[OutputSpec] = sorted(definition.outputs, key=lambda spec: spec.type not in ("markdown", "string"))
    keys = ([wanted] if wanted else []) + [spec.key for spec in order]
    for key in keys:
        value = outputs.get(key)
        if value in (None, "", {}, []):
            continue
        text = _words_of(value)
        prose = (line for line in text.splitlines() if not line.lstrip().startswith("|"))
        lines = [line.strip("#*> -") for line in prose]
        first = " · ".join(line for line in lines if line)[:_PREVIEW_CHARS]
        if first:
            return first
    return None


def _words_of(value: Any) -> str:
    """A value as text: a map that sums itself up in words is shown by them."""
    if isinstance(value, dict):
        for key in ("summary", "title", "text", "message"):
            if isinstance(value.get(key), str) and value[key]:
                return str(value[key])
    return value if isinstance(value, str) else dump_json(value)
