"""Marketplace: the agents there are, what each of them does, and the way to use one."""

import streamlit as st

from ionflux_ui.marketplace_detail import show_definition
from ionflux_ui.marketplace_list import show_list
from ionflux_ui.session import parameter

slug = parameter("agent")
if slug:
    show_definition(slug)
else:
    st.title("Marketplace")
    st.caption("Find an agent, see what it takes and what it gives, and put it to work for a brand.")
    show_list()
