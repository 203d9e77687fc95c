"""How a run starts another agent and reads what earlier runs did; both are journaled steps.

The started run is a run like any other, with this one as its parent. The parent gives its thread back until the child
has ended, and is handed the child's outputs: after a crash, a resume or in a replay nothing is started again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core.domain.runs import FINISHED, Run, RunError
from ionflux_core.errors import AgentFailed, Invalid, IonfluxError
from ionflux_core.limits import PAGE_ROWS
from ionflux_core.redaction import hidden
from ionflux_core.runtime.journal import OpenStep, plain_json
from ionflux_core.runtime.parking import FINISHED_STEP, Parked, Parking
from ionflux_core.storage import runs
from ionflux_core.storage.engine import AnyRow

RUN, FOUND = "run", "search"
"""The kinds of these steps: what a run has read of other runs is known by them."""


class Children(Parking):
    """The part of a Context that knows other runs."""

    attempt: int

    def run_agent(self, target: str, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Start an agent and hand back its outputs once it has ended."""
        target = hidden(str(target))[:300]
        given = plain_json(dict(inputs or {}), f"The inputs of {target}")
        key, recorded = self._parking(f"run {target[:120]}")
        self._check_asked(recorded, (target,), given)
        if recorded is not None and recorded.status in FINISHED_STEP:
            return dict(self._journal.outputs(recorded)["outputs"])
        kept = (recorded.outputs if recorded is not None else None) or {}
        if recorded is not None and recorded.error and kept.get("attempt") == self.attempt:
            raise _failed(RunError.model_validate(recorded.error))
        step = self._journal.begin(key, RUN, f"run {target}"[:300], (target,), given)
        fresh = "run_id" not in kept or kept.get("attempt") != self.attempt
        if fresh:
            kept = self._begun(step, target, given)
        with self._ports.db.read() as connection:
            child = runs.get(connection, self._run.workspace_id, kept["run_id"])
        if child is None and not fresh:
            gone = RunError(code="child_gone", message=f"The run of {target} is not kept any more.")
            raise self._broken(step, gone, kept)
        if child is None or child.status not in FINISHED:
            self._journal.park(step, kept)
            raise Parked("waiting", wait={"run_id": kept["run_id"], "step_key": key})
        if child.status != "success":
            raise self._broken(step, _why(target, child), kept)
        answer = {"run_id": child.id, "outputs": child.outputs or {}}
        return dict(self._journal.finish(step, self._journal.kept(step, answer))["outputs"])

    def find_runs(self, question: str, *, limit: int = 10) -> list[dict[str, Any]]:
        """Runs of the workspace whose words answer a question."""
        if not 1 <= limit <= PAGE_ROWS:
            raise Invalid(f"Between 1 and {PAGE_ROWS} runs can be asked for.", hint="ctx.find_runs(question, limit=10)")
        found: list[dict[str, Any]] = self._stepped(FOUND, "find runs", self._found, (question, limit), {})
        return found

    def _found(self, question: str, limit: int) -> list[dict[str, Any]]:
        return self._ports.find_runs(self._run.workspace_id, question, limit)

    def _begun(self, step: OpenStep, target: str, given: dict[str, Any]) -> dict[str, Any]:
        """What stands with the step of a child that will be inserted in the transaction that parks this run."""
        attempt = {"attempt": self.attempt}
        try:
            row = self._ports.child(self._run, target, given, f"{step.key}#{self.attempt}")
        except IonfluxError as error:
            why = RunError(code=error.code, message=error.message, hint=error.hint)
            raise self._broken(step, why, attempt) from error
        self._journal.effects.writes.append(lambda connection: runs.insert(connection, row))
        return attempt | {"run_id": row["id"]}

    def _broken(self, step: OpenStep, why: RunError, kept: dict[str, Any]) -> AgentFailed:
        """The failure of a child, recorded: within this attempt it is not started again."""
        failed = _failed(why)
        self._journal.fail(step, self.error_of(failed).model_dump(), kept)
        return failed

    def _check_asked(self, recorded: AnyRow | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A replay compares what is asked with its recording."""

    def _stepped(
        self, kind: str, name: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        raise NotImplementedError


def _failed(why: RunError) -> AgentFailed:
    return AgentFailed(why.message, hint=why.hint, code=why.code)


def _why(target: str, child: Run) -> RunError:
    """Why a child that did not end well has no outputs."""
    if child.error is not None:
        return RunError(code=child.error.code, message=f"{target}: {child.error.message}"[:1000], hint=child.error.hint)
    ended = child.status.replace("_", " ")
    return RunError(code="child_ended", message=f"The run of {target} was {ended}.", hint="Start it again.")
