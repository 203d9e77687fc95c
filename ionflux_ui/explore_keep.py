"""What is kept of a question: itself under a name, and its answer as a block of a page."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.questions import SavedQuestion
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import show_error
from ionflux_ui.explore_state import Exploring, open_question
from ionflux_ui.session import application, flash, open_page, parameter

_NEW_PAGE = ""


def save_button(kept: Exploring) -> None:
    """Save, rename and delete the question that is open, or save a new one."""
    open_id = parameter("question")
    with st.popover("Save", icon=":material/bookmark:", key=f"explore-save-{kept.opened}"):
        saved = _saved(kept, open_id)
        field = f"explore-name-{kept.opened}"
        st.text_input(
            "Name", saved.name if saved else "", max_chars=NAME_CHARS, key=field,
            placeholder="Cost of last week",
        )  # fmt: skip
        if saved:
            st.button("Save over it", type="primary", on_click=_save, args=(kept, open_id, field), width="stretch")
            st.button("Save as a new one", on_click=_save, args=(kept, None, field), width="stretch")
            st.button("Delete it", icon=":material/delete:", on_click=_delete, args=(kept, saved.id), width="stretch")
        else:
            st.button("Save it", type="primary", on_click=_save, args=(kept, None, field), width="stretch")


def _saved(kept: Exploring, question_id: str | None) -> SavedQuestion | None:
    if not question_id:
        return None
    try:
        return application().saved_questions.get(kept.workspace_id, question_id)
    except IonfluxError:
        return None


def _save(kept: Exploring, question_id: str | None, field: str) -> None:
    # Read from the field itself: what was typed right before the press is there, and nowhere else yet.
    draft = {"name": str(st.session_state.get(field) or "").strip(), "sql_text": kept.text, "chart": kept.drawing}
    service = application().saved_questions
    try:
        if question_id:
            saved = service.save(kept.workspace_id, question_id, draft, by=BY)
        else:
            saved = service.create(kept.workspace_id, draft, by=BY)
    except IonfluxError as error:
        flash(str(error), icon=":material/error:")
        return
    flash(f"{saved.name} is saved.")
    # What stands there is what was saved: opening it must not ask again.
    kept.opened, kept.saved_text = f"question:{saved.id}", kept.text
    open_question(saved.id)


def _delete(kept: Exploring, question_id: str) -> None:
    try:
        application().saved_questions.delete(kept.workspace_id, question_id, by=BY)
    except IonfluxError as error:
        flash(str(error), icon=":material/error:")
        return
    flash("The question is deleted; its text still stands in the editor.")
    kept.opened = ""
    open_question()


def page_button(kept: Exploring) -> None:
    """Put the answer on a page, as a block that asks again when it is refreshed."""
    with st.popover("Add to a page", icon=":material/post_add:"):
        app = application()
        pages = {page.id: page.title for page in app.canvas.tree(kept.workspace_id)}
        with st.form(f"explore-page-{kept.number}", border=False):
            page = st.selectbox("Page", [*pages, _NEW_PAGE], format_func=lambda each: pages.get(each, "A new page"))
            title = st.text_input("Title of the block", max_chars=200, placeholder="Cost by day")
            st.caption("It asks again when it is refreshed, and is drawn as here: on pages as columns or lines.")
            done = st.form_submit_button("Add the block", type="primary")
        if done:
            try:
                page_id = app.question_blocks.add(
                    kept.workspace_id, page or None, (title or "").strip(), kept.asked, kept.drawing, by=BY
                )
            except IonfluxError as error:
                show_error(error)
                return
            flash("The block is on the page.")
            open_page("canvas", page=page_id)
