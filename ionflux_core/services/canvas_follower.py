"""Carries the ends of runs to the pages: agents' outputs into their blocks, and into those their YAML names."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from ionflux_core.blocks import registry
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Conflict, IonfluxError, NotFound
from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.services.agents import Agents
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.live import Live
from ionflux_core.services.refreshing import Refreshing
from ionflux_core.services.runs import Runs
from ionflux_core.storage import page_runs
from ionflux_core.storage.engine import Database
from ionflux_core.storage.page_runs import Following

log = logging.getLogger(__name__)

_OF_AGENTS: Final = "agent_snippet"
_OF_RUNS: Final = (_OF_AGENTS, "prompt", "button")
_KNOWN_SECONDS: Final = 1.0
_TARGETS_KNOWN: Final = 1_000
_ATTEMPTS: Final = 3


class CanvasFollower:
    """Acts on the end of every run that was no dry run; the same end twice changes nothing."""

    name = "canvas"
    types: Sequence[str] = (COMPLETED,)

    def __init__(
        self, db: Database, canvas: Canvas, refreshing: Refreshing, runs: Runs, agents: Agents, live: Live
    ) -> None:
        self._db = db
        self._canvas = canvas
        self._refreshing = refreshing
        self._runs = runs
        self._agents = agents
        self._live = live
        self._lock = threading.Lock()
        self._known: list[Following] = []
        self._known_at = float("-inf")
        self._targets: dict[str, tuple[float, tuple[str, str | None] | None]] = {}
        refreshing.started = self.forget

    def forget(self) -> None:
        """A block has just started a run, or an agent was saved: look again who follows whom."""
        self._known_at = float("-inf")
        self._targets.clear()

    def take(self, event: PlatformEvent) -> None:
        """Carry the end of one run."""
        run_id, instance_id = event.payload.get("run_id"), event.payload.get("instance_id")
        if not isinstance(run_id, str):
            return
        followers = [
            one
            for one in self._following(fresh=instance_id is None)
            if one.workspace_id == event.workspace_id
            and (
                one.run_id == run_id or (one.type == _OF_AGENTS and one.instance_id and one.instance_id == instance_id)
            )
        ]
        target = self._target(event.workspace_id, instance_id) if event.payload.get("status") == "success" else None
        if not followers and target is None:
            return
        run = self._runs.get(event.workspace_id, run_id)
        for one in followers:
            self._carry(one, run)
        if target is not None:
            self._write(run, *target)

    def _following(self, *, fresh: bool) -> list[Following]:
        """The blocks that follow runs. What an agent's block misses by a second it reads when it is shown."""
        with self._lock:
            if fresh or time.monotonic() - self._known_at > _KNOWN_SECONDS:
                with self._db.read() as connection:
                    self._known = page_runs.following(connection, _OF_RUNS)
                self._known_at = time.monotonic()
            return self._known

    def _carry(self, one: Following, run: Run) -> None:
        if one.type == "button":
            # It shows how its run stands, and keeps nothing of it.
            self._live.changed(one.workspace_id, f"canvas:{one.page_id}")
            return
        try:
            block = self._canvas.block(one.workspace_id, one.block_id)
            # A block remembers the newest run: an older one that ends later says nothing new.
            if block.run_id is None or block.run_id <= run.id:
                self._refreshing.take(one.workspace_id, one.block_id, run)
        except NotFound:
            log.debug("block %s is gone", one.block_id)

    def _target(self, workspace_id: str, instance_id: Any) -> tuple[str, str | None] | None:
        """The block the agent's YAML writes into, and which output; None when it names none."""
        if not isinstance(instance_id, str):
            return None
        at, known = self._targets.get(instance_id, (float("-inf"), None))
        if time.monotonic() - at <= _KNOWN_SECONDS:
            return known
        if len(self._targets) > _TARGETS_KNOWN:
            self._targets.clear()
        found = self._named_target(workspace_id, instance_id)
        self._targets[instance_id] = time.monotonic(), found
        return found

    def _named_target(self, workspace_id: str, instance_id: str) -> tuple[str, str | None] | None:
        try:
            configuration = self._agents.configuration(self._agents.get(workspace_id, instance_id))
        except IonfluxError:
            return None
        target = configuration.output_to_canvas_block
        return (target.block_id, target.output_key or configuration.snippet_preview_output_key) if target else None

    def _write(self, run: Run, block_id: str, key: str | None) -> None:
        """Put an output into a block of another kind, as if the agent had typed it."""
        outputs: Mapping[str, Any] = run.outputs or {}
        key = key or next((name for name in outputs if name != "engine"), None)
        if key is None or key not in outputs:
            log.info("run %s gave no output %r for block %s", run.id, key, block_id)
            return
        try:
            self._put(run, block_id, outputs[key])
        except (IonfluxError, ValidationError) as error:
            # The run itself is fine, and the page's owner sees what is in the block: this is for the log.
            log.warning("the output of run %s was not written into block %s: %s", run.id, block_id, error)

    def _put(self, run: Run, block_id: str, value: Any) -> None:
        for attempt in range(_ATTEMPTS):
            block = self._canvas.block(run.workspace_id, block_id)
            content = registry.checked(block.type, block.content)
            changed = registry.kind_of(block.type).taken(content, value)
            if changed is None:
                log.warning("a %s block takes no output of an agent (%s)", block.type, block_id)
                return
            author = run.instance_name or run.definition_slug
            new_content = changed.model_dump(mode="json")
            try:
                self._canvas.save_block(
                    run.workspace_id, block_id, revision=block.revision, content=new_content, by=author
                )
                return
            except Conflict:
                # Someone typed into it just now: the agent writes after them.
                if attempt == _ATTEMPTS - 1:
                    raise
