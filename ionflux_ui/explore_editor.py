"""The text of a question, what asks it and what keeps it; only this part is drawn anew while somebody types."""

from __future__ import annotations

import streamlit as st

from ionflux_core.errors import Invalid, Problem
from ionflux_ui.explore_keep import save_button
from ionflux_ui.explore_state import Exploring, ask
from ionflux_ui.plain import escaped
from ionflux_ui.session import application
from ionflux_ui.sql_editor import sql_editor


def show_editor(kept: Exploring, name: str) -> None:
    """Draw the editor with its buttons; `name` is the open question's, empty when none is open."""
    st.fragment(_editor)(kept, name)


def _editor(kept: Exploring, name: str) -> None:
    questions = application().questions
    value = sql_editor(
        kept.text,
        key="explore-editor",
        tables=questions.tables(kept.workspace_id),
        functions=questions.functions(),
        problems=_problems(kept),
        revision=kept.turn,
    )
    kept.text = value.text
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Run", type="primary", icon=":material/play_arrow:", key="explore-run")
        save_button(kept)
        if name:
            changed = ", changed" if kept.text != kept.saved_text else ""
            st.caption(f":material/bookmark: {escaped(name)}{changed}", width="content")
    if pressed or value.asked:
        ask(kept)
        st.rerun()


def _problems(kept: Exploring) -> tuple[Problem, ...]:
    """What is wrong with the text that was asked; nothing once another one stands there."""
    if isinstance(kept.error, Invalid) and kept.error.problems:
        return kept.error.problems
    return ()
