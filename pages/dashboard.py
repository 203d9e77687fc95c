"""Dashboard: what ran, how well, what it cost and returned, and what the agents report, by day."""

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.chart_board import chart_board
from ionflux_ui.dashboard_acts import act
from ionflux_ui.dashboard_bar import bar_of, chips, marks_of, paper_of, period_words
from ionflux_ui.dashboard_filters import (
    Named,
    draw_filters,
    filters_in_address,
    is_compared,
    is_first_look,
    is_narrowed,
    names_of,
    section_in_address,
    show_view,
)
from ionflux_ui.dashboard_parts import SECTIONS
from ionflux_ui.dashboard_shown import Shown
from ionflux_ui.dashboard_views import PAGE, first_parameters
from ionflux_ui.dashboard_words import show_freshness, show_nothing_here, show_nothing_yet
from ionflux_ui.session import application, workspace


def main() -> None:
    """Draws the figures of the period and agents the address asks for."""
    app, space = application(), workspace()
    if is_first_look():
        show_view(first_parameters(app, space))
    st.title("Dashboard", anchor=False)
    st.caption("What your agents did, how well, what it cost and returned, and the figures they report, by day.")
    shown = Shown(app, space, filters_in_address(app, space), compare=is_compared())
    if shown.overview.is_empty and not is_narrowed() and not app.runs.count(space.id):
        show_nothing_yet()
        return
    named = names_of(app, space)
    draw_filters(space, named)
    period = period_words(shown.first_day, shown.last_day)
    if shown.overview.is_empty:
        show_nothing_here(period)
    _draw(app, space, shown, named, period)


def _draw(app: Application, space: Workspace, shown: Shown, named: Named, period: str) -> None:
    """All figures and charts as one element: as many elements as charts would take seconds to draw."""
    parts = [each for each in SECTIONS[section_in_address()][1](shown) if any(each.values())]
    filters, zone = shown.filters, space.settings.timezone
    marks = marks_of(
        app.annotations.marks(
            space.id, shown.scope.since, shown.scope.until, instance_id=filters.instance_id,
            definition_slug=filters.definition_slug, brand_id=filters.brand_id,
        ),
        zone,
    )  # fmt: skip
    first = app.views.first(space.id, PAGE, app.workspaces.owner().id)
    done = chart_board(
        parts, key="dashboard", label="Figures and charts", marks=marks, about=shown.about,
        bar=bar_of(named, app.views.find(space.id, PAGE), first),
        paper=paper_of(space, period, named, compare=shown.compare),
    )  # fmt: skip
    if done:
        only = "; ".join(f"{chip['label']}: {chip['text']}" for chip in chips(named))
        act(done, app, space, parts, marks, f"{space.name}, {period}{f', {only}' if only else ''}")
    show_freshness(shown.overview.freshness, zone)


main()
