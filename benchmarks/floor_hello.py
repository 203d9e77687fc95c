"""The floor of every page: Streamlit with a title and a sentence, twice, so that one can click between them."""

from __future__ import annotations

import streamlit as st


def hello() -> None:
    """The first page."""
    st.title("Hello")
    st.write("The smallest page there is.")


def again() -> None:
    """The second page."""
    st.title("Hello again")
    st.write("The second smallest.")


st.navigation([st.Page(hello, title="Hello", default=True), st.Page(again, title="Again")]).run()
