"""What came of playbooks, counted from their runs and from events, and the way each execution took."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from ionflux_core import limits
from ionflux_core.domain.playbook_runs import Execution, PassedStep, Performance
from ionflux_core.domain.playbooks import Playbook
from ionflux_core.domain.runs import FINISHED, Run, RunStep
from ionflux_core.errors import NotFound
from ionflux_core.services.playbook_flows import part_of, step_of
from ionflux_core.services.playbooks import Playbooks
from ionflux_core.services.runs import Runs
from ionflux_core.storage import playbooks as rows
from ionflux_core.storage.engine import Database

State = Literal["running", "waiting", "done", "failed", "passed_over"]

_PATH_STEPS = 1_000
_STATES: dict[str, State] = {"success": "done", "reused": "done", "error": "failed", "waiting": "waiting",
                             "awaiting_approval": "waiting", "cancelled": "failed"}  # fmt: skip


class PlaybookFigures:
    """Figures and executions of playbooks; nothing here is kept, all of it is counted when it is asked for."""

    def __init__(self, db: Database, playbooks: Playbooks, runs: Runs) -> None:
        self._db = db
        self._playbooks = playbooks
        self._runs = runs

    def counts(self, playbooks: Sequence[Playbook]) -> dict[str, Performance]:
        """Executions by playbook, counted in one query and without conversions: enough for a list."""
        flows = [playbook.flow_id for playbook in playbooks if playbook.flow_id]
        with self._db.read() as connection:
            found = rows.counts(connection, flows)
        return {playbook.id: _counted(found.get(playbook.flow_id or "", {})) for playbook in playbooks}

    def performance(self, workspace_id: str, playbook_id: str) -> Performance:
        """Executions, and the share of them whose customer did what counts as success within the days for it.

        The share is that of the newest 5,000 executions that name their customer.
        """
        playbook = self._playbooks.get(workspace_id, playbook_id)
        counted = self.counts([playbook])[playbook.id]
        if playbook.flow_id is None or not counted.total_triggered:
            return _without(counted, "Nobody has been through it yet.")
        return self._converted(playbook, playbook.flow_id, counted)

    def executions(
        self, workspace_id: str, playbook_id: str, *, before: str | None = None, limit: int = 50
    ) -> list[Execution]:
        """Executions of a playbook, newest first, behind a run's id; rehearsals among them, the ways left out."""
        playbook = self._playbooks.get(workspace_id, playbook_id)
        if playbook.flow_id is None:
            return []
        limit = max(1, min(limit, limits.PAGE_ROWS + 1))
        with self._db.read() as connection:
            found = rows.executions(connection, playbook.flow_id, before=before, limit=limit)
        return [
            Execution(
                run_id=run.id,
                status=run.status,
                customer=_customer(run, playbook.customer),
                dry_run=run.dry_run,
                started_at=run.created_at,
                finished_at=run.finished_at,
            )
            for run in found
        ]

    def execution(self, workspace_id: str, playbook_id: str, run_id: str) -> Execution:
        """One execution with the steps it came to, in their order; NotFound when it is none of this playbook."""
        playbook = self._playbooks.get(workspace_id, playbook_id)
        run = self._runs.get(workspace_id, run_id)
        if playbook.flow_id is None or run.instance_id != playbook.flow_id:
            raise NotFound("There is no such execution.", hint="Choose one from the list.")
        steps = self._runs.steps(workspace_id, run_id, limit=_PATH_STEPS)
        return Execution(
            run_id=run.id,
            status=run.status,
            customer=_customer(run, playbook.customer),
            dry_run=run.dry_run,
            started_at=run.created_at,
            finished_at=run.finished_at,
            path=tuple(path_of(steps, playbook)),
        )

    def _converted(self, playbook: Playbook, flow_id: str, counted: Performance) -> Performance:
        wanted = playbook.conversion
        with self._db.read() as connection:
            found = rows.executions(connection, flow_id, before=None, limit=limits.PLAYBOOK_RUNS, real=True)
            starts: dict[str, list[datetime]] = {}
            for run in found:
                customer = _customer(run, playbook.customer)
                if customer is not None:
                    starts.setdefault(customer, []).append(run.created_at)
            if not starts:
                reason = f"The events that started it name no customer under {playbook.customer}."
                return _without(counted, reason)
            moments = [moment for each in starts.values() for moment in each]
            days = timedelta(days=wanted.within_days)
            events = rows.happened(
                connection, playbook.workspace_id, wanted.event, since=min(moments), until=max(moments) + days
            )
            came = _by_customer(events, wanted.customer)
        if came is None:
            return _without(counted, f"No {wanted.event} has come in since it began.")
        converted = sum(
            _within(moment, came.get(customer, ()), days) for customer, every in starts.items() for moment in every
        )
        values = {"counted": len(moments), "converted": converted, "conversion_rate": converted / len(moments)}
        return counted.model_copy(update=values)


