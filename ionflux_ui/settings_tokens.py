"""API tokens on the screen: made here, shown once, ended at once."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.ids import now
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.run_text import escaped
from ionflux_ui.session import flash

_FRESH: Final = "settings_fresh_token"
_ROLES: Final = {
    "viewer": "Viewer: may look",
    "editor": "Editor: may run and configure",
    "owner": "Owner: may do everything",
}
_DAYS: Final[dict[int | None, str]] = {7: "7 days", 30: "30 days", 90: "90 days", 365: "One year", None: "Never"}


def draw_tokens(application: Application, workspace: Workspace) -> None:
    """A form that makes a token, the one moment it can be read, and the tokens there are."""
    st.caption("For programs that call the API under /api/v1: they send it as Authorization: Bearer and see only this "
               "workspace.")  # fmt: skip
    with st.form("token", border=True, clear_on_submit=True):
        name_field, role_field, days_field = st.columns([2, 1, 1])
        name = name_field.text_input("Name", max_chars=120, placeholder="What it is for")
        role = role_field.selectbox("Role", list(_ROLES), index=1, format_func=lambda word: _ROLES[word].split(":")[0],
                                    help="; ".join(_ROLES.values()) + ".")  # fmt: skip
        days = days_field.selectbox("Expires after", list(_DAYS), index=2, format_func=lambda count: _DAYS[count])
        made = st.form_submit_button("Create token", type="primary", icon=":material/add:")
    if made:
        with errors_shown():
            token = application.tokens.create(workspace.id, name, role=role, days=days)  # type: ignore[arg-type]
            st.session_state[_FRESH] = (workspace.id, token)
    _draw_fresh(workspace)
    tokens = application.tokens.find(workspace.id)
    if not tokens:
        st.caption("No tokens yet. On this machine the API needs none; from elsewhere it does.")
    for known in tokens:
        _draw_token(application, workspace, known)


def _draw_fresh(workspace: Workspace) -> None:
    owner, token = st.session_state.get(_FRESH, (None, None))
    if token is None or owner != workspace.id:
        return
    with st.container(border=True):
        st.markdown(":green[:material/check_circle:] **Copy it now: it is not shown again.**")
        st.code(token, language=None, wrap_lines=True)
        st.button("I have copied it", on_click=lambda: st.session_state.pop(_FRESH, None))


def _draw_token(application: Application, workspace: Workspace, token: dict[str, Any]) -> None:
    zone, expires = workspace.settings.timezone, token["expires_at"]
    over = expires is not None and expires < now()
    until = "never expires" if expires is None else f"{'expired' if over else 'expires'} {ago(expires, zone)}"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap=None):
            mark = " :red-badge[:material/error: Expired]" if over else ""
            st.markdown(f":material/vpn_key: **{escaped(token['name'])}** :gray-badge[{escaped(token['role'])}]{mark}")
            made = f"Made {ago(token['created_at'], zone)}, {until}."
            st.caption(made, help=escaped(exact(expires, zone)) if expires else None)
        with st.popover("Revoke", icon=":material/block:"):
            st.text("Programs that use it are refused from now on.")
            if st.button("Revoke it", type="primary", key=f"revoke-{token['id']}"):
                with errors_shown():
                    application.tokens.revoke(workspace.id, token["id"])
                    flash(f"{token['name']} is revoked.")
                    st.rerun()
