"""A typed view of what a browser session holds: the application, the workspace, what is open; all keys live here."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ionflux_core.application import Application, current
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError, NotFound
from ionflux_ui.navigation import page_path
from ionflux_ui.plain import escaped

WORKSPACE = "workspace"
FLASH = "flash"
PAGE = "page"
UNREAD_SHOWN = "unread_shown"


def application() -> Application:
    """The application of this process."""
    return current()


def workspace() -> Workspace:
    """The workspace in view: the one in the address, else the last used, else the first."""
    app = application()
    wanted = st.query_params.get(WORKSPACE) or st.session_state.get(WORKSPACE)
    if wanted:
        try:
            return app.workspaces.get(str(wanted))
        except NotFound:
            st.session_state.pop(WORKSPACE, None)
    existing = app.workspaces.all()
    chosen = existing[0] if existing else app.workspaces.create("My workspace")
    st.session_state[WORKSPACE] = chosen.id
    return chosen


def workspace_id() -> str:
    """The id of the workspace in view."""
    return workspace().id


def open_questions() -> int:
    """How many questions are open. Counted with each drawing of the page and never in between: nothing polls for it."""
    try:
        return application().approvals.count(workspace().id)
    except IonfluxError:
        # What is wrong is said where the page stands.
        return 0


def unread_messages() -> int:
    """How many messages of the chat have not been read; counted with each drawing of the page."""
    app = application()
    try:
        count = app.chat.unread(workspace().id, app.workspaces.owner().id)
    except IonfluxError:
        count = 0
    st.session_state[UNREAD_SHOWN] = count
    return count


def open_incidents() -> int:
    """How many incidents are open; counted with each drawing of the page."""
    try:
        return application().incidents.open_count(workspace().id)
    except IonfluxError:
        return 0


def choose_workspace(workspace_id: str) -> None:
    """Show another workspace from now on."""
    st.session_state[WORKSPACE] = workspace_id
    st.query_params.pop(WORKSPACE, None)


def parameter(name: str) -> str | None:
    """What the address says under a name; None when it says nothing. No database knows the NUL character."""
    return (st.query_params.get(name) or "").replace("\0", "") or None


def set_parameters(**values: str | None) -> None:
    """Keep what is open and how it is filtered in the address; None takes a name out."""
    for name, value in values.items():
        if value:
            if st.query_params.get(name) != value:
                st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


def open_page(noun: str, **parameters: str | None) -> None:
    """Go to a page with these parameters in its address."""
    st.switch_page(page_path(noun), query_params=_given(parameters))


def page_link(noun: str, label: str, *, icon: str | None = None, **parameters: str | None) -> None:
    """A link to a page with these parameters in its address.

    To the page one is on, Streamlit's own link changes nothing but the script's view of the address, which the next
    rerun forgets; there a button does it.
    """
    given = _given(parameters)
    if st.session_state.get(PAGE) != noun:
        st.page_link(page_path(noun), label=label, icon=icon, query_params=given)
        return
    key = f"link {noun} {label} {sorted(given.items())}"
    if st.button(label, key=key, icon=icon, type="tertiary"):
        open_page(noun, **parameters)


def _given(parameters: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value}


def flash(message: str, *, icon: str = ":material/check:") -> None:
    """Say something once, on whatever page comes next; it is shown as text, whatever stands in it."""
    st.session_state[FLASH] = (message, icon)


def show_flash() -> None:
    """Show what was flashed."""
    waiting = st.session_state.pop(FLASH, None)
    if waiting:
        message, icon = waiting
        st.toast(escaped(message), icon=icon)
