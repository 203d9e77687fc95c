"""Explore: questions in SQL over everything the agents did and over files of one's own."""

import streamlit as st

from ionflux_core.errors import NotFound
from ionflux_core.services import ready_questions
from ionflux_ui.explore_editor import show_editor
from ionflux_ui.explore_files import files_button
from ionflux_ui.explore_result import show_result
from ionflux_ui.explore_shelf import ready_list, shelf_button
from ionflux_ui.explore_state import Exploring, exploring
from ionflux_ui.session import application, parameter, workspace


def main() -> None:
    """Draws the editor and the answer of the question that the address names, or of the one in this session."""
    space = workspace()
    zone = space.settings.timezone
    kept = exploring(space)
    title, actions = st.columns([2, 3], vertical_alignment="bottom")
    title.title("Explore", anchor=False)
    with actions.container(horizontal=True, horizontal_alignment="right"):
        shelf_button(kept, zone)
        files_button(kept, zone)
    st.caption("Ask in SQL over everything your agents did and over your own files. A question can only read.")
    show_editor(kept, _name(kept))
    if kept.answer is None and kept.error is None:
        st.markdown("**Ready questions**")
        st.caption("Each is a text like any other: run it, change it, save it, put it on a page.")
        ready_list(kept, key="explore-ready")
        return
    st.fragment(show_result)(kept, zone)


def _name(kept: Exploring) -> str:
    """What the question is called that the address names."""
    if ready := ready_questions.find(parameter("ready") or ""):
        return ready.name
    try:
        return application().saved_questions.get(kept.workspace_id, parameter("question") or "").name
    except NotFound:
        return ""


main()
