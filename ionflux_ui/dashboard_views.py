"""Saved views of the dashboard: keep the address under a name, rename, delete, begin with one."""

from __future__ import annotations

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.views import SavedView
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.dashboard_filters import kept_parameters
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.session import flash

PAGE = "dashboard"


@st.dialog("Save this view")
def save_view(app: Application, space: Workspace) -> None:
    """Asks for a name; period, filters and section are kept under it, for everybody of the workspace."""
    st.caption("Keeps the period, the filters and the section under a name. Days count back from the day it is opened.")
    name = st.text_input("Name", max_chars=NAME_CHARS, placeholder="Weekly review")
    first = st.checkbox("Begin with it when I come here")
    if st.button("Save", type="primary", icon=":material/check:"):
        with errors_shown():
            me = app.workspaces.owner()
            draft = {"page": PAGE, "name": name, "parameters": kept_parameters()}
            view = app.views.create(space.id, draft, by=me.name)
            if first:
                app.views.begin_with(space.id, PAGE, me.id, view.id)
            flash("The view is saved.")
            st.rerun()


@st.dialog("Views", width="large")
def manage_views(app: Application, space: Workspace) -> None:
    """A line for each view: rename it, let it be as the page is now, begin with it, delete it."""
    me = app.workspaces.owner()
    first = app.views.first(space.id, PAGE, me.id)
    for view in app.views.find(space.id, PAGE):
        _line(app, space, view, is_first=first is not None and first.id == view.id)


def _line(app: Application, space: Workspace, view: SavedView, *, is_first: bool) -> None:
    me = app.workspaces.owner()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", view.name, max_chars=NAME_CHARS, key=f"view-name-{view.id}")
        if st.button("Rename", key=f"view-rename-{view.id}", disabled=name.strip() == view.name):
            with errors_shown():
                app.views.rename(space.id, view.id, name, by=me.name)
                _said(f"The view is called {escaped(name)} now.")
        if st.button("As it is now", key=f"view-keep-{view.id}", help="Keep the page's present filters in it."):
            with errors_shown():
                app.views.keep(space.id, view.id, kept_parameters(), by=me.name)
                _said("The view is as the page is now.")
        label, wanted = ("Not first", None) if is_first else ("First", view.id)
        if st.button(
            label, key=f"view-first-{view.id}", icon=":material/star:", help="Begin with it when I come here."
        ):
            with errors_shown():
                app.views.begin_with(space.id, PAGE, me.id, wanted)
                _said("You begin with it from now on." if wanted else "You begin with the page as it is.")
        with st.popover("Delete", icon=":material/delete:"):
            st.text("It is gone for everybody of the workspace.")
            if st.button("Delete it", type="primary", key=f"view-delete-{view.id}"):
                with errors_shown():
                    app.views.delete(space.id, view.id, by=me.name)
                    _said("The view is deleted.")


def first_parameters(app: Application, space: Workspace) -> dict[str, str]:
    """The parameters of the view a person begins with; empty when they chose none."""
    try:
        found = app.views.first(space.id, PAGE, app.workspaces.owner().id)
    except NotFound:
        return {}
    return found.parameters if found else {}


def _said(words: str) -> None:
    flash(words)
    st.rerun()
