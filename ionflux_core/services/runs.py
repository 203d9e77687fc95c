"""Runs: start, watch, steer. The one way in for pages, routes, triggers and the command line."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.runs import (
    FINISHED,
    Run,
    RunFilter,
    RunLog,
    RunStatus,
    RunStep,
    RunSummary,
    RunTrigger,
    check_move,
)
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound, Unavailable
from ionflux_core.ids import new_id, now
from ionflux_core.runtime.context import bounded
from ionflux_core.runtime.executor import finish
from ionflux_core.runtime.ports import Dispatcher
from ionflux_core.services.agents import Agents
from ionflux_core.services.run_waiter import RunWaiter
from ionflux_core.services.starting import Prepared, Started, brought_inputs, check_size, first_row, own_budget
from ionflux_core.services.targets import Target
from ionflux_core.storage import approvals, artifacts, audit, steps
from ionflux_core.storage import runs as rows
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.telemetry import caused

_LEAST_FREE_BYTES = 64 * limits.MIB
_DISK_CHECK_SECONDS = 5.0
_SECRET_LEFT_OUT = "An input held the value of a stored secret; it was left out."


@dataclass(frozen=True, slots=True)
class Page:
    """One page of runs, newest first; `cursor` asks for the next one."""

    runs: list[RunSummary]
    cursor: str | None


class Runs:
    """Use-cases around runs."""

    def __init__(self, db: Database, files: ArtifactFiles, agents: Agents, data_dir: Path) -> None:
        self._db = db
        self._files = files
        self._agents = agents
        self._data_dir = data_dir
        self._disk_checked = 0.0
        self._waiters: dict[str, RunWaiter] = {}
        self.dispatcher: Dispatcher | None = None
        self.watch: Callable[[], None] = lambda: None

    def prepare(
        self,
        workspace_id: str,
        target: str | AgentInstance | Target,
        inputs: Mapping[str, Any] | None = None,
        *,
        trigger: RunTrigger | None = None,
        payload: Any = None,
        payload_to: str | None = None,
        task: str | None = None,
        key: str | None = None,
        correlation_id: str | None = None,
        brand_id: str | None = None,
        dry_run: bool = False,
        depth: int = 0,
        priority: int = 0,
        budget_micros: int | None = None,
        by: str | None = None,
    ) -> Prepared:
        """Resolve and check everything a run needs, writing nothing; Invalid names all that is wrong.

        `payload` is what a trigger brought: it becomes the input `payload_to`, or its keys fill the inputs they name.
        """
        resolved = target if isinstance(target, Target) else self._agents.resolve(workspace_id, target)
        definition = resolved.definition
        if depth > limits.RUN_DEPTH:
            raise LimitExceeded(
                f"Runs have started each other {depth} deep.", hint="Look for agents that listen to their own events."
            )
        self.check_disk()
        brought = brought_inputs(definition, payload, payload_to)
        merged = self._agents.effective(
            workspace_id, resolved, runtime=inputs or {}, brought=brought, brand_id=brand_id
        )
        check_size(merged.inputs)
        known_tasks = {spec.key for spec in definition.tasks} | {spec.task for spec in definition.triggers if spec.task}
        if task and task not in known_tasks:
            raise Invalid(
                f"{definition.name} has no task {task!r}.", hint=f"Choose one of: {', '.join(sorted(known_tasks))}."
            )
        run_id = new_id()
        why = {
            "trigger_kind": trigger.kind if trigger else "manual",
            "trigger_id": trigger.id if trigger else None,
            "trigger": (trigger or RunTrigger(by=by)).model_dump(mode="json"),
            "task": task,
            "correlation_id": caused(correlation_id or run_id),
            "idempotency_key": bounded(key) if key else None,
            "dry_run": dry_run,
            "priority": priority,
            "depth": depth,
            "budget_micros": own_budget(definition, merged) if budget_micros is None else budget_micros,
        }
        row = {"id": run_id, **first_row(workspace_id, resolved, merged, brand_id), **why}
        clean = self._agents.hidden(workspace_id, row)
        if clean is not row:
            clean["warnings"] = [*clean["warnings"], _SECRET_LEFT_OUT]
        return Prepared(run_id, clean)

    def hidden(self, workspace_id: str, value: Any) -> Any:
        """A JSON-like value without the values of the workspace's secrets."""
        return self._agents.hidden(workspace_id, value)

    def insert(self, connection: Connection, prepared: Prepared) -> Started:
        """Insert a prepared run in the caller's transaction; the same idempotency key gives the earlier run."""
        if rows.insert(connection, prepared.row):
            return Started(prepared.id)
        earlier = rows.id_for_key(connection, prepared.row["workspace_id"], prepared.row["idempotency_key"])
        return Started(earlier or prepared.id, repeated=True)

    def start(
        self,
        workspace_id: str,
        target: str | Target,
        inputs: Mapping[str, Any] | None = None,
        *,
        durable: bool = False,
        **options: Any,
    ) -> Started:
        """Accept a run and return at once; a worker takes it from the queue. Options are those of `prepare`."""
        prepared = self.prepare(workspace_id, target, inputs, **options)
        started = self._db.write(lambda connection: self.insert(connection, prepared), durable=durable)
        self.announce()
        return started

    def perform(
        self, prepared: Prepared, insert: Callable[[Connection, Prepared], Started] | None = None
    ) -> tuple[Started, Run | None]:
        """Insert a prepared run and, when there is room, execute it in this very thread.

        The run as it ended; None when it was parked or repeated, or when the queue has it. `insert` may write more in
        the same transaction. For callers who wait for the answer: it is not promised to survive a loss of power.
        """
        inserted = insert or self.insert
        with self.dispatcher.place() if self.dispatcher else nullcontext() as place:

            def work(connection: Connection) -> tuple[Started, dict[str, Any] | None]:
                leased = place.lease(connection, prepared.row) if place else None
                started = inserted(connection, Prepared(prepared.id, leased) if leased else prepared)
                return started, None if started.repeated else leased

            started, leased = self._db.write(work)
            if place is not None and leased is not None:
                return started, place.execute(leased)
        self.announce()
        return started, None

    def call(
        self,
        workspace_id: str,
        target: str | Target,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float,
        **options: Any,
    ) -> Run:
        """Start a run and wait for its end, here when there is room; options are those of `prepare`.

        After `timeout` seconds in the queue the run as it stands; one that is executed here is not broken off.
        """
        started, ended = self.perform(self.prepare(workspace_id, target, inputs, **options))
        return ended or self.wait(workspace_id, started.run_id, timeout=timeout)

    def announce(self) -> None:
        """Tell the dispatcher that something is pending, and who looks on."""
        self.watch()
        if self.dispatcher is not None:
            self.dispatcher.notify()

    def get(self, workspace_id: str, run_id: str) -> Run:
        """One run; NotFound when it is not there."""
        with self._db.glance() as connection:
            run = rows.get(connection, workspace_id, run_id)
        if run is None:
            raise NotFound("There is no such run.", hint="Choose one from the list.")
        return run

    def find(
        self, workspace_id: str, narrow: RunFilter | None = None, *, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """A page of runs, newest first."""
        limit = max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            found = rows.find(connection, workspace_id, narrow or RunFilter(), before=cursor, limit=limit + 1)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def count(self, workspace_id: str, narrow: RunFilter | None = None) -> int:
        """How many runs a filter leaves, counted up to 10,001."""
        with self._db.read() as connection:
            return rows.count(connection, workspace_id, narrow or RunFilter())

    def unfinished(self, workspace_id: str) -> int:
        """How many runs are pending, running or parked."""
        with self._db.read() as connection:
            return rows.unfinished_count(connection, workspace_id)

    def steps(self, workspace_id: str, run_id: str, *, offset: int = 0, limit: int = limits.PAGE_ROWS) -> list[RunStep]:
        """Steps of a run in the order they began; large outputs stay references."""
        self.get(workspace_id, run_id)
        with self._db.read() as connection:
            return steps.of_run(connection, run_id, limit=min(limit, 1000), offset=offset)

    def logs(self, workspace_id: str, run_id: str, *, limit: int = 500) -> list[RunLog]:
        """Log lines of a run, oldest first."""
        self.get(workspace_id, run_id)
        with self._db.read() as connection:
            return steps.logs(connection, run_id, limit=limit)

    def calls(
        self, workspace_id: str, run_id: str, *, offset: int = 0, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Model and HTTP calls of a run, oldest first."""
        self.get(workspace_id, run_id)
        with self._db.read() as connection:
            return steps.calls_of(connection, run_id, offset=offset, limit=limit)

    def calls_behind(self, workspace_id: str, run_id: str) -> list[dict[str, Any]]:
        """Calls of a run, and those whose answers it reuses."""
        self.get(workspace_id, run_id)
        with self._db.read() as connection:
            return steps.calls_behind(connection, run_id)

    def step_calls(self, workspace_id: str, run_id: str, step_key: str, *, limit: int = 20) -> list[dict[str, Any]]:
        """Model and HTTP calls of one step."""
        self.get(workspace_id, run_id)
        with self._db.read() as connection:
            return steps.calls_of_step(connection, run_id, step_key, limit=limit)

    def file(self, workspace_id: str, sha256: str) -> bytes:
        """A stored file of a workspace; NotFound when it is not its own."""
        with self._db.read() as connection:
            known = artifacts.get(connection, workspace_id, sha256)
        if known is None:
            raise NotFound("There is no such file.", hint="Reload the page.")
        return self._files.read(sha256)

    def files(self, workspace_id: str, run_id: str) -> list[dict[str, Any]]:
        """What a run stored first: sha256, name, media_type and size of each file."""
        self.get(workspace_id, run_id)
        with self._db.read() as connection:
            found = artifacts.of_run(connection, run_id)
        names = ("sha256", "name", "media_type", "size")
        return [{name: getattr(row, name) for name in names} for row in found if row.workspace_id == workspace_id]

    def upload(self, workspace_id: str, name: str, data: bytes, media_type: str) -> dict[str, Any]:
        """Store a file for an input of type `file`; what to give as that input's value."""
        if len(data) > limits.UPLOAD_BYTES:
            raise LimitExceeded(
                f"The file is larger than {limits.UPLOAD_BYTES // limits.MIB} MiB.", hint="Split it into parts."
            )
        sha256, at = self._files.write(data), now()
        plain_name = name.replace("\\", "/").rsplit("/", 1)[-1][:200] or "file"
        self._db.write(
            lambda c: artifacts.note(
                c,
                workspace_id,
                sha256=sha256,
                name=plain_name,
                media_type=media_type,
                size=len(data),
                at=at,
                run_id=None,
            )
        )
        return {"sha256": sha256, "name": plain_name, "media_type": media_type, "size": len(data)}

    def wait(self, workspace_id: str, run_id: str, *, timeout: float) -> Run:
        """The run once it has ended or been parked, or as it stands when the time is over."""
        deadline = time.monotonic() + timeout
        waiter = self._waiters.setdefault(run_id, RunWaiter())
        try:
            while True:
                with self._db.glance() as connection:
                    status = rows.status_of(connection, run_id)
                left = deadline - time.monotonic()
                if status not in ("pending", "running") or left <= 0:
                    return self.get(workspace_id, run_id)
                # Another process may execute the run: then only looking again tells.
                waiter.moved.wait(min(left, 0.25))
                waiter.moved.clear()
                if waiter.run is not None and waiter.run.workspace_id == workspace_id:
                    return waiter.run
        finally:
            self._waiters.pop(run_id, None)

    def moved(self, run_id: str, status: RunStatus, run: Run | None = None) -> None:
        """A run of this process has ended or been parked: wake whoever waits for it, and a worker when it is due."""
        self.watch()
        if status not in FINISHED:
            self.announce()
        waiter = self._waiters.get(run_id)
        if waiter is not None:
            waiter.run = run
            waiter.moved.set()

    def cancel(self, workspace_id: str, run_id: str, *, by: str | None = None) -> Run:
        """Cancel a run; a step in flight is not recorded any more."""
        run = self.get(workspace_id, run_id)
        check_move(run.status, "cancelled_by_user")
        definition = self._agents.definition_or_none(run)
        at = now()

        def work(connection: Connection) -> bool:
            values: dict[str, Any] = {"finished_at": at, "wake_at": None, "wait": None, "preview": "Cancelled."}
            if not rows.move(connection, run_id, "cancelled_by_user", **values):
                return False
            steps.close_open(connection, run_id, "cancelled", at)
            approvals.withdraw(connection, run_id, at)
            finish(connection, run, definition, "cancelled_by_user", values)
            self._note(connection, run, "cancelled", by)
            return True

        if not self._db.write(work):
            raise Conflict("The run has ended meanwhile.", hint="Reload it.")
        if self.dispatcher is not None:
            self.dispatcher.interrupt(run_id, "cancel")
        self.moved(run_id, "cancelled_by_user")
        return self.get(workspace_id, run_id)

    def pause(self, workspace_id: str, run_id: str, *, by: str | None = None) -> Run:
        """Pause a run: at once while it waits, at its next step while it runs."""
        run = self.get(workspace_id, run_id)

        def work(connection: Connection) -> bool:
            asked = rows.ask(connection, run_id, "pause")
            moved = asked or rows.move(connection, run_id, "paused", parked=True)
            if moved:
                self._note(connection, run, "paused", by)
            return moved

        if not self._db.write(work):
            check_move(run.status, "paused")
            raise Conflict("The run has moved on meanwhile.", hint="Reload it.")
        if self.dispatcher is not None:
            self.dispatcher.interrupt(run_id, "pause")
        return self.get(workspace_id, run_id)

    def resume(self, workspace_id: str, run_id: str, *, by: str | None = None) -> Run:
        """Bring a paused run on again; its finished steps are not repeated."""
        run = self.get(workspace_id, run_id)
        if run.status != "paused":
            raise Conflict("Only a paused run can be resumed.", hint="Reload the run: its state has moved on.")

        def work(connection: Connection) -> None:
            if rows.move(connection, run_id, "pending", parked=True, wake_at=None):
                self._note(connection, run, "resumed", by)

        self._db.write(work)
        self.announce()
        return self.get(workspace_id, run_id)

    @staticmethod
    def _note(connection: Connection, run: Run, action: str, by: str | None) -> None:
        audit.note(connection, run.workspace_id, at=now(), who=by, action=action, entity="run", entity_id=run.id)

    def check_disk(self) -> None:
        """Refuse new work while the disk is nearly full, so that what runs can still be recorded."""
        if time.monotonic() - self._disk_checked < _DISK_CHECK_SECONDS:
            return
        free = shutil.disk_usage(self._data_dir).free
        if free < _LEAST_FREE_BYTES:
            raise Unavailable(
                f"The disk is nearly full ({free // limits.MIB} MiB left), so no run was started.",
                hint="Free some space, then start it again.",
                code="disk_nearly_full",
            )
        self._disk_checked = time.monotonic()
