"""The form of a prompt that is not there yet."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.prompt_draft import Editing
from ionflux_ui.prompt_editor import draw_fields
from ionflux_ui.prompt_list import back_button
from ionflux_ui.session import application, flash, open_page, parameter

_DRAFT = "prompt-editing-new"


def show_new_prompt(workspace: Workspace) -> None:
    """Draw the form, and save it into a library."""
    back_button()
    st.title("New prompt", anchor=False)
    libraries = {library.id: library.name for library in application().prompts.libraries(workspace.id)}
    if not libraries:
        st.text("There is no library yet. Make one on the page of all prompts first.")
        return
    wanted = parameter("library")
    keys = list(libraries)
    library = st.selectbox(
        "Library", keys, keys.index(wanted) if wanted in libraries else 0, format_func=libraries.__getitem__, width=420
    )
    draft: Editing = st.session_state.setdefault(_DRAFT, Editing(None))
    draw_fields(draft, "prompt-new")
    if st.button("Add the prompt", type="primary", icon=":material/check:"):
        with errors_shown():
            made = application().prompts.add(workspace.id, library or keys[0], draft.values(), by=BY)
            del st.session_state[_DRAFT]
            flash(f"{made.name} is here.")
            open_page("prompts", prompt=made.id, library=parameter("library"))
