"""The chat's board as one element: what it shows goes in, what was done on it comes out once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "chat" / "chat.js"
KEY: Final = "chat_board"
WAITING: Final = "chat_waiting"
TOLD: Final = "chat_told"
"""The board itself made the script run. What the address said then is no news: it may be older than the last move."""
_LOADER: Final = Path(__file__).parent / "components" / "chat.js"
_MOST_ACTIONS: Final = 50

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_chat", js=_LOADER.read_text(encoding="utf-8"))
_VERSION: Final = hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


def chat_board(data: Mapping[str, Any]) -> None:
    """Draw the board; what is done on it waits under WAITING for the next run of the fragment it stands in."""
    _mount(
        key=KEY,
        data={"bundle": _bundle_address(), **data},
        on_did_change=_keep,
        on_changed_change=_look_again,
    )


def taken_actions() -> list[dict[str, Any]]:
    """What was done since the last call, each with its nonce; the board says it again until it is answered."""
    found = st.session_state.pop(WAITING, [])
    return [each for each in found if isinstance(each, dict) and isinstance(each.get("nonce"), str)][:_MOST_ACTIONS]


def told_by_board() -> bool:
    """Whether this run comes from the board, and not from an address somebody opened."""
    return bool(st.session_state.pop(TOLD, False))


def _keep() -> None:
    st.session_state[TOLD] = True
    state = st.session_state.get(KEY)
    said = state.get("did") if isinstance(state, Mapping) else None
    if isinstance(said, list):
        st.session_state[WAITING] = [*st.session_state.get(WAITING, []), *said]


def _look_again() -> None:
    """A push made the fragment run; it reads everything anew by itself."""
    st.session_state[TOLD] = True


def _bundle_address() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/app/static/chat/{BUNDLE.name}?v={_VERSION}"
