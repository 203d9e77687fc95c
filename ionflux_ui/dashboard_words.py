"""What the dashboard says around its charts: how new the figures are, and why there is nothing to draw."""

from __future__ import annotations

import streamlit as st

from ionflux_core.analytics.duck import Freshness
from ionflux_ui.dashboard_filters import clear_filters
from ionflux_ui.moments import ago, exact
from ionflux_ui.session import open_page


def show_freshness(fresh: Freshness, zone: str) -> None:
    """How new the figures are; while older runs are still being read in, the page draws itself anew."""
    if not fresh.complete:
        st.info("Older runs are still being read into the charts; the figures grow until they are all in.")
        st.fragment(_again, run_every=2.0)()
    said = f"Days are days in {zone}. Changes compare with the period of the same length before."
    if fresh.as_of is not None:
        st.caption(f"{said} Figures read {ago(fresh.as_of, zone)}.", help=exact(fresh.as_of, zone))
    else:
        st.caption(said)
    if fresh.note:
        st.caption(f":material/info: {fresh.note}")


def show_nothing_yet() -> None:
    """What the page is for, and how it is filled."""
    with st.container(border=True):
        st.markdown("**There is nothing to draw yet.**")
        st.text("Once an agent has run, its runs, their success, duration and cost, and its own figures appear here.")
        if st.button("Choose an agent from the marketplace", icon=":material/storefront:"):
            open_page("marketplace")


def show_nothing_here(period: str) -> None:
    """Why a period or a filter leaves no run."""
    with st.container(border=True):
        st.markdown(f"**Nothing ran in these days: {period}.**")
        st.text("Choose a longer period, or fewer filters.")
        st.button("Show the last 30 days of everything", on_click=clear_filters)


def _again() -> None:
    # The first call belongs to the drawing of the page itself; the following ones come from the clock.
    if st.session_state.get("dashboard_waiting"):
        st.session_state["dashboard_waiting"] = False
        st.rerun()
    st.session_state["dashboard_waiting"] = True
