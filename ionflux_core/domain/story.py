"""The demo story: one order's way through the agents, scene by scene, as a person can watch it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

SceneState = Literal["waiting", "playing", "needs_you", "done", "failed"]
StoryStatus = Literal["idle", "playing", "stopped", "failed", "done"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StoryLink(_Model):
    """Where something of a scene can be seen."""

    label: str
    page: str
    parameters: dict[str, str] = {}


class Scene(_Model):
    """One scene: what happens in it, how far it is, and what came of it in a sentence."""

    key: str
    title: str
    about: str
    state: SceneState = "waiting"
    told: str = ""
    links: tuple[StoryLink, ...] = ()


class Story(_Model):
    """The whole story. `memo` keeps what later scenes need of earlier ones: ids of runs, and the order's chain."""

    status: StoryStatus = "idle"
    scenes: tuple[Scene, ...]
    memo: dict[str, str] = {}
    began_at: datetime | None = None
    ended_at: datetime | None = None

    def next_scene(self) -> Scene | None:
        """The first scene that is not done; None when all are."""
        return next((scene for scene in self.scenes if scene.state != "done"), None)

    def with_scene(self, key: str, **values: object) -> Story:
        """The story with one scene changed."""
        scenes = tuple(each.model_copy(update=values) if each.key == key else each for each in self.scenes)
        return self.model_copy(update={"scenes": scenes})
