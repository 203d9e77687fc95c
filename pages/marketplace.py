"""marketplace."""

import streamlit as st

st.title("marketplace")
