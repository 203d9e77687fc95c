"""The head of a page, as one light element: where it lies, its icon and title, and the menu of what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.canvas import PageLine
from ionflux_ui.canvas_desk import author, note_due, open_window, refusals_kept
from ionflux_ui.canvas_tree import show_page
from ionflux_ui.session import application, flash

_FOLDER: Final = Path(__file__).parent / "components"
_KEY: Final = "canvas_head"
_DEEDS_DONE: Final = "canvas_head_deeds"

# Not in a shadow: its title is the heading of the page.
_mount = st.components.v2.component(
    "ionflux_canvas_head",
    js=(_FOLDER / "canvas_head.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "canvas_head.css").read_text(encoding="utf-8"),
    isolate_styles=False,
)

_ACTIVE: Final = (
    ("icon", "Change the icon", "mood"),
    ("new", "New page below", "note_add"),
    ("move", "Move under…", "drive_file_move"),
    ("up", "Move up", "arrow_upward"),
    ("down", "Move down", "arrow_downward"),
    ("duplicate", "Duplicate", "content_copy"),
    ("template", "Save as template", "dashboard_customize"),
    ("history", "History", "history"),
    ("export", "Export", "download"),
    ("archive", "Archive", "inventory_2"),
)
_TEMPLATE: Final = (
    ("icon", "Change the icon", "mood"),
    ("duplicate", "Duplicate", "content_copy"),
    ("history", "History", "history"),
    ("export", "Export", "download"),
    ("archive", "Archive", "inventory_2"),
)
_ARCHIVED: Final = (
    ("template", "Save as template", "dashboard_customize"),
    ("history", "History", "history"),
    ("export", "Export", "download"),
)
_MENUS: Final = {"active": _ACTIVE, "template_draft": _TEMPLATE, "archived": _ARCHIVED}
_WINDOWS: Final = frozenset({"icon", "move", "template", "history", "export"})


def draw_head(way: Sequence[PageLine]) -> None:
    """Draw the head of the last page of the way that leads to it from the top of the tree."""
    page = way[-1]
    menu = tuple(
        {"key": key, "title": title, "icon": icon, "grave": key == "archive"}
        for key, title, icon in _MENUS[page.status]
    )
    data = {
        "page": {"title": page.title, "icon": page.icon, "read_only": page.status == "archived"},
        "crumbs": tuple({"id": each.id, "title": each.title} for each in way[:-1]),
        "menu": menu,
        # With each deed the head is drawn anew, a refused one too: a title that was not taken must not stay there.
        "deeds": st.session_state.get(_DEEDS_DONE, 0),
    }
    _mount(key=_KEY, data=data, on_did_change=lambda: _did(page))


def _did(page: PageLine) -> None:
    state: Any = st.session_state.get(_KEY)
    said = state.get("did") if isinstance(state, Mapping) else None
    if not isinstance(said, Mapping):
        return
    action, value = str(said.get("action")), str(said.get("value") or "")
    if action in _WINDOWS:
        open_window(action, page=page.id)
    elif action == "new":
        open_window("new", below=page.id)
    elif action == "open":
        show_page(value)
    elif action in _DEEDS:
        note_due()
        st.session_state[_DEEDS_DONE] = st.session_state.get(_DEEDS_DONE, 0) + 1
        with refusals_kept():
            _DEEDS[action](page, value)


def _rename(page: PageLine, value: str) -> None:
    application().canvas.save_page(page.workspace_id, page.id, title=value, by=author())


def _duplicate(page: PageLine, _: str) -> None:
    copy = application().canvas.duplicate_page(page.workspace_id, page.id, by=author())
    show_page(copy.id)
    flash("This is the copy.")


def _archive(page: PageLine, _: str) -> None:
    application().canvas.set_page_status(page.workspace_id, page.id, "archived", by=author())
    show_page(page.parent_page_id)
    flash(f"{page.title} is archived, with all below it. It is kept under Archived pages.")


def _move(step: int) -> Callable[[PageLine, str], None]:
    def move(page: PageLine, _: str) -> None:
        canvas = application().canvas
        # A page below an archived one stands at the top of the tree, and is moved there.
        known = {each.id for each in canvas.tree(page.workspace_id)}
        parent = page.parent_page_id if page.parent_page_id in known else None
        position = max(0, page.position + step)
        canvas.move_page(page.workspace_id, page.id, parent_id=parent, position=position, by=author())

    return move


_DEEDS: Final[Mapping[str, Callable[[PageLine, str], None]]] = {
    "rename": _rename,
    "duplicate": _duplicate,
    "archive": _archive,
    "up": _move(-1),
    "down": _move(1),
}
