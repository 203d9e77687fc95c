"""Playbooks: what is done for a customer after an event, as a list of steps with delays and branches."""

import streamlit as st

from ionflux_ui.playbook_list import show_playbooks
from ionflux_ui.playbook_page import show_playbook
from ionflux_ui.session import parameter, workspace

shown = workspace()
playbook = parameter("playbook")
if playbook:
    show_playbook(shown, playbook)
else:
    st.title("Playbooks", anchor=False)
    st.caption("What is done for a customer after an event: wait, write, look how it went, go on. Each runs as a flow.")
    show_playbooks(shown)
