"""Flows: the list of them, and the place where each is drawn, written, run and watched."""

import streamlit as st

from ionflux_core.errors import NotFound
from ionflux_ui.errors import show_error
from ionflux_ui.flow_editor import show_flow
from ionflux_ui.flow_list import show_list
from ionflux_ui.flow_new import show_new
from ionflux_ui.session import page_link, parameter

new, flow = parameter("new"), parameter("flow")
try:
    if flow:
        show_flow(flow)
    elif new:
        show_new(new)
    else:
        st.title("Flows")
        st.caption("Work in several steps, drawn or written: what starts it, what it did last, when it starts next.")
        show_list()
except NotFound as error:
    st.title("Flows")
    show_error(error)
    page_link("flows", "All flows", icon=":material/arrow_back:")
