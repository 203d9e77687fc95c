"""What a click on the dashboard does: narrow the page, open runs, open a window, take something away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.chart_board import ChartMark, Done, Part, chart_of
from ionflux_ui.chart_large import enlarge
from ionflux_ui.charts import Chart
from ionflux_ui.dashboard_digests import manage_digests
from ionflux_ui.dashboard_filters import NARROWING, runs_parameters, show_view
from ionflux_ui.dashboard_notes import write_note
from ionflux_ui.dashboard_parts import SECTIONS
from ionflux_ui.dashboard_views import manage_views, save_view
from ionflux_ui.errors import errors_shown
from ionflux_ui.session import flash, open_page, parameter, set_parameters


def act(
    done: Done, app: Application, space: Workspace, parts: Sequence[Part], marks: Sequence[ChartMark], words: str
) -> None:
    """Do what was asked for on the board; what means nothing does nothing."""
    chart = chart_of(parts, done.chart)
    if done.act == "large" and chart:
        enlarge(chart, marks=marks, words=words)
    elif done.act == "open" and chart:
        open_runs(chart, done, space)
    elif done.act == "narrow" and chart:
        _narrow(chart, done)
    else:
        _act_on_page(done, app, space)


def _act_on_page(done: Done, app: Application, space: Workspace) -> None:
    windows = {
        "save": partial(save_view, app, space),
        "views": partial(manage_views, app, space),
        "note": partial(write_note, app, space),
        "digests": partial(manage_digests, app, space),
    }
    if done.act in windows:
        windows[done.act]()
    elif done.act == "unchip" and done.at in NARROWING:
        # An agent as it is configured belongs to its kind: without the one, the other is no filter anybody chose.
        set_parameters(instance=None if done.at == "definition" else parameter("instance"))
        gone: dict[str, str | None] = {done.at: None}
        set_parameters(**gone)
        st.rerun()
    elif done.act == "section" and done.at in SECTIONS:
        set_parameters(show=None if done.at == "overview" else done.at)
        st.rerun()
    elif done.act == "view":
        with errors_shown():
            show_view(app.views.get(space.id, done.at).parameters)
            st.rerun()
    elif done.act == "unnote":
        with errors_shown():
            app.annotations.delete(space.id, done.at, by=app.workspaces.owner().name)
            flash("The note is deleted.")
            st.rerun()


def _narrow(chart: Chart, done: Done) -> None:
    name = chart["drill"][0]
    if name in NARROWING and done.at in chart["keys"]:
        set_parameters(**{name: done.at})
        st.rerun()


def open_runs(chart: Chart, done: Done, space: Workspace) -> None:
    """Go to what is behind a bar: one run, or the runs of it with the filters and days of the page."""
    label, series = chart["drill"]
    if done.at not in chart["keys"] or not label:
        return
    if label == "run":
        open_page("runs", run=done.at)
    parameters = runs_parameters(space) | chart["within"]
    day = picked_day(done.at) if label == "day" else None
    if day is not None:
        parameters |= {"since": day.isoformat(), "until": day.isoformat()}
    elif label != "day":
        parameters[label] = done.at
    if series and done.series:
        parameters[series] = done.series
    open_page("runs", **parameters)


def picked_day(text: str) -> date | None:
    """The day of a clicked bar; None for what is no day."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
