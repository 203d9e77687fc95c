"""Dashboard: what ran, how well, what it cost and returned, and what the agents report, by day."""

import streamlit as st

from ionflux_core.services.dashboard import Overview
from ionflux_ui.dashboard_filters import clear_filters, draw_filters, filters_in_address, is_narrowed, period_in_address
from ionflux_ui.dashboard_parts import (
    empty_sentence,
    show_freshness,
    show_kpis,
    show_runs,
    show_slowest,
    show_tiles,
    show_values,
)
from ionflux_ui.session import application, open_page, workspace


def main() -> None:
    """Draws the figures of the period and agents the address asks for."""
    app, space = application(), workspace()
    title, action = st.columns([4, 1], vertical_alignment="bottom")
    title.title("Dashboard", anchor=False)
    if action.button("See the runs", type="primary", icon=":material/play_circle:", width="stretch"):
        open_page("runs")
    st.caption("What your agents did, how well, what it cost and returned, and the figures they report, by day.")
    draw_filters(app, space)
    filters = filters_in_address(app, space)
    shown = app.dashboard.overview(space.id, filters)
    if shown.is_empty and not is_narrowed() and not app.runs.count(space.id):
        _nothing_yet()
        return
    show_tiles(shown)
    show_values(shown)
    if shown.is_empty:
        _nothing_here()
    else:
        show_runs(shown, app)
    show_kpis(app, space, filters)
    _footer(shown, space.settings.timezone)


def _footer(shown: Overview, zone: str) -> None:
    show_slowest(shown)
    st.caption(f"Days are days in {zone}. Changes compare with the period of the same length before.")
    show_freshness(shown.freshness, zone)


def _nothing_yet() -> None:
    with st.container(border=True):
        st.markdown("**There is nothing to draw yet.**")
        st.text("Once an agent has run, its runs, their success, duration and cost, and its own figures appear here.")
        if st.button("Choose an agent from the marketplace", icon=":material/storefront:"):
            open_page("marketplace")


def _nothing_here() -> None:
    with st.container(border=True):
        st.markdown(f"**{empty_sentence(period_in_address())}**")
        st.text("Choose a longer period, or fewer filters.")
        st.button("Show the last 30 days of everything", on_click=clear_filters)


main()
