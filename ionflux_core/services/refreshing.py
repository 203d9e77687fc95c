"""Pages that react: what their blocks show now, running one of them, and refreshing what is stale in order.

A refresh works in a thread of its own, never in the one that draws. A block that fails, or whose run is parked, stops
only what depends on it: a run that waits for a person, a time or an event is left to wait, its block says so, and its
end writes the output and marks what reads it stale, so another refresh goes on from there. Stale marks are stored, so
a restart loses nothing but the refresh itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import BlockKind, Computed, Content, Start
from ionflux_core.domain.canvas import CanvasBlock, CanvasPage
from ionflux_core.domain.references import dependants, order
from ionflux_core.domain.runs import FINISHED, PARKED, Run, RunError, RunTrigger
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound
from ionflux_core.ids import new_id
from ionflux_core.limits import RUN_SECONDS
from ionflux_core.services import page_views
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.canvas_graph import reads
from ionflux_core.services.live import Live
from ionflux_core.services.surroundings import PageSurroundings, Sources
from ionflux_core.storage import canvas as rows

log = logging.getLogger(__name__)

# A quick answer is shown by the click that asked for it; a slow one comes when it is there.
_QUICK_SECONDS: Final = 0.3
_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = RUN_SECONDS + 60
_STOP_SECONDS: Final = 5.0
START_FAILED: Final = "block_"
"""Codes of errors of a block itself, before any run, begin with this."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the refresh of a page is: blocks in all, behind us, in hand; the names of those that failed or wait."""

    total: int
    done: int
    block: str
    failed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(slots=True)
