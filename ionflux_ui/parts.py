"""The parts of one subject, such as a brand's profile and history: one is open, and the address says which."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from ionflux_ui.session import parameter, set_parameters


def open_part(names: Iterable[str], *, key: str) -> str:
    """Draw the choice and give the name of the open part: what the address says, else the first.

    The address is told before the page is drawn again, so that a link, the way back and a press all lead here.
    """
    every, wanted = list(names), parameter("part")
    st.session_state[key] = wanted if wanted in every else every[0]

    def chosen() -> None:
        part = st.session_state[key]
        set_parameters(part=part if part != every[0] else None)

    st.segmented_control("Part", every, key=key, required=True, label_visibility="collapsed", on_change=chosen)
    return str(st.session_state[key])
