"""Agents: the configured ones, and the place where each is configured, understood, started and watched."""

import streamlit as st

from ionflux_core.errors import NotFound
from ionflux_ui.agent_editor import show_editor
from ionflux_ui.agent_list import show_list
from ionflux_ui.agent_new import show_new
from ionflux_ui.errors import show_error
from ionflux_ui.session import page_link, parameter

new, instance = parameter("new"), parameter("instance")
try:
    if instance:
        show_editor(instance)
    elif new:
        show_new(new)
    else:
        st.title("Agents")
        st.caption("Agents you configured: how they are, what they did last, and when they start next.")
        show_list()
except NotFound as error:
    st.title("Agents")
    show_error(error)
    page_link("agents", "All agents", icon=":material/arrow_back:")
