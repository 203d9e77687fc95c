"""Home: what needs a person now, what ran today, what comes next, and the first steps."""

import streamlit as st

from ionflux_ui.home_attention import show_attention
from ionflux_ui.home_checklist import show_checklist
from ionflux_ui.home_day import show_next, show_today
from ionflux_ui.session import open_page, workspace

shown = workspace()
st.title("Home")
st.caption("What needs you now, what ran today, and what comes next.")
with st.container(horizontal=True):
    if st.button("Find an agent", type="primary", icon=":material/storefront:"):
        open_page("marketplace")
    if st.button("Run an agent", icon=":material/play_arrow:"):
        open_page("agents")
    if st.button("See the figures", icon=":material/monitoring:"):
        open_page("dashboard")
show_checklist(shown)
main, side = st.columns([3, 2], gap="large")
with main:
    show_attention(shown)
    show_next(shown)
with side:
    show_today(shown)
