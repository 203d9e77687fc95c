"""Questions to take up again: ours, those of the workspace, and what was asked lately."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.domain.questions import AskedQuestion
from ionflux_core.services.ready_questions import READY, slug
from ionflux_ui.explore_state import Exploring, open_question, put
from ionflux_ui.explore_table import Item, item_list
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.plain import counted
from ionflux_ui.session import application, parameter

_PARTS: Final = ("Ready", "Saved", "History")
_LATELY: Final = 50


def shelf_button(kept: Exploring, zone: str) -> None:
    """The button that opens the questions there are."""
    if st.button("Questions", icon=":material/format_list_bulleted:", key="explore-questions"):
        _window(kept, zone)


@st.dialog("Questions", width="large")
def _window(kept: Exploring, zone: str) -> None:
    part = st.segmented_control("Kind", _PARTS, default=_PARTS[0], required=True, label_visibility="collapsed")
    if part == "Saved":
        _saved(kept, zone)
    elif part == "History":
        _history(kept, zone)
    else:
        ready_list(kept, key="explore-ready-window")


def ready_list(kept: Exploring, *, key: str) -> None:
    """Our own questions; a click asks one."""
    now = parameter("ready")
    items: list[Item] = [
        {"id": slug(each), "title": each.name, "about": each.about, "open": slug(each) == now} for each in READY
    ]
    if chosen := item_list(items, key=key, label="Ready questions", grid=True):
        # The same one again is a wish to have it as it was.
        kept.opened = ""
        open_question(ready=chosen)
        st.rerun()


def _saved(kept: Exploring, zone: str) -> None:
    found, now = application().saved_questions.find(kept.workspace_id), parameter("question")
    if not found:
        st.text("No question has been saved yet. Write one, then save it with the button below the editor.")
        return
    items: list[Item] = [
        {
            "id": each.id,
            "title": each.name,
            "facts": f"{each.created_by or 'somebody'}, {ago(each.updated_at, zone)}",
            "exact": exact(each.updated_at, zone),
            "code": each.sql_text[:600],
            "open": each.id == now,
        }
        for each in found
    ]
    if chosen := item_list(items, key="explore-saved", label="Saved questions"):
        kept.opened = ""
        open_question(chosen)
        st.rerun()


def _history(kept: Exploring, zone: str) -> None:
    found = application().questions.history(kept.workspace_id, limit=_LATELY)
    if not found:
        st.text("Nothing has been asked yet. What is asked here or through the API appears in this list.")
        return
    items = [_asked(each, zone) for each in found]
    if chosen := item_list(items, key="explore-history", label="Asked lately"):
        again = next((each for each in found if str(each.seq) == chosen), None)
        if again is not None:
            put(kept, again.sql_text)
            kept.opened = ""
            open_question()
            st.rerun()


def _asked(each: AskedQuestion, zone: str) -> Item:
    outcome = "failed" if each.error else f"{counted(each.row_count or 0, 'row')} in {duration(each.seconds)}"
    return {
        "id": str(each.seq),
        "title": f"{each.who or 'somebody'}, {ago(each.at, zone)}",
        "exact": exact(each.at, zone),
        "facts": outcome,
        "tone": "bad" if each.error else "",
        "about": each.error or "",
        "code": each.sql_text[:600],
    }
