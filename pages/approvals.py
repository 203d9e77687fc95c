"""Approvals: every question agents ask, in one inbox, and what was answered."""

import streamlit as st

from ionflux_core.domain.approvals import View
from ionflux_ui.approval_inbox import (
    ROWS,
    acceptance_words,
    clear_filters,
    draw_decided,
    draw_filters,
    draw_open,
    draw_pager,
    filter_in_address,
    is_narrowed,
)
from ionflux_ui.session import application, open_page, parameter, set_parameters, workspace

VIEWS: dict[View, str] = {"open": "Open", "decided": "Decided"}
KEY = "approvals_view"


def main() -> None:
    """Draws the view the address names."""
    title, action = st.columns([4, 1], vertical_alignment="bottom")
    title.title("Approvals", anchor=False)
    if action.button("Policies", icon=":material/policy:", width="stretch", help="What may go out without asking."):
        open_page("settings", tab="policies")
    st.caption("What your agents ask before they go on: read the draft, change it where it may be changed, decide.")
    view: View = "decided" if parameter("view") == "decided" else "open"
    if st.session_state.get(KEY) != view:
        st.session_state[KEY] = view
    st.segmented_control(
        "Show", list(VIEWS), key=KEY, format_func=lambda word: VIEWS[word], label_visibility="collapsed",
        on_change=_switch,
    )  # fmt: skip
    _list(view)


def _list(view: View) -> None:
    app, space, narrow = application(), workspace(), filter_in_address()
    found = app.approvals.find(space.id, narrow, view=view, cursor=parameter("after"), limit=ROWS)
    if found.approvals or is_narrowed():
        draw_filters(app, space)
    if view == "decided" and found.approvals:
        figure, said = acceptance_words(app.approvals.acceptance(space.id))
        st.metric("Accepted unedited", figure, help=said)
    if not found.approvals and not parameter("approval"):
        _empty(view)
        return
    if view == "open":
        draw_open(app, space, found.approvals)
    else:
        for approval in found.approvals:
            draw_decided(app, approval, space.settings.timezone)
    draw_pager(view, found.cursor)


def _empty(view: View) -> None:
    with st.container(border=True):
        if is_narrowed():
            st.markdown("**No question fits these filters.**")
            st.button("Show all", type="primary", on_click=clear_filters)
            return
        st.markdown("**Nothing waits for you.**" if view == "open" else "**Nothing has been decided yet.**")
        st.text(
            "When an agent wants to send something, or asks before it goes on, its draft waits here for your answer. "
            "The run holds still until then, also over a restart."
        )
        if st.button("See what was sent", icon=":material/outbox:"):
            open_page("outbox")


def _switch() -> None:
    chosen = st.session_state[KEY]
    set_parameters(view="decided" if chosen == "decided" else None, after=None, approval=None)


main()
