"""Transforms: the small steps flows are made of, what each takes and gives, and trying one by itself."""

import streamlit as st

from ionflux_ui.session import workspace
from ionflux_ui.transform_list import choose_transform
from ionflux_ui.transform_view import show_transform

shown = workspace()
st.title("Transforms", anchor=False)
st.caption("The small steps flows are made of. Each says what it takes and gives, so that a flow is checked first.")
choice, view = st.columns([2, 5], gap="large")
with choice:
    chosen = choose_transform()
with view:
    if chosen is not None:
        show_transform(shown, chosen)
