"""What the Events page draws by itself as one element: the stream, a chain, who listens to whom; and where it leads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_ui.navigation import PAGES
from ionflux_ui.session import PAGE, open_page, set_parameters
from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "events" / "events.js"
_LOADER: Final = Path(__file__).parent / "components" / "events.js"
_NAMES: Final = 6

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_events", js=_LOADER.read_text(encoding="utf-8"))
_VERSION: Final = hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


def event_board(view: str, data: Mapping[str, Any], *, key: str, workspace_id: str, follow: bool = False) -> str | None:
    """Draw one view; the id of the event just opened, if any. While it follows, news run the fragment it stands in.

    What leads to another page goes there at once.
    """
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    bundle = f"{'/' + base if base else ''}/app/static/events/{BUNDLE.name}?v={_VERSION}"
    result = _mount(
        key=key,
        data={"bundle": bundle, "view": view, "workspace": workspace_id, "follow": follow, **data},
        on_opened_change=_ignore,
        on_going_change=_ignore,
        on_changed_change=_ignore,
    )
    going = result.get("going")
    if isinstance(going, Mapping):
        _go(going)
    opened = result.get("opened")
    return str(opened) if opened else None


def _go(going: Mapping[str, Any]) -> None:
    """Go where a link leads; what the browser sends is only taken for pages there are."""
    page, given = str(going.get("page")), going.get("parameters")
    if page not in {entry.noun for entry in PAGES} or not isinstance(given, Mapping) or len(given) > _NAMES:
        return
    parameters = {str(name): str(value) for name, value in given.items()}
    if page == "events" and st.session_state.get(PAGE) == page:
        # What is opened comes first: each change is a step of the back button, and none may lead to the stream.
        set_parameters(**parameters | dict.fromkeys({"event", "correlation", "view"} - set(parameters)))
        st.rerun()
    open_page(page, **parameters)


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
