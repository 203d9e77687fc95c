"""The bar above the navigation: the command palette, and the bell with what one was told. One element a page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.notifications import KINDS, Notification
from ionflux_ui.moments import ago, exact
from ionflux_ui.navigation import PAGES
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, choose_workspace, open_page, workspace, workspace_id
from ionflux_ui.theme import STATIC

BUNDLE: Final = STATIC / "frame" / "frame.js"
LOADER: Final = Path(__file__).parent / "components" / "frame.js"
ROWS: Final = 20
_KEY: Final = "frame"
_ICONS: Final[Mapping[str, str]] = {
    "mention": ":material/alternate_email:",
    "message": ":material/chat:",
    "agent_finished": ":material/check_circle:",
    "agent_failed": ":material/error:",
    "approval": ":material/front_hand:",
    "breaker": ":material/power_off:",
    "budget": ":material/savings:",
    "alert": ":material/notification_important:",
}
assert set(_ICONS) == set(KINDS)

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component("ionflux_frame", js=LOADER.read_text(encoding="utf-8"))
_VERSION: Final = hashlib.sha256(BUNDLE.read_bytes()).hexdigest()[:12] if BUNDLE.is_file() else ""


@st.fragment
def draw_frame() -> None:
    """Draw the bar; what was chosen in the palette is opened, and the bell opens its list."""
    if not _VERSION:
        return
    app = application()
    user = app.workspaces.owner()
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    data = {
        "bundle": f"{'/' + base if base else ''}/app/static/frame/{BUNDLE.name}?v={_VERSION}",
        "workspace": workspace_id(),
        "user": user.id,
        "unread": app.notifications.unread(workspace_id(), user.id),
    }
    result = _mount(key=_KEY, data=data, on_chosen_change=_ignore, on_told_change=_ignore, on_changed_change=_ignore)
    chosen = result.get("chosen")
    if isinstance(chosen, Mapping):
        _open(chosen)
    if result.get("told"):
        _told(user.id)


def _ignore() -> None:
    """Naming a trigger without doing anything is how Streamlit learns that it exists."""


def _open(chosen: Mapping[str, Any]) -> None:
    """Go where the palette leads; what the browser sends is only taken for pages there are."""
    page, given = str(chosen.get("page")), chosen.get("parameters")
    if page not in {entry.noun for entry in PAGES} or not isinstance(given, Mapping):
        return
    parameters = {str(name): str(value) for name, value in given.items()}
    if wanted := parameters.pop("workspace", None):
        choose_workspace(wanted)
    open_page(page, **parameters)


@st.dialog("Notifications", width="medium")
def _told(user_id: str) -> None:
    """What one was told, newest first; opening one reads it."""
    notifications, space = application().notifications, workspace_id()
    found = notifications.find(space, user_id, limit=ROWS)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if st.button("Mark all as read", icon=":material/done_all:", disabled=all(each.read_at for each in found)):
            notifications.read(space, user_id)
            st.rerun()
        if st.button("What I am told of", icon=":material/tune:", type="tertiary"):
            open_page("settings", tab="notifications")
    if not found:
        st.caption("Nothing yet. Mentions, questions of agents, failures and stopped agents appear here.")
    for each in found:
        _line(each, user_id)


def _line(each: Notification, user_id: str) -> None:
    zone = workspace().settings.timezone
    mark = "" if each.read_at else ":blue[:material/circle:] "
    label = f"{mark}{escaped(each.title)}"
    if st.button(
        label, key=f"told-{each.id}", icon=_ICONS[each.kind], type="tertiary", help=exact(each.created_at, zone)
    ):
        application().notifications.read(workspace_id(), user_id, [each.id])
        open_page(each.link.page, **each.link.parameters)
    st.caption(" · ".join(part for part in (ago(each.created_at, zone), escaped(each.body[:160])) if part))
