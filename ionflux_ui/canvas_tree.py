"""The tree of pages in the sidebar, as one light element; a click opens a page, or asks for a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.canvas import PageLine
from ionflux_ui.canvas_desk import close_window, open_window
from ionflux_ui.session import set_parameters

_FOLDER: Final = Path(__file__).parent / "components"
_KEY: Final = "canvas_tree"
_WINDOWS: Final = frozenset({"new", "templates", "archived", "import"})

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_canvas_tree",
    js=(_FOLDER / "canvas_tree.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "canvas_tree.css").read_text(encoding="utf-8"),
)


def draw_tree(pages: Sequence[PageLine], current: str | None) -> None:
    """Draw the pages with those below them; `current` is the one that is open."""
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    lines = tuple({"id": each.id, "title": each.title, "icon": each.icon, "depth": each.depth} for each in pages)
    with st.sidebar:
        _mount(key=_KEY, data={"pages": lines, "current": current}, on_opened_change=_opened, on_asked_change=_asked)


def show_page(page_id: str | None) -> None:
    """Show another page from now on; None shows none."""
    close_window()
    set_parameters(page=page_id)


def _opened() -> None:
    if opened := _said("opened"):
        show_page(opened)


def _asked() -> None:
    name, _, below = _said("asked").partition(" ")
    if name in _WINDOWS:
        open_window(name, **({"below": below} if below else {}))


def _said(name: str) -> str:
    state: Any = st.session_state.get(_KEY)
    said = state.get(name) if isinstance(state, Mapping) else None
    return said if isinstance(said, str) else ""
