"""brands."""

import streamlit as st

st.title("brands")
