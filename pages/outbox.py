"""Outbox: what was, would be or may have been sent by agents, and what to do about the doubtful ones."""

import streamlit as st

from ionflux_core.errors import NotFound
from ionflux_ui.errors import show_error
from ionflux_ui.outbox_view import (
    ROWS,
    clear_filters,
    draw_effect,
    draw_filters,
    draw_line,
    filter_in_address,
    is_narrowed,
)
from ionflux_ui.plain import counted
from ionflux_ui.session import application, open_page, parameter, set_parameters, workspace

COUNTED = 10_000


def main() -> None:
    """Draws the one effect that is open, or the list."""
    chosen = parameter("effect")
    if not chosen:
        _list()
        return
    try:
        app, space = application(), workspace()
        draw_effect(app, app.outbox.get(space.id, chosen), space.settings.timezone)
    except NotFound as error:
        show_error(error)
        st.button("All effects", on_click=lambda: set_parameters(effect=None))


def _list() -> None:
    app, space, narrow = application(), workspace(), filter_in_address()
    title, action = st.columns([4, 1], vertical_alignment="bottom")
    title.title("Outbox", anchor=False)
    if action.button("Channels", type="primary", icon=":material/cable:", width="stretch"):
        open_page("settings", tab="policies")
    st.caption("Everything agents sent, would send once an account is connected, or may have sent when a crash came.")
    found = app.outbox.find(space.id, narrow, cursor=parameter("before"), limit=ROWS)
    if found.effects or is_narrowed():
        draw_filters(app, space)
    if not found.effects:
        _empty()
        return
    for effect in found.effects:
        draw_line(effect, space.settings.timezone)
    count = app.outbox.count(space.id, narrow)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{COUNTED:,}+ effects" if count > COUNTED else counted(count, "effect"), width="content")
        if parameter("before"):
            st.button("Newest", icon=":material/first_page:", on_click=lambda: set_parameters(before=None))
        if found.cursor:
            st.button("Next", icon=":material/chevron_right:", icon_position="right",
                      on_click=lambda: set_parameters(before=found.cursor))  # fmt: skip


def _empty() -> None:
    with st.container(border=True):
        if is_narrowed() or parameter("before"):
            st.markdown("**No effect fits these filters.**")
            st.button("Show all", type="primary", on_click=clear_filters)
            return
        st.markdown("**Nothing was sent, and nothing would have been.**")
        st.text("An agent that sends something leaves a line here first: what, where to, and whether you allowed it.")
        if st.button("See the agents", icon=":material/smart_toy:"):
            open_page("agents")


main()