class _Refresh:
    """One refresh of a page, as its thread goes on."""

    id: str
    by: str
    names: list[str]
    graph: dict[str, list[str]]
    done: int = 0
    block: str = ""
    failed: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    run_id: str | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Refreshing:
    """Use-cases around pages as they are looked at and computed."""

    def __init__(self, canvas: Canvas, sources: Sources, live: Live) -> None:
        self._canvas = canvas
        self._from = sources
        self._live = live
        self._lock = threading.Lock()
        self._refreshes: dict[str, _Refresh] = {}
        self._computing: dict[str, Future[None]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self.started: Callable[[], None] = lambda: None
        """Called when a block has started a run, so that who follows runs looks for it."""

    # Looking

    def surroundings(self, workspace_id: str, page: CanvasPage) -> PageSurroundings:
        """What the blocks of a page may ask for, for showing: what leads nowhere stays as it is written."""
        return PageSurroundings(self._from, workspace_id, page, lenient=True)

    def views(self, workspace_id: str, page: CanvasPage) -> list[dict[str, Any]]:
        """One line for each block of a page, ready for the browser; a block that fails says so and breaks no other."""
        refresh = self._refreshes.get(page.id)
        now_at = refresh.block if refresh else ""
        here = self.surroundings(workspace_id, page)
        return page_views.lines(page, here, lambda block: block.id in self._computing or block.name == now_at)

    def view(self, workspace_id: str, block_id: str) -> dict[str, Any]:
        """The line of one block."""
        block = self._canvas.block(workspace_id, block_id)
        page = self._canvas.page(workspace_id, block.page_id)
        return next(line for line in self.views(workspace_id, page) if line["id"] == block_id)

    def progress(self, workspace_id: str, page_id: str) -> Progress | None:
        """How far the refresh of a page is; None when none goes on."""
        refresh = self._refreshes.get(page_id)
        if refresh is None:
            return None
        failed, waiting = tuple(refresh.failed), tuple(refresh.waiting)
        return Progress(len(refresh.names), refresh.done, refresh.block, failed, waiting)

    # Running one block

    def run_block(
        self, workspace_id: str, block_id: str, inputs: Mapping[str, Any] | None = None, by: str = "owner"
    ) -> str | None:
        """Start the run that computes a block and return its id, or compute it: then None.

        A computation that takes longer than a moment goes on in the background. Invalid says why it cannot begin.
        """
        block = self._canvas.block(workspace_id, block_id)
        page = self._canvas.page(workspace_id, block.page_id)
        start = self._start_of(workspace_id, page, block, inputs or {})
        if start is not None:
            return self._begin(workspace_id, block, start, key=None, by=by)
        kind = registry.kind_of(block.type)
        if not kind.computes:
            raise Invalid(f"A {kind.title.lower()} block has nothing to run.", hint="Choose another block.")
        with self._lock:
            if block_id not in self._computing:
                self._computing[block_id] = self._workers().submit(self._compute_and_tell, workspace_id, page, block)
            future = self._computing[block_id]
        with suppress(NotYet):
            future.result(timeout=_QUICK_SECONDS)
        return None

    def stop_block(self, workspace_id: str, block_id: str, by: str = "owner") -> None:
        """Cancel the run a block waits for; nothing happens when there is none."""
        block = self._canvas.block(workspace_id, block_id)
        page = self._canvas.page(workspace_id, block.page_id)
        here = self.surroundings(workspace_id, page)
        instance = block.content.get("agent_configuration_id")
        run = here.newest_run(instance) if isinstance(instance, str) and block.type == "agent_snippet" else None
        run = run or (here.run(block.run_id) if block.run_id else None)
        if run is not None and run["status"] not in FINISHED:
            # It may have ended while we looked.
            with suppress(Conflict):
                self._from.runs.cancel(workspace_id, run["id"], by=by)
        self._changed(workspace_id, block.page_id)

    def press(self, workspace_id: str, block_id: str, action: str, by: str = "owner") -> None:
        """Answer the question a block shows: `approve` or `deny`. Conflict when someone has answered it already."""
        line = self.view(workspace_id, block_id)
        question = line["view"].get("question")
        if action not in ("approve", "deny") or question is None or question.get("status", "pending") != "pending":
            raise Invalid("There is no open question in this block.", hint="Reload the page.")
        self._from.approvals.decide(workspace_id, question["id"], approved=action == "approve", by=by)
        block = self._canvas.block(workspace_id, block_id)
        self._changed(workspace_id, block.page_id)

    # Refreshing a page

    def refresh(self, workspace_id: str, page_id: str, by: str = "owner") -> int:
        """Begin to compute all stale blocks of a page in order; how many. A refresh that goes on is not doubled."""
        page = self._canvas.page(workspace_id, page_id)
        graph = {block.name: sorted(reads(block)) for block in page.blocks}
        able = {block.name for block in page.blocks if _can_compute(block)}
        stale = {block.name for block in page.blocks if block.stale and block.name in able}
        wanted = stale | (dependants(graph, stale) & able)
        names = [name for name in order(graph) if name in wanted]
        with self._lock:
            running = self._refreshes.get(page_id)
            if running is not None:
                return len(running.names)
            if not names:
                return 0
            refresh = _Refresh(new_id(), by, names, graph)
            self._refreshes[page_id] = refresh
        arguments = (workspace_id, page_id, refresh)
        refresh.thread = threading.Thread(target=self._go, args=arguments, name="canvas-refresh", daemon=True)
        refresh.thread.start()
        self._changed(workspace_id, page_id)
        return len(names)

    def stop(self, workspace_id: str, page_id: str, by: str = "owner") -> None:
        """End the refresh of a page: the run in hand is cancelled, what was not reached stays stale."""
        refresh = self._refreshes.get(page_id)
        if refresh is None:
            return
        refresh.stopped.set()
        if refresh.run_id is not None:
            with suppress(Conflict, NotFound):
                self._from.runs.cancel(workspace_id, refresh.run_id, by=by)
        self._changed(workspace_id, page_id)

    def close(self) -> None:
        """End every refresh, leaving its runs to the queue, before the process ends."""
        for refresh in list(self._refreshes.values()):
            refresh.stopped.set()
            if refresh.thread is not None:
                refresh.thread.join(_STOP_SECONDS)
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _go(self, workspace_id: str, page_id: str, refresh: _Refresh) -> None:
        """The thread of a refresh."""
        try:
            for name in refresh.names:
                if refresh.stopped.is_set():
                    break
                broken = dependants(refresh.graph, [*refresh.failed, *refresh.waiting])
                if name not in broken:
                    refresh.block = name
                    self._changed(workspace_id, page_id)
                    self._refresh_block(workspace_id, page_id, refresh, name)
                refresh.done += 1
        except IonfluxError as error:
            # The page was deleted or the program stops: there is nobody left to tell.
            log.info("a refresh of page %s ended: %s", page_id, error)
        finally:
            with self._lock:
                self._refreshes.pop(page_id, None)
            self._changed(workspace_id, page_id)

    def _refresh_block(self, workspace_id: str, page_id: str, refresh: _Refresh, name: str) -> None:
        page = self._canvas.page(workspace_id, page_id)
        block = next((one for one in page.blocks if one.name == name), None)
        if block is None or not block.stale:
            return
        try:
            start = self._start_of(workspace_id, page, block, {})
            if start is None:
                self._write(workspace_id, block, self._computed(workspace_id, page, block))
                return
            key = f"canvas:{refresh.id}:{block.id}"
            refresh.run_id = self._begin(workspace_id, block, start, key=key, by=refresh.by)
            run = self._wait(workspace_id, refresh)
        except IonfluxError as error:
            refresh.failed.append(name)
            self._note_failure(workspace_id, block, _as_error(error))
            return
        finally:
            refresh.run_id = None
        if run.status in FINISHED:
            self.take(workspace_id, block.id, run)
        if run.status in PARKED:
            refresh.waiting.append(name)
        elif run.status != "success":
            refresh.failed.append(name)

    def _wait(self, workspace_id: str, refresh: _Refresh) -> Run:
        """The run in hand once it has ended or is parked, or the refresh was stopped."""
        assert refresh.run_id is not None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            run = self._from.runs.wait(workspace_id, refresh.run_id, timeout=_LOOK_SECONDS)
            if run.status in FINISHED or run.status in PARKED or refresh.stopped.is_set():
                return run
            if time.monotonic() > deadline:
                raise Invalid("The run did not end in time.", hint="Open the run.", code="run_too_long")

    # Computing and keeping

    def take(self, workspace_id: str, block_id: str, run: Run) -> None:
        """Keep what a finished run gave as the output of a block, or why it gave nothing; twice does no harm.

        A block is fresh from the start of its own run, so what was marked stale while it ran stays so. A run that was
        started elsewhere knows nothing of what the block gives the agent: it makes only those fresh that give nothing.
        """
        block = self._canvas.block(workspace_id, block_id)
        own = block.run_id == run.id
        if run.status != "success":
            if own:
                self._note_failure(workspace_id, block, run.error, stale=True)
            self._changed(workspace_id, block.page_id)
            return
        kept = registry.kind_of(block.type).kept(run.outputs or {})
        stays = block.stale and (own or bool(block.content.get("inputs")))
        if (block.run_id, block.error, block.output, block.stale) == (run.id, None, kept, stays) and block.output_at:
            return
        # A revision that was never there leaves the block stale.
        revision = -1 if stays else None
        self._canvas.write_output(workspace_id, block_id, Computed(output=kept, run_id=run.id), revision=revision)

    def _start_of(
        self, workspace_id: str, page: CanvasPage, block: CanvasBlock, inputs: Mapping[str, Any]
    ) -> Start | None:
        kind, content = _parsed(block)
        return kind.start(content, block, PageSurroundings(self._from, workspace_id, page), inputs)

    def _begin(self, workspace_id: str, block: CanvasBlock, start: Start, *, key: str | None, by: str) -> str:
        """Start a run for a block; it names the block, and the block names it and counts as fresh from now on."""
        trigger = RunTrigger(kind="manual", key=f"block {block.name}", by=by)
        started = self._from.runs.start(workspace_id, start.target, start.inputs, trigger=trigger, key=key, by=by)
        values = {"run_id": started.run_id, "error": None, "stale": False}
        self._from.db.write(lambda connection: rows.save_output(connection, workspace_id, block.id, **values))
        self.started()
        self._changed(workspace_id, block.page_id)
        return started.run_id

    def _computed(self, workspace_id: str, page: CanvasPage, block: CanvasBlock) -> Computed:
        kind, content = _parsed(block)
        return kind.compute(content, block, PageSurroundings(self._from, workspace_id, page))

    def _write(self, workspace_id: str, block: CanvasBlock, computed: Computed) -> None:
        self._canvas.write_output(workspace_id, block.id, computed, revision=block.revision)

    def _compute_and_tell(self, workspace_id: str, page: CanvasPage, block: CanvasBlock) -> None:
        try:
            self._write(workspace_id, block, self._computed(workspace_id, page, block))
        except IonfluxError as error:
            self._note_failure(workspace_id, block, _as_error(error))
        finally:
            with self._lock:
                self._computing.pop(block.id, None)
            self._changed(workspace_id, block.page_id)

    def _note_failure(
        self, workspace_id: str, block: CanvasBlock, error: RunError | None, *, stale: bool | None = None
    ) -> None:
        """Say why a block has no new output; the last one stays."""
        plain = error.model_dump(exclude={"trace"}) if error else None
        values = {"error": plain, **({} if stale is None else {"stale": stale})}
        self._from.db.write(lambda connection: rows.save_output(connection, workspace_id, block.id, **values))
        self._changed(workspace_id, block.page_id)

    def _workers(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="canvas-compute")
        return self._pool

    def _changed(self, workspace_id: str, page_id: str) -> None:
        self._live.changed(workspace_id, f"canvas:{page_id}")


def _parsed(block: CanvasBlock) -> tuple[BlockKind[Any], Content]:
    return registry.kind_of(block.type), registry.checked(block.type, block.content)


def _can_compute(block: CanvasBlock) -> bool:
    """Whether a refresh has something to do with a block: of a kind that computes, and set up."""
    kind = registry.kinds().get(block.type)
    if kind is None or not kind.computes:
        return False
    try:
        return kind.ready(registry.checked(block.type, block.content))
    except Invalid:
        return False


def _as_error(error: IonfluxError) -> RunError:
    return RunError(code=f"{START_FAILED}{error.code}", message=error.message, hint=error.hint)
