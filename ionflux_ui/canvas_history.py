"""The history of a page: its versions, what differs from today, and bringing one back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.canvas import CanvasPage, PageVersion
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.block_fields import kind_title
from ionflux_ui.canvas_desk import author
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.session import application

_LINES: Final = 20
_WORDS: Final = 160


def show_history(space: Workspace, page_id: str, done: Callable[..., None]) -> None:
    """The newest versions to choose from, and the chosen one; `done` is called when one was brought back."""
    canvas = application().canvas
    with errors_shown():
        page = canvas.page(space.id, page_id)
        before = st.session_state.get("cw-before")
        lines = canvas.history(space.id, page_id, before=before, limit=_LINES + 1)
        if not lines:
            st.text("There are no older versions.")
            return
        shown = lines[:_LINES]
        by_number = {line.version: line for line in shown}
        chosen = st.selectbox(
            "Version", list(by_number), format_func=lambda number: _line(by_number[number], space), key="cw-version"
        )
        _pager(before, shown[-1].version if len(lines) > _LINES else None)
        if chosen is not None:
            _show_version(space, page, by_number[chosen], done)


def _line(version: PageVersion, space: Workspace) -> str:
    when = ago(version.updated_at, space.settings.timezone)
    return f"{version.version} · {when} · {version.author} · {shortened(version.message, 80)}"


def _pager(before: int | None, older: int | None) -> None:
    if before is None and older is None:
        return
    with st.container(horizontal=True):
        if before is not None:
            st.button("Newest", icon=":material/first_page:", on_click=_turn, args=(None,))
        if older is not None:
            st.button("Older", icon=":material/chevron_right:", on_click=_turn, args=(older,))


def _turn(before: int | None) -> None:
    st.session_state["cw-before"] = before
    st.session_state.pop("cw-version", None)


def _show_version(space: Workspace, page: CanvasPage, version: PageVersion, done: Callable[..., None]) -> None:
    canvas = application().canvas
    then = canvas.version(space.id, page.id, version.version)
    when = exact(version.updated_at, space.settings.timezone)
    st.caption(f"{escaped(version.message)}, by {escaped(version.author)}, {when}")
    st.markdown("\n".join([f"**{escaped(then['title'])}**", "", *differences(page, then)]))
    newest = version.version == page.version
    if newest:
        st.caption("This is the page as it is.")
    elif page.status == "archived":
        st.caption("Bring the page back before you restore a version.")
    elif st.button("Restore this version", type="primary", key="cw-restore"):
        canvas.restore_version(space.id, page.id, version.version, by=author())
        done(said="Restored. What it was before is in the history.")


def differences(page: CanvasPage, then: Mapping[str, Any]) -> list[str]:
    """One line of Markdown for each block of a version, with what became of it, and for each that came later."""
    today = {block.id: block for block in page.blocks}
    lines = []
    for block in then["blocks"]:
        now = today.pop(block["id"], None)
        if now is None:
            mark = ":red-badge[not on the page any more]"
        elif (now.type, now.content, now.name) != (block["type"], block["content"], block["name"]):
            mark = ":orange-badge[different today]"
        elif now.place.model_dump() != {**now.place.model_dump(), **block["place"]}:
            mark = ":blue-badge[elsewhere today]"
        else:
            mark = ""
        lines.append(_told(block["name"], block["type"], block["content"], mark))
    lines += [_told(each.name, each.type, {}, ":green-badge[came later]") for each in today.values()]
    return lines or ["The page was empty."]


def _told(name: str, type: str, content: Mapping[str, Any], mark: str) -> str:
    words = " ".join(str(value) for value in content.values() if isinstance(value, str) and value)
    said = f" — {escaped(shortened(words, _WORDS))}" if words else ""
    return f"- `{name}` {escaped(kind_title(type))} {mark}{said}"
