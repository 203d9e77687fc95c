"""Home: what needs a person now, what ran today, the week's value and cost, what comes next, how the house stands."""

import streamlit as st

from ionflux_ui.home_attention import show_attention
from ionflux_ui.home_checklist import show_checklist
from ionflux_ui.home_day import show_next, show_today
from ionflux_ui.home_standing import show_standing, show_trouble, standing
from ionflux_ui.home_story import show_story
from ionflux_ui.home_week import show_week
from ionflux_ui.session import open_page, workspace

shown = workspace()
st.title("Home")
st.caption("What needs you now, what ran today, and what the week was worth.")
with st.container(horizontal=True):
    if st.button("Find an agent", type="primary", icon=":material/storefront:"):
        open_page("marketplace")
    if st.button("Run an agent", icon=":material/play_arrow:"):
        open_page("agents")
    if st.button("See the figures", icon=":material/monitoring:"):
        open_page("dashboard")
stands = standing()
show_trouble(stands)
show_story(shown)
show_checklist(shown)
main, side = st.columns([3, 2], gap="large")
with main:
    show_attention(shown)
    show_next(shown)
with side:
    show_today(shown)
# Below what is to be done, so that nothing jumps when the figures come a moment later.
show_week(shown)
show_standing(stands, shown)