def path_of(steps: Iterable[RunStep], playbook: Playbook) -> list[PassedStep]:
    """The steps of a playbook that a run came to, each once, in the order in which they began.

    A delay and what follows it are one step; what a step did inside is left out. Steps that were removed since keep
    the name they had.
    """
    passed: dict[str, PassedStep] = {}
    for row in steps:
        key, inside, _ = row.step_key.partition("/")
        node = _node_of(key)
        part, step_id = part_of(node), step_of(node)
        seen, state = passed.get(step_id), _state(row)
        if part == "way" or (inside and seen and seen.ended_at):
            continue
        if inside and state == "done":
            # A mail has been decided on; the step itself has ended when it says so.
            state = "running"
        elif part == "wait" and state == "done":
            # The delay, or one of the signals in it, is over; what the step does then has a row of its own.
            state = seen.state if seen else "running"
        step = playbook.step(step_id)
        passed[step_id] = PassedStep(
            step_id=step_id,
            name=step.name if step else row.title or step_id,
            state=state,
            acted=part == "step" and state == "done" and (step is None or step.acts),
            at=seen.at if seen else row.started_at,
            ended_at=row.finished_at if (part == "step" and not inside) or state == "failed" else None,
            until=_until(row) if part == "wait" else None,
            note=row.error.message if row.error else _came(row) or (seen.note if seen else "") or _reason(row),
        )
    return list(passed.values())


def _node_of(key: str) -> str:
    """The node a step's key belongs to; for a signal listened for inside a delay, the delay."""
    nodes = key.split(".")
    return next((node for node in nodes if part_of(node) == "wait"), nodes[-1])


def _state(row: RunStep) -> State:
    if row.kind == "skipped":
        return "passed_over"
    return _STATES.get(row.status, "running")


def _came(row: RunStep) -> str:
    """What ended a delay before its time."""
    event = row.outputs if row.kind == "wait" and row.status == "success" else None
    return f"{event['type']} came" if isinstance(event, dict) and "type" in event else ""


def _until(row: RunStep) -> datetime | None:
    """When a delay is over that is still waited for."""
    if row.status != "waiting" or not isinstance(row.outputs, dict):
        return None
    try:
        return datetime.fromisoformat(str(row.outputs.get("until")))
    except ValueError:
        return None


def _reason(row: RunStep) -> str:
    reason = row.outputs.get("skipped") if row.kind == "skipped" and isinstance(row.outputs, dict) else None
    return str(reason) if reason else ""


def _counted(statuses: dict[str, int]) -> Performance:
    total, completed = sum(statuses.values()), statuses.get("success", 0)
    running = sum(count for status, count in statuses.items() if status not in FINISHED)
    return Performance(
        total_triggered=total, total_completed=completed, running=running, failed=total - completed - running
    )


def _without(counted: Performance, reason: str) -> Performance:
    return counted.model_copy(update={"not_computed": {"conversion_rate": reason}})


def _customer(run: rows.RunRow | Run, path: str) -> str | None:
    """Who an execution is for, as the event that started it says."""
    trigger = run.trigger if isinstance(run.trigger, dict) else run.trigger.model_dump()
    payload = trigger.get("payload")
    return _named(payload, path) or _named(run.inputs, path)


def _named(payload: Any, path: str) -> str | None:
    """The customer at a path of a payload, so written that two spellings of one address are the same."""
    for step in path.split("."):
        payload = payload.get(step) if isinstance(payload, dict) else None
    if isinstance(payload, bool) or not isinstance(payload, str | int):
        return None
    return str(payload).strip().lower() or None


def _by_customer(events: Iterable[tuple[datetime, dict[str, Any]]], path: str) -> dict[str, list[datetime]] | None:
    """When something happened, by customer in the order of time; None when nothing has."""
    came: dict[str, list[datetime]] = {}
    none = True
    for at, payload in events:
        none = False
        customer = _named(payload, path)
        if customer is not None:
            came.setdefault(customer, []).append(at)
    for every in came.values():
        every.sort()
    return None if none else came


def _within(start: datetime, came: Sequence[datetime], days: timedelta) -> bool:
    # What started it is no success of it: only what came after counts.
    place = bisect_right(came, start)
    return place < len(came) and came[place] <= start + days
