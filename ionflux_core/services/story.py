"""Plays the demo story in a thread of its own: started, stopped, gone on with and reset by a person.

The scenes are in `story_scenes`; every figure they tell comes from a run. What has been played is kept with the
workspace, so a restart of the program loses nothing but the moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ionflux_core.domain.story import Story, StoryStatus
from ionflux_core.errors import Conflict, IonfluxError, NotFound
from ionflux_core.ids import now
from ionflux_core.sdk import Record
from ionflux_core.services.demo import Demo
from ionflux_core.services.story_play import Play, Stage, Stopped, Told
from ionflux_core.services.story_scenes import SCENES, clear
from ionflux_core.storage import records
from ionflux_core.storage.engine import Database

log = logging.getLogger(__name__)

_COLLECTION, _KEY = "story", "now"


class DemoStory:
    """Use-cases around the story of the demo workspace."""

    def __init__(self, db: Database, demo: Demo, stage: Callable[[], Stage]) -> None:
        self._db = db
        self._demo = demo
        self._stage = stage
        self._lock = threading.Lock()
        self._playing: dict[str, tuple[threading.Thread, threading.Event]] = {}

    def is_told(self, workspace_id: str) -> bool:
        """Whether this workspace has the story: only the finished demo workspace does."""
        found = self._demo.find()
        return found is not None and found.id == workspace_id and self._demo.progress is None

    def state(self, workspace_id: str) -> Story:
        """How far the story is; one whose thread is gone counts as stopped."""
        with self._db.glance() as connection:
            kept = records.get(connection, _owner(workspace_id), _COLLECTION, _KEY)
        if kept is None:
            return Story(scenes=tuple(scene.plain for scene in SCENES))
        story = Story.model_validate(kept.data)
        if story.status == "playing" and not self._is_playing(workspace_id):
            return story.model_copy(update={"status": "stopped"})
        return story

    def play(self, workspace_id: str) -> Story:
        """Begin, or go on where it was stopped; Conflict while it plays, NotFound outside the demo workspace."""
        if not self.is_told(workspace_id):
            raise NotFound("The story plays in the demo workspace.", hint="Choose the demo workspace in Settings.")
        with self._lock:
            if self._is_playing(workspace_id):
                raise Conflict("The story is being played already.", hint="Stop it first.")
            story = self.state(workspace_id)
            story = story.model_copy(update={"status": "playing", "began_at": story.began_at or now()})
            self._keep(workspace_id, story)
            stop = threading.Event()
            thread = threading.Thread(target=self._perform, args=(workspace_id, story, stop), name="ionflux-story")
            thread.daemon = True
            self._playing[workspace_id] = thread, stop
            thread.start()
        return story

    def stop(self, workspace_id: str) -> Story:
        """Stop after what is in hand; runs that have begun go on by themselves."""
        thread, stop = self._playing.get(workspace_id, (None, None))
        if thread is not None and stop is not None:
            stop.set()
            thread.join(timeout=5)
        return self.state(workspace_id)

    def reset(self, workspace_id: str) -> Story:
        """Take what the story put on the page off it and begin anew; its runs stay in the history."""
        self.stop(workspace_id)
        clear(Play(self._stage(), workspace_id, self.state(workspace_id), threading.Event()))
        self._db.write(lambda connection: records.remove(connection, _owner(workspace_id), _COLLECTION, _KEY))
        return self.state(workspace_id)

    def close(self) -> None:
        """Stop every story of this process."""
        for _, stop in self._playing.values():
            stop.set()

    def _is_playing(self, workspace_id: str) -> bool:
        thread, _ = self._playing.get(workspace_id, (None, None))
        return thread is not None and thread.is_alive()

    def _perform(self, workspace_id: str, story: Story, stop: threading.Event) -> None:
        play = Play(self._stage(), workspace_id, story, stop, lambda changed: self._keep(workspace_id, changed))
        status: StoryStatus = "done"
        try:
            for scene in SCENES:
                if any(each.key == scene.key and each.state == "done" for each in play.story.scenes):
                    continue
                play.show(scene.key, "playing", Told(""))
                play.show(scene.key, "done", scene.do(play))
        except Stopped:
            status = "stopped"
        except IonfluxError as error:
            status = "failed"
            play.fail(f"{error.message} {error.hint}".strip())
        except Exception:
            status = "failed"
            log.exception("the demo story broke off")
            play.fail("A fault in the program; the log tells more.")
        play.end(status)

    def _keep(self, workspace_id: str, story: Story) -> None:
        row = Record(_KEY, now(), story.model_dump(mode="json"))
        self._db.write(
            lambda connection: records.put(connection, workspace_id, _owner(workspace_id), _COLLECTION, [row])
        )


def _owner(workspace_id: str) -> str:
    return f"{workspace_id}:story"
