"""One page with its blocks: the head, the board in a fragment of its own, and the window that is open over it."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.domain.canvas import CanvasPage, PageLine
from ionflux_core.errors import NotFound
from ionflux_core.services.block_fields import kinds
from ionflux_ui.canvas_board import Did, canvas_board
from ionflux_ui.canvas_deeds import deeds_on
from ionflux_ui.canvas_desk import PAGE, author, open_window, refusals_kept, take_due
from ionflux_ui.canvas_head import draw_head
from ionflux_ui.canvas_tree import show_page
from ionflux_ui.errors import show_error
from ionflux_ui.navigation import PAGES
from ionflux_ui.session import application, flash, open_page, workspace_id

_BUSY: Final = "canvas_busy"
_LOOK_SECONDS: Final = 2.0
_NOUNS: Final = frozenset(entry.noun for entry in PAGES)


def draw_page(page_id: str) -> None:
    """Draw a page; NotFound when it is not there."""
    way = application().canvas.breadcrumbs(workspace_id(), page_id)
    page = way[-1]
    st.session_state[PAGE] = page_id
    draw_head(way)
    if page.status == "archived":
        _draw_notice("This page is archived: it can be read, and brought back to be changed.", "Bring it back",
                     _bring_back, page_id)  # fmt: skip
    elif page.status == "template_draft":
        _draw_notice("This is a template: new pages begin with its blocks.", "Make a page from it",
                     _use_template, page_id)  # fmt: skip
    # What changes is pushed; to look by itself is for runs of another process, and ends with them.
    busy = st.session_state.get(_BUSY) == page_id
    st.fragment(_board, run_every=_LOOK_SECONDS if busy else None)(page)


def _draw_notice(text: str, label: str, deed: Any, page_id: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.text(text)
        st.button(label, type="primary", key=f"canvas-notice-{page_id}", on_click=deed, args=(page_id,))


def _bring_back(page_id: str) -> None:
    with refusals_kept():
        application().canvas.set_page_status(workspace_id(), page_id, "active", by=author())
        flash("The page is back.")


def _use_template(page_id: str) -> None:
    open_window("new", template=page_id)


def _board(head: PageLine) -> None:
    """The blocks; drawn anew by itself when somebody does something here or something changes elsewhere."""
    space, page, busy = head.workspace_id, head, False

    def load() -> dict[str, Any]:
        nonlocal page, busy
        loaded = application().canvas.page(space, head.id)
        data = board_data(space, loaded)
        page, busy = loaded, data["refreshing"] is not None or any(line["busy"] for line in data["blocks"])
        return data

    try:
        opened = canvas_board(load, key=f"canvas-{head.id}", act=deeds_on(space, head.id))
    except NotFound as error:
        show_error(error)
        return
    for did in opened:
        _open(did)
    looks = st.session_state.get(_BUSY) == head.id
    st.session_state[_BUSY] = head.id if busy else None
    # The head, windows, and whether to look by itself, are drawn outside of this fragment.
    if take_due() or busy != looks or (page.title, page.icon, page.status) != (head.title, head.icon, head.status):
        st.rerun()


def board_data(workspace_id: str, page: CanvasPage) -> dict[str, Any]:
    """What the board draws of a page."""
    app = application()
    progress = app.refreshing.progress(workspace_id, page.id)
    return {
        "workspace": workspace_id,
        "page": {"id": page.id, "title": page.title, "read_only": page.status == "archived"},
        "blocks": app.refreshing.views(workspace_id, page),
        "kinds": _kinds(),
        "shelf": _shelf(workspace_id),
        "refreshing": {"total": progress.total, "done": progress.done, "block": progress.block} if progress else None,
    }


def _kinds() -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "type": each.type, "title": each.title, "hint": each.hint, "icon": each.icon, "width": each.width,
            "height": each.height, "computes": each.computes,
        }
        for each in kinds()
    )  # fmt: skip


def _shelf(workspace_id: str) -> tuple[dict[str, str], ...]:
    """The agents to put on a page: those of the workspace, then those of the marketplace that can be used."""
    app = application()
    offered = {each.slug: each for each in app.marketplace.offered() if not each.planned}
    own = [
        {"kind": "instance", "id": each.id, "name": each.name, "status": each.status,
         "epithet": (offered[each.definition_slug].narrative.epithet or "") if each.definition_slug in offered else ""}
        for each in app.agents.find(workspace_id)
    ]  # fmt: skip
    new = [
        {"kind": "definition", "id": each.slug, "name": each.name, "epithet": each.narrative.epithet or "",
         "status": each.status}
        for each in offered.values()
    ]  # fmt: skip
    return (*own, *new)


def _open(did: Did) -> None:
    """Go to another page, or open a window over this one."""
    if did.action in ("configure", "open"):
        open_window(did.action, block=did.block)
        st.rerun()
    noun, given = str(did.detail.get("page") or ""), did.detail.get("parameters")
    if noun not in _NOUNS:
        return
    parameters = {str(key): str(value) for key, value in (given if isinstance(given, dict) else {}).items()}
    if noun == "canvas" and parameters.get("page"):
        show_page(parameters["page"])
        st.rerun()
    open_page(noun, **parameters)
