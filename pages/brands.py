"""Brands and creators: who the agents work for, how they sound and look, and what their agents start with."""

import streamlit as st

from ionflux_ui.brand_creators import show_creator, show_new_creator
from ionflux_ui.brand_list import show_brands, show_creators
from ionflux_ui.brand_page import show_brand, show_new_brand
from ionflux_ui.session import parameter, set_parameters, workspace

shown = workspace()
KINDS = ("Brands", "Creators")
brand, creator, new = parameter("brand"), parameter("creator"), parameter("new")
if brand:
    show_brand(shown, brand)
elif creator:
    show_creator(shown, creator)
elif new == "brand":
    show_new_brand(shown)
elif new == "creator":
    show_new_creator(shown)
else:
    st.title("Brands & Creators")
    st.caption("Who your agents work for: how they sound and look, and the values their agents start with.")
    wanted = "Creators" if parameter("kind") == "creators" else "Brands"
    kind = st.segmented_control("Kind", KINDS, default=wanted, key="brands_kind", required=True)
    set_parameters(kind="creators" if kind == "Creators" else None)
    if kind == "Creators":
        show_creators(shown)
    else:
        show_brands(shown)
