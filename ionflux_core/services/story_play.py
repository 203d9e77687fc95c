"""One playing of the story: what the scenes stand on, how they wait, and how far they have come."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ionflux_core.domain.runs import FINISHED, Run, RunFilter
from ionflux_core.domain.story import SceneState, Story, StoryLink, StoryStatus
from ionflux_core.errors import AgentFailed, Unavailable
from ionflux_core.ids import now
from ionflux_core.services.agents import Agents
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.chat import Chat
from ionflux_core.services.events import Events
from ionflux_core.services.outbox import Outbox
from ionflux_core.services.policies import Policies
from ionflux_core.services.prompts import Prompts
from ionflux_core.services.refreshing import Refreshing
from ionflux_core.services.runs import Runs
from ionflux_core.services.workspaces import Workspaces

T = TypeVar("T")

_LOOK_SECONDS = 0.2
RUN_SECONDS = 120.0


class Stopped(Exception):
    """Somebody has stopped the story."""


@dataclass(frozen=True)
class Stage:
    """The services the scenes are played with."""

    workspaces: Workspaces
    agents: Agents
    runs: Runs
    events: Events
    approvals: Approvals
    outbox: Outbox
    policies: Policies
    canvas: Canvas
    refreshing: Refreshing
    chat: Chat
    prompts: Prompts


@dataclass(frozen=True)
class Told:
    """What came of a scene, in a sentence, and where it can be seen."""

    said: str
    links: tuple[StoryLink, ...] = ()


class Play:
    """The story while it is played; every change is kept at once."""

    def __init__(
        self,
        stage: Stage,
        workspace_id: str,
        story: Story,
        stop: threading.Event,
        keep: Callable[[Story], None] = lambda _: None,
    ) -> None:
        self.stage = stage
        self.ws = workspace_id
        self.story = story
        self._stop = stop
        self._keep = keep

    @property
    def memo(self) -> dict[str, str]:
        """What earlier scenes left for later ones."""
        return self.story.memo

    def remember(self, **values: str) -> None:
        """Keep something for later scenes."""
        self._change(self.story.model_copy(update={"memo": {**self.story.memo, **values}}))

    def show(self, key: str, state: SceneState, told: Told | None = None) -> None:
        """Say how far a scene is."""
        values: dict[str, object] = {"state": state}
        if told is not None:
            values |= {"told": told.said, "links": told.links}
        self._change(self.story.with_scene(key, **values))

    def fail(self, why: str) -> None:
        """The scene in hand did not work."""
        scene = self.story.next_scene()
        if scene is not None:
            self.show(scene.key, "failed", Told(why, scene.links))

    def end(self, status: StoryStatus) -> None:
        """The playing is over."""
        self._change(self.story.model_copy(update={"status": status, "ended_at": now()}))

    def wait_for(self, look: Callable[[], T | None], what: str, seconds: float | None = RUN_SECONDS) -> T:
        """What `look` gives, once it gives something; Stopped by a person, Unavailable when it takes too long."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            found = look()
            if found is not None:
                return found
            if self._stop.wait(_LOOK_SECONDS):
                raise Stopped
            if deadline is not None and time.monotonic() > deadline:
                raise Unavailable(f"{what} did not come within {seconds:.0f} s.", hint="Is the worker running?")

    def run_of_chain(self, definition: str) -> Run:
        """The run of an agent that the order has brought about, once it has ended."""
        narrow = RunFilter(definition_slug=definition, correlation_id=self.memo["chain"])

        def look() -> Run | None:
            found = self.stage.runs.find(self.ws, narrow, limit=1).runs
            return self.ended(found[0].id) if found and found[0].status in FINISHED else None

        return self.wait_for(look, f"The run of {definition}")

    def run(self, instance_id: str, inputs: dict[str, Any], *, task: str | None = None) -> Run:
        """A run of an agent within the order's chain, once it has ended; AgentFailed when it did not end well."""
        run_id = self.start(instance_id, inputs, task=task)
        return self.wait_for(lambda: self.ended(run_id), "The end of the run")

    def start(self, instance_id: str, inputs: dict[str, Any], *, task: str | None = None) -> str:
        """Start a run within the order's chain; its id."""
        chain = self.memo.get("chain")
        return self.stage.runs.start(self.ws, instance_id, inputs, task=task, correlation_id=chain).run_id

    def ended(self, run_id: str) -> Run | None:
        """A run that has ended well; None while it goes on, AgentFailed when it ended otherwise."""
        run = self.stage.runs.get(self.ws, run_id)
        if run.status not in FINISHED:
            return None
        if run.status != "success":
            why = run.error.message if run.error else run.status.replace("_", " ")
            raise AgentFailed(f"{run.instance_name}: {why}", hint="Open the run to see why.")
        return run

    def output(self, run: Run, key: str) -> Any:
        """One output of a run, read from its file when it is large."""
        value = (run.outputs or {}).get(key)
        reference = value.get("storage_ref") if isinstance(value, dict) else None
        if not isinstance(reference, dict):
            return value
        text = self.stage.runs.file(self.ws, str(reference["sha256"])).decode()
        return json.loads(text) if "json" in str(reference.get("media_type", "json")) else text

    def _change(self, story: Story) -> None:
        self.story = story
        self._keep(story)


def run_link(run: Run, label: str = "The run") -> StoryLink:
    """A link to a run."""
    return StoryLink(label=label, page="runs", parameters={"run": run.id})
