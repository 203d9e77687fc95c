"""What the screen of pages keeps between two runs: the window that is open over it, and what did not work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import streamlit as st

from ionflux_core.errors import IonfluxError
from ionflux_ui.errors import show_error
from ionflux_ui.session import application

_WINDOW: Final = "canvas_window"
_REFUSED: Final = "canvas_refused"
_DUE: Final = "canvas_due"
PAGE: Final = "canvas_page"
"""The page that was open last in this session."""


def author() -> str:
    """Who edits, as the history names them."""
    return application().workspaces.owner().name


def note_due() -> None:
    """Note that the whole page is to be drawn anew, not only the board.

    A browser may send what was done in the head together with what the board heard; then only the board would be run.
    """
    st.session_state[_DUE] = True


def take_due() -> bool:
    """Whether the whole page was to be drawn anew, once."""
    return bool(st.session_state.pop(_DUE, False))


def open_window(name: str, **given: Any) -> None:
    """Open a window over the page with the next run of the script; it stays open until it is closed."""
    close_window()
    st.session_state[_WINDOW] = (name, given)


def window() -> tuple[str, dict[str, Any]]:
    """The window that is open: its name, empty for none, and what it is about."""
    found: tuple[str, dict[str, Any]] = st.session_state.get(_WINDOW, ("", {}))
    return found


def close_window() -> None:
    """Close it, and forget what was typed in it."""
    note_due()
    st.session_state.pop(_WINDOW, None)
    for key in [key for key in st.session_state if str(key).startswith("cw-")]:
        del st.session_state[key]


@contextmanager
def refusals_kept() -> Iterator[None]:
    """Keep what does not work inside a callback for the runs of the script that follow."""
    _forget_refusal()
    try:
        yield
    except IonfluxError as error:
        st.session_state[_REFUSED] = (st.session_state.get(PAGE), error)
        note_due()


def show_refusal() -> None:
    """Say what did not work, until somebody does something else, closes it or leaves the page.

    It is not said once only: a run of the script may be dropped for the next one before anybody has seen it.
    """
    page, error = st.session_state.get(_REFUSED, (None, None))
    if error is None:
        return
    if page != st.session_state.get(PAGE):
        _forget_refusal()
        return
    show_error(error)
    st.button("Close", type="tertiary", key="canvas-refusal-close", on_click=_forget_refusal)


def _forget_refusal() -> None:
    st.session_state.pop(_REFUSED, None)
