"""Settings: the workspace, its money, secrets and tokens, the health of this process, and what it weighs."""

import streamlit as st

from ionflux_ui.session import application, parameter, set_parameters, workspace
from ionflux_ui.settings_about import draw_about
from ionflux_ui.settings_accounts import draw_accounts
from ionflux_ui.settings_budgets import draw_budgets
from ionflux_ui.settings_health import draw_health
from ionflux_ui.settings_ledger import draw_ledger
from ionflux_ui.settings_models import draw_models
from ionflux_ui.settings_notifications import draw_notifications
from ionflux_ui.settings_policies import draw_policies
from ionflux_ui.settings_retention import draw_retention
from ionflux_ui.settings_secrets import draw_secrets
from ionflux_ui.settings_tokens import draw_tokens
from ionflux_ui.settings_workspace import draw_inputs, draw_workspace

DRAWN = {
    "Workspace": draw_workspace,
    "Inputs": draw_inputs,
    "Models": draw_models,
    "Accounts": draw_accounts,
    "Budgets": draw_budgets,
    "Ledger": draw_ledger,
    "Policies": draw_policies,
    "Notifications": draw_notifications,
    "Secrets": draw_secrets,
    "Tokens": draw_tokens,
    "Retention": draw_retention,
    "Health": draw_health,
    "About": draw_about,
}
KEY = "settings_tab"


def main() -> None:
    """Draws the tab the address names, and only that one."""
    st.title("Settings", anchor=False)
    st.caption("What holds for everything in this workspace, and how the machine under it is doing.")
    wanted = (parameter("tab") or "").capitalize()
    shown = wanted if wanted in DRAWN else next(iter(DRAWN))
    if st.session_state.get(KEY) != shown:
        st.session_state[KEY] = shown
    for name, tab in zip(DRAWN, st.tabs(list(DRAWN), key=KEY, on_change=_keep), strict=True):
        if name == shown:
            with tab:
                DRAWN[name](application(), workspace())


def _keep() -> None:
    set_parameters(tab=str(st.session_state[KEY]).lower())


main()
