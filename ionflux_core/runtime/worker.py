"""The local worker: threads that claim and execute runs, and one that keeps leases, time limits and timers."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ionflux_core.domain.runs import Run, RunError
from ionflux_core.domain.waits import waits_in
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.limits import CLAIMS_PER_RUN
from ionflux_core.redaction import bind
from ionflux_core.runtime import ports as needs
from ionflux_core.runtime.executor import Execution, end_lost
from ionflux_core.runtime.ports import Ports
from ionflux_core.storage import approvals, claims, runs, steps
from ionflux_core.storage.engine import AnyRow, Connection

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
SHOW_OPEN_AFTER = timedelta(seconds=0.4)
_PLACE_SECONDS = 0.05
_STAND_BACK_SECONDS = 0.1


# A container's first process has the same number after every restart; this part tells one from the next.
_PROCESS = new_id()[-12:]


def owner_name() -> str:
    """Who holds a lease: host, process and a part that no other process and no other worker repeats."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{_PROCESS}{new_id()[-12:]}"


def is_dead(owner: str | None) -> bool:
    """True when a lease owner was a process of this host that is gone; False when that cannot be known."""
    parts = (owner or "").split(":")
    if len(parts) != 3 or parts[0] != socket.gethostname()[:40] or not parts[1].isdigit():
        return owner is None
    if int(parts[1]) == os.getpid():
        return not parts[2].startswith(_PROCESS)
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Worker:
    """Executes runs on `threads` threads of this process.

    Implements the Dispatcher port. Recovery never executes: it puts lost runs back into the queue, and any worker
    takes them from there.
    """

    def __init__(
        self,
        ports: Ports,
        *,
        threads: int,
        lease_seconds: float,
        workspace_limit: Callable[[str], int],
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ports = ports
        self._crowded = crowded
        self._threads = threads
        self._lease_seconds = lease_seconds
        self._workspace_limit = workspace_limit
        self.owner = owner_name()
        self._wake = threading.Condition()
        self._signals = 0
        self._left = False
        self._idle = 0
        self._stopping = False
        self._places = threading.BoundedSemaphore(max(1, threads))
        self._active: dict[str, tuple[Execution, float, threading.Thread | None]] = {}
        self._retired: set[threading.Thread] = set()
        self._crew: list[threading.Thread] = []
        self._keeper: threading.Thread | None = None
        self._keeper_wake = threading.Event()

    def start(self) -> None:
        """Put back what a crash left, then begin to work."""
        self.recover(at_start=True)
        for _ in range(self._threads):
            self._hire()
        self._keeper = threading.Thread(target=self._keep, name="ionflux-keeper", daemon=True)
        self._keeper.start()
        self.notify()

    def stop(self, patience: float = 5.0) -> None:
        """Let running steps end, up to `patience` seconds, then put what is left back into the queue."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for execution, _, _ in list(self._active.values()):
            execution.context.parks_as = "pending"
        self._keeper_wake.set()
        deadline = time.monotonic() + patience
        for thread in [*self._crew, *([self._keeper] if self._keeper else [])]:
            thread.join(max(0.0, deadline - time.monotonic()))
        for run_id, (execution, _, _) in list(self._active.items()):
            execution.journal.revoked = True
            self._put_down(run_id)

    def _put_down(self, run_id: str) -> None:
        def work(connection: Connection) -> bool:
            return runs.move(connection, run_id, "pending", owner=self.owner)

        self._ports.db.write(work)

    def notify(self) -> None:
        """A run is pending: wake one sleeping thread for it."""
        with self._wake:
            if self._signals < self._threads:
                self._signals += 1
            self._wake.notify()

    def interrupt(self, run_id: str, wish: str) -> None:
        """Meet a wish for a run of this process at once; others meet it at their next heartbeat."""
        held = self._active.get(run_id)
        if held is None:
            return
        if wish == "pause":
            held[0].context.parks_as = "paused"
        else:
            held[0].journal.revoked = True

    @contextmanager
    def place(self) -> Iterator[needs.Place | None]:
        """Room for a run in the calling thread, waited for a moment; the queue and callers each have their own."""
        if self._stopping or not self._places.acquire(timeout=_PLACE_SECONDS):
            yield None
            return
        try:
            yield _Place(self)
        finally:
            self._places.release()

    def lease(self, connection: Connection, row: dict[str, Any]) -> dict[str, Any] | None:
        """A new run's columns, already claimed by this worker; None when its workspace or instance has no room."""
        limit = self._workspace_limit(row["workspace_id"])
        if not claims.fits(connection, row, workspace_limit=limit):
            return None
        at = now()
        until = at + timedelta(seconds=self._lease_seconds)
        return row | {"status": "running", "lease_owner": self.owner, "lease_until": until, "started_at": at}

    def execute_here(self, row: Mapping[str, Any]) -> Run | None:
        """Execute a run that `lease` has claimed in the calling thread; the run as it ended, None when it was parked.

        Whoever waits for the answer anyway spares it two changes of thread.
        """
        run = runs.run_from(dict(row))
        lease_ends = time.monotonic() + self._lease_seconds
        execution = Execution(run, self.owner, self._ports, fresh=True)
        self._execute(execution, lease_ends, None)
        return execution.ended

    @property
    def running(self) -> int:
        """How many runs are executed right now."""
        return len(self._active)

    def recover(self, *, at_start: bool = False) -> int:
        """Put runs whose worker is gone back into the queue; at the start those of dead processes of this host, too."""

        def work(connection: Connection) -> int:
            gone = runs.lost(connection, now())
            if at_start:
                known = {row.id for row in gone}
                gone += [row for row in runs.leased(connection) if row.id not in known and is_dead(row.lease_owner)]
            return sum(self._put_back(connection, row) for row in gone)

        count = self._ports.db.write(work)
        if count:
            log.warning("%d runs of a lost worker were put back into the queue", count)
            self.notify()
        return count

    def _put_back(self, connection: Connection, row: AnyRow) -> bool:
        # A run that gets on between two losses is not what they have in common.
        claimed_at = datetime.fromtimestamp(row.change_seq / 1_000_000, UTC)
        claims = 0 if steps.finished_since(connection, row.id, claimed_at) else row.claims + 1
        if claims < CLAIMS_PER_RUN:
            return runs.add_claim(connection, row, claims)
        error = RunError(
            code="abandoned",
            message=f"{claims} workers in a row were lost while they had this run.",
            hint="Look at what its steps do to the process: memory, native crashes, exits.",
        )
        return end_lost(self._ports, connection, row, error)

    def _hire(self) -> None:
        thread = threading.Thread(target=self._work, name=f"ionflux-worker-{len(self._crew)}", daemon=True)
        self._crew.append(thread)
        thread.start()

    def _work(self) -> None:
        me = threading.current_thread()
        while not self._stopping and me not in self._retired:
            self._stand_back()
            claimed = self._claim()
            if claimed is not None:
                try:
                    self._begin(*claimed, me)
                except Exception as error:
                    # The run store refused (disk full, locked): the lease runs out and the run is taken up again.
                    with bind(run_id=claimed[0].row.id):
                        log.error("run %s could not be recorded: %s", claimed[0].row.id, error)
                if self._left:
                    continue
            with self._wake:
                while not self._signals and not self._stopping:
                    self._wake.wait()
                self._signals = max(0, self._signals - 1)

    def _stand_back(self) -> None:
        """Let a crowd of senders be answered first: who waits in the queue loses a moment, and no more than that."""
        until = time.monotonic() + _STAND_BACK_SECONDS
        while self._crowded() and time.monotonic() < until and not self._stopping:
            time.sleep(_STAND_BACK_SECONDS / 10)

    def _begin(self, claimed: claims.Claimed, lease_ends: float, me: threading.Thread) -> None:
        try:
            execution = Execution(runs.run_of(claimed.row), self.owner, self._ports, fresh=claimed.fresh)
        except (NotFound, Invalid) as missing:
            # Invalid: a flow's text of an earlier release that this one cannot read.
            known = missing.code == "recording_gone" or isinstance(missing, Invalid)
            hint = missing.hint if known else "Bring the agent's folder back."
            error = RunError(code=missing.code, message=missing.message, hint=hint)
            self._ports.db.write(lambda connection: end_lost(self._ports, connection, claimed.row, error))
            self._ports.moved(claimed.row.id, "error", None)
            return
        self._execute(execution, lease_ends, me)

    def _execute(self, execution: Execution, lease_ends: float, me: threading.Thread | None) -> None:
        execution.journal.lease_ends = lease_ends
        self._active[execution.run.id] = (execution, time.monotonic(), me)
        try:
            execution.execute()
        finally:
            held = self._active.get(execution.run.id)
            if held is not None and held[0] is execution:
                del self._active[execution.run.id]

    def _claim(self) -> tuple[claims.Claimed, float] | None:
        at, lease_ends = now(), time.monotonic() + self._lease_seconds
        try:
            found = self._ports.db.write(
                lambda connection: claims.claim(
                    connection,
                    owner=self.owner,
                    now=at,
                    lease_seconds=self._lease_seconds,
                    count=1,
                    workspace_limit=self._workspace_limit,
                )
            )
            # What is left may wait behind a limit that the end of a run here lifts: then look again at once.
            self._left = found.left
            return (found.taken[0], lease_ends) if found.taken else None
        except Exception as error:
            log.error("no run could be claimed: %s", error)
            return None

    def _keep(self) -> None:
        """The tick edge: whatever one tick meets, the next one comes."""
        renewed = time.monotonic()
        while not self._stopping:
            self._keeper_wake.wait(POLL_SECONDS)
            try:
                if self._active:
                    self._show_open()
                    self._enforce_time()
                if time.monotonic() - renewed > self._lease_seconds / 5:
                    self._renew()
                    self.recover()
                    renewed = time.monotonic()
                self._wake_due()
                self._ports.db.carry_over()
            except Exception:
                log.exception("the keeper met an error and goes on")

    def _show_open(self) -> None:
        border = now() - SHOW_OPEN_AFTER
        for execution, _, _ in list(self._active.values()):
            execution.journal.show_open(border)

    def _renew(self) -> None:
        held = list(self._active)
        if not held:
            return
        until, lease_ends = now() + timedelta(seconds=self._lease_seconds), time.monotonic() + self._lease_seconds
        wishes = self._ports.db.write(lambda connection: runs.renew(connection, self.owner, held, until))
        for run_id in held:
            active = self._active.get(run_id)
            if run_id not in wishes:
                self.interrupt(run_id, "cancel")
            elif active is not None:
                active[0].journal.lease_ends = lease_ends
                if wishes[run_id] == "pause":
                    self.interrupt(run_id, "pause")

    def _enforce_time(self) -> None:
        """End runs that are over their time limit, and give their place to a new thread.

        Python cannot stop a thread; the old one is cut off from the journal and goes home when its call returns.
        """
        for run_id, (execution, started, thread) in list(self._active.items()):
            limit = execution.definition.limits.timeout_seconds
            if time.monotonic() - started <= limit:
                continue
            step = execution.journal.oldest_open()
            where = f" in step {step.title!r}" if step else ""
            error = RunError(
                code="timeout",
                message=f"The run took longer than {limit:g} s{where}.",
                hint="Raise limits.timeout_seconds in the manifest, or do less in one run.",
            )
            execution.cut_off(error)
            self._active.pop(run_id, None)
            if thread is not None:
                self._retired.add(thread)
                self._hire()

    def _wake_due(self) -> None:
        """Put parked runs whose time has come back into the queue, and wake threads for whatever is due."""
        at = now()
        with self._ports.db.read() as connection:
            due = runs.due_parked(connection, at)
            pending = claims.due_count(connection, at, limit=self._threads)
        if due:

            def work(connection: Connection) -> None:
                for row in due:
                    for wait in waits_in(row.wait):
                        if "approval_id" in wait:
                            approvals.time_out(connection, wait["approval_id"], at)
                    runs.move(connection, row.id, "pending", parked=True, wake_at=None)

            self._ports.db.write(work)
        for _ in range(len(due) + pending):
            self.notify()


class _Place:
    """Room of a worker in a thread that is not its own."""

    def __init__(self, worker: Worker) -> None:
        self.lease = worker.lease
        self.execute = worker.execute_here
