"""Settings, Policies: the addresses that are not mailed any more."""

from __future__ import annotations

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.suppressions import WORDS, Suppression
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import flash

_SHOWN = 20
_ADDRESS_CHARS = 320


def draw_suppressions(application: Application, workspace: Workspace) -> None:
    """The newest of them or those that fit a search, each with its reason, and a form to add one by hand."""
    count = application.suppressions.count(workspace.id)
    st.subheader("No more mails", anchor=False)
    st.caption(
        f"Addresses that bounced, complained, unsubscribed, or were put here by hand: {count:,}. Nothing is mailed to "
        "them, whatever an agent asks."
    )
    sought = st.text_input("Find an address", key="suppression_sought", max_chars=_ADDRESS_CHARS) if count else ""
    found = application.suppressions.find(workspace.id, contains=sought or "", limit=_SHOWN)
    for each in found:
        _line(application, workspace, each)
    if len(found) == _SHOWN and count > _SHOWN:
        st.caption(f"The newest {_SHOWN} are shown; search for others.")
    with st.form("new_suppression", border=True, clear_on_submit=True):
        address = st.text_input("Address", placeholder="ana@example.com", max_chars=_ADDRESS_CHARS)
        detail = st.text_input("Why", placeholder="Asked for it by phone", max_chars=500)
        added = st.form_submit_button("Mail no more", icon=":material/unsubscribe:")
    if added:
        with errors_shown():
            by = application.workspaces.owner().name
            kept = application.suppressions.add(workspace.id, address or "", by=by, detail=(detail or "").strip())
            flash(f"{kept.address} is not mailed any more.")
            st.rerun()


def _line(application: Application, workspace: Workspace, each: Suppression) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"suppressed_{each.address}"):
        why = WORDS[each.reason] + (f": {each.detail}" if each.detail else "")
        with st.container(gap=None):
            st.markdown(f"**{escaped(each.address)}**")
            st.caption(
                f"{escaped(why)}, {ago(each.at, workspace.settings.timezone)}",
                help=exact(each.at, workspace.settings.timezone),
            )
        if st.button("Mail again", key=f"unsuppress_{each.address}", type="tertiary", icon=":material/undo:",
                     help="Only when its owner asks for mails."):  # fmt: skip
            with errors_shown():
                by = application.workspaces.owner().name
                application.suppressions.remove(workspace.id, each.address, by=by)
                flash(f"{each.address} may be mailed again.")
                st.rerun()
