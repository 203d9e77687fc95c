"""The dialog that makes a flow's text its next version; who saved meanwhile is told, and nothing is lost."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, InstanceVersion
from ionflux_core.errors import Conflict, IonfluxError
from ionflux_ui.agent_diff import show_difference
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import show_error
from ionflux_ui.flow_desk import Desk
from ionflux_ui.moments import ago
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, parameter, set_parameters, workspace


def ask_review() -> None:
    """Have the dialog opened, with the page around it."""
    set_parameters(review="1")
    st.rerun()


def show_review(desk: Desk, flow: AgentInstance) -> None:
    """Open the dialog when the address asks for it and there is something to save."""
    if not desk.draft.is_changed:
        # An address that was kept asks for it once more, and would open it at the first change.
        _closed()
    # One dialog at a time: that of a run was asked for later.
    elif parameter("review") and not parameter("start"):
        _review(desk, flow)


def _closed() -> None:
    set_parameters(review=None)


@st.dialog("Review and save", width="large", on_dismiss=_closed)
def _review(desk: Desk, flow: AgentInstance) -> None:
    """Show what changes before it is saved; when someone saved meanwhile, show their text against this one."""
    draft = desk.draft
    newest = application().agents.versions(flow.workspace_id, flow.id)[0]
    if newest.version != draft.version:
        _show_conflict(desk, flow, newest)
        return
    show_difference(draft.saved, draft.text, f"your text against version {draft.version}")
    message = st.text_input("What changed, in a few words", key="flow-save-message", max_chars=200)
    if st.button("Save as a new version", key="flow-save", type="primary"):
        _save(desk, flow, message or "")


def _show_conflict(desk: Desk, flow: AgentInstance, newest: InstanceVersion) -> None:
    who = f"{escaped(newest.author or 'someone')}, {ago(newest.created_at, workspace().settings.timezone)}"
    what = f"**Version {newest.version} was saved meanwhile** by {who}."
    st.markdown(f":orange[:material/warning:] {what} Your text is still here.")
    show_difference(newest.yaml, desk.text, f"your text against version {newest.version}")
    with st.container(horizontal=True):
        if st.button(f"Save mine over version {newest.version}", key="flow-save-over", type="primary"):
            desk.draft.version = newest.version
            _save(desk, flow, f"saved over version {newest.version}")
        if st.button(f"Take version {newest.version} instead", key="flow-take-theirs"):
            desk.keep_as(newest.yaml, newest.version)
            _closed()
            st.rerun()


def _save(desk: Desk, flow: AgentInstance, message: str) -> None:
    """Save the text; the dialog stays open with the reason when that is refused."""
    flows = application().flows
    try:
        saved = flows.save(
            flow.workspace_id, flow.id, desk.text, message=message, by=BY, expected_version=desk.draft.version
        )
    except Conflict as error:
        show_error(error)
        if error.code == "stale_version":
            st.button("Show what was saved", key="flow-save-again", icon=":material/difference:")
        return
    except IonfluxError as error:
        show_error(error)
        return
    desk.keep_as(saved.yaml, saved.version)
    _closed()
    flash(f"Saved as version {saved.version}.")
    st.rerun()
