"""The chat on its page: what is open in the address, the board in a fragment, and the windows over it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import streamlit as st

from ionflux_ui.chat_actions import Turn
from ionflux_ui.chat_board import chat_board, taken_actions, told_by_board
from ionflux_ui.chat_data import PLACE, Chamber, Place
from ionflux_ui.chat_dialogs import DIALOG, open_dialog
from ionflux_ui.session import UNREAD_SHOWN, application, open_page, parameter, set_parameters, workspace

HANDLED: Final = "chat_handled"
OUTCOMES: Final = "chat_outcomes"


def show_chat() -> None:
    """Draw the board, and over it the window it has asked for."""
    board()
    if parameter("new"):
        set_parameters(new=None)
        st.session_state[DIALOG] = ("new_channel", {})
    waiting: tuple[str, dict[str, Any]] | None = st.session_state.get(DIALOG)
    if waiting is not None:
        open_dialog(_chamber(), *waiting)


@st.fragment
def board() -> None:
    """Do what was done on the board, and draw it as everything stands then; reruns by itself with each push."""
    chamber = _chamber()
    turn = Turn(chamber, _place(chamber), st.session_state.setdefault(HANDLED, {}))
    turn.outcomes = st.session_state.pop(OUTCOMES, [])
    turn.take(taken_actions())
    data, place = chamber.board(turn.place)
    st.session_state[PLACE] = chamber.space.id, place
    set_parameters(channel=place.channel, thread=place.thread, message=place.message)
    chat_board({**data, "outcomes": tuple(turn.outcomes)})
    if turn.goal is not None:
        page, parameters = turn.goal
        open_page(page, **parameters)
    # The sidebar counts with each drawing of the page; it must not go on counting what has been read.
    seen = st.session_state.get(UNREAD_SHOWN) and not any(each["unread"] for each in data["channels"])
    if turn.dialog is not None or seen:
        # What was drawn just now may be dropped for what is drawn next, and the answers with it.
        st.session_state[OUTCOMES] = turn.outcomes
        if turn.dialog is not None:
            st.session_state[DIALOG] = turn.dialog
        st.rerun()


def _chamber() -> Chamber:
    app = application()
    return Chamber(app, workspace(), app.workspaces.owner())


def _place(chamber: Chamber) -> Place:
    """What is open: the address says where, unless the board ran the script; the rest is as it was left."""
    known: tuple[str, Place] = st.session_state.get(PLACE, ("", Place()))
    told = told_by_board()
    channel, thread, message = (parameter(name) for name in ("channel", "thread", "message"))
    if known[0] != chamber.space.id:
        return Place(channel, thread, message)
    kept = known[1]
    if told:
        return kept
    if channel != kept.channel:
        kept = replace(kept, oldest=None, looked=None)
    return replace(kept, channel=channel or kept.channel, thread=thread, message=message)
