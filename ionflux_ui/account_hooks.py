"""How a service reaches us, on the screen: OAuth, webhooks of a shop, buttons in Slack, and what they still need."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.accounts import Account
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped

_URL: Final = "account_oauth_url"
_TOPICS: Final = "account_hook_topics"


def draw_doors(application: Application, workspace: Workspace, account: Account) -> None:
    """What this account's service can bring by itself, behind a fold; OAuth in front while there is no token."""
    doors = application.account_doors
    if doors.can_authorize(account):
        _draw_oauth(application, workspace, account)
    if doors.sends_hooks(account):
        with st.expander("Webhooks", icon=":material/webhook:"):
            _draw_hooks(application, workspace, account)
    elif account.connector == "slack":
        with st.expander("Buttons pressed in Slack", icon=":material/touch_app:"):
            _draw_buttons(application, account)


def _draw_oauth(application: Application, workspace: Workspace, account: Account) -> None:
    doors = application.account_doors
    key = f"{_URL}-{account.id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Connect by OAuth again" if "token" in account.secrets else "Connect by OAuth"
        if st.button(label, key=f"oauth-{account.id}", icon=":material/login:"):
            st.session_state.pop(key, None)
            with errors_shown():
                st.session_state[key] = doors.begin(workspace.id, account.id, by=BY)
        if key in st.session_state:
            st.link_button("Go to the shop and let the app in", st.session_state[key], icon=":material/open_in_new:")
    if key in st.session_state:
        st.caption("Good for ten minutes and once. The app's settings at Shopify must allow this redirect address:")
        st.code(doors.callback, language=None, wrap_lines=True)


def _draw_hooks(application: Application, workspace: Workspace, account: Account) -> None:
    doors = application.account_doors
    if not doors.public_url.startswith("https://"):
        st.text(
            "Nobody outside can reach this server, so the shop cannot send here. The nightly sync brings what is new. "
            "To get it within seconds:"
        )
        st.markdown(
            "1. Put a tunnel or a proxy with TLS in front of this server.\n"
            "2. Set `IONFLUX_PUBLIC_URL` to its https address and restart.\n"
            "3. Come back and press Register webhooks."
        )
        return
    st.caption("New and changed orders, products and customers come within seconds, signed with the client secret.")
    st.code(doors.address(account), language=None, wrap_lines=True)
    key = f"{_TOPICS}-{account.id}"
    if st.button("Register webhooks", key=f"hooks-{account.id}", icon=":material/add_link:"):
        st.session_state.pop(key, None)
        with errors_shown(), st.spinner("Asking the shop..."):
            st.session_state[key] = doors.register(workspace.id, account.id)
    for topic, became in st.session_state.get(key, {}).items():
        st.markdown(f"- {escaped(topic.lower().replace('_', ' '))}: {escaped(became)}")


def _draw_buttons(application: Application, account: Account) -> None:
    doors = application.account_doors
    if "signing_secret" not in account.secrets:
        st.text("Enter the app's signing secret first: without it nobody can be sure that Slack has sent a press.")
        return
    if not doors.public_url.startswith("https://"):
        st.text("Nobody outside can reach this server. Set IONFLUX_PUBLIC_URL to its https address and restart.")
        return
    st.caption("In the Slack app's settings, turn Interactivity on and enter this request URL:")
    st.code(doors.address(account), language=None, wrap_lines=True)
