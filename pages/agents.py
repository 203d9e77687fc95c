"""agents."""

import streamlit as st

st.title("agents")
