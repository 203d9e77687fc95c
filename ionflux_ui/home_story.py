"""The demo story on the home page of the demo workspace: played, watched scene by scene, stopped and begun anew."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.domain.story import Scene, SceneState, Story
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, page_link

_LOOK_SECONDS: Final = 1.0
_PLAYING: Final = "story_playing"
_MARKS: Final[dict[SceneState, str]] = {
    "waiting": ":gray[:material/radio_button_unchecked:]",
    "playing": ":orange[:material/progress_activity:]",
    "needs_you": ":orange[:material/front_hand:]",
    "done": ":green[:material/check_circle:]",
    "failed": ":red[:material/error:]",
}
_SAID: Final[dict[SceneState, str]] = {
    "waiting": "", "playing": "playing", "needs_you": "needs you", "done": "done", "failed": "did not work",
}  # fmt: skip


def show_story(workspace: Workspace) -> None:
    """Draw the story where it is told; it looks for news only while it plays."""
    app = application()
    if not app.story.is_told(workspace.id):
        return
    playing = app.story.state(workspace.id).status == "playing"
    st.session_state[_PLAYING] = playing
    st.fragment(_story, run_every=_LOOK_SECONDS if playing else None)(workspace.id)


def _story(workspace_id: str) -> None:
    story = application().story.state(workspace_id)
    if (story.status == "playing") != st.session_state.get(_PLAYING):
        st.rerun()
    done = sum(scene.state == "done" for scene in story.scenes)
    with st.container(border=True, key="story"):
        st.markdown(f"### The way of one order :gray-badge[{done} of {len(story.scenes)} scenes]", anchors=False)
        st.caption(
            "An order comes in; agents hear of it, tell you, count its margin, draft a mail, check its voice and ask "
            "before anything leaves. Every figure is worked out while it plays."
        )
        with st.container(horizontal=True):
            _buttons(workspace_id, story)
        if story.status != "idle":
            for number, scene in enumerate(story.scenes, start=1):
                _scene(number, scene)


def _buttons(workspace_id: str, story: Story) -> None:
    service = application().story
    label = {"idle": "Play the demo", "stopped": "Go on", "failed": "Try this scene again"}.get(story.status)
    pressed = None
    if label and st.button(label, type="primary", icon=":material/play_arrow:"):
        pressed = service.play
    if story.status == "playing" and st.button("Stop", icon=":material/stop:"):
        pressed = service.stop
    again = story.status in ("stopped", "failed", "done")
    if again and st.button("Begin anew", icon=":material/restart_alt:", help="Its runs stay in the history."):
        pressed = service.reset
    if pressed is not None:
        with errors_shown():
            pressed(workspace_id)
            st.rerun()


def _scene(number: int, scene: Scene) -> None:
    said = f" :gray[{_SAID[scene.state]}]" if _SAID[scene.state] else ""
    st.markdown(f"{_MARKS[scene.state]} **{number}. {escaped(scene.title)}**{said}")
    if scene.told:
        st.text(scene.told)
    elif scene.state == "waiting":
        st.caption(escaped(scene.about))
    if scene.links:
        with st.container(horizontal=True):
            for link in scene.links:
                page_link(link.page, link.label, icon=":material/arrow_outward:", **link.parameters)
