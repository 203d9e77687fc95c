"""Alerts: what is wrong now, the rules that watch for it, and what was wrong before."""

import streamlit as st

from ionflux_ui.alert_view import NEW, draw_history, draw_one, draw_open, draw_rules, draw_window, rules_now
from ionflux_ui.session import parameter, set_parameters, workspace


def main() -> None:
    """Draws the one incident that is open in the address, or everything."""
    space, chosen = workspace(), parameter("incident")
    if chosen:
        draw_one(space, chosen)
        return
    title, action = st.columns([4, 1], vertical_alignment="bottom")
    title.title("Alerts", anchor=False)
    wanted = action.button("New rule", type="primary", icon=":material/add_alert:", width="stretch", key="alert-new")
    st.caption("What must not go unnoticed: rules watch runs, money, the queue and the clock, and tell you once.")
    rules, present = rules_now(space)
    draw_open(space, present)
    draw_rules(space, rules, present)
    draw_history(space)
    # Last, so that the page stands behind the window. Which rule is open is in the address, a new one as "new".
    if wanted:
        set_parameters(rule=NEW)
    draw_window(space)


main()
