"""Dashboard: what ran, how well, what it cost and returned, and what the agents report, by day."""

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.dashboard import KpiChart, Overview
from ionflux_ui.chart_board import chart_board
from ionflux_ui.dashboard_costs import models_part
from ionflux_ui.dashboard_filters import clear_filters, draw_filters, filters_in_address, is_narrowed, period_in_address
from ionflux_ui.dashboard_parts import (
    empty_sentence,
    kpi_parts,
    open_runs,
    runs_part,
    show_freshness,
    totals_part,
    values_part,
)
from ionflux_ui.session import application, open_page, workspace


def main() -> None:
    """Draws the figures of the period and agents the address asks for."""
    app, space = application(), workspace()
    st.title("Dashboard", anchor=False)
    st.caption("What your agents did, how well, what it cost and returned, and the figures they report, by day.")
    draw_filters(app, space)
    filters = filters_in_address(app, space)
    shown = app.dashboard.overview(space.id, filters)
    if shown.is_empty and not is_narrowed() and not app.runs.count(space.id):
        _nothing_yet()
        return
    if shown.is_empty:
        _nothing_here()
    reported = app.dashboard.kpi_series(space.id, filters)
    _draw(app, space, shown, reported)


def _draw(app: Application, space: Workspace, shown: Overview, reported: list[KpiChart]) -> None:
    """All figures and charts as one element: as many elements as charts would take seconds to draw."""
    parts = [totals_part(shown), values_part(shown)]
    if not shown.is_empty:
        parts += [runs_part(shown, app), models_part(shown)]
    parts += kpi_parts(reported)
    opened = chart_board([each for each in parts if each], key="dashboard", label="Figures and charts")
    if opened:
        open_runs(opened)
    show_freshness(shown.freshness, space.settings.timezone)


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
