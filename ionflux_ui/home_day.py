"""What ran today, live while something runs, and which schedules come next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ionflux_core.domain.runs import RunFilter, RunSummary
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.home_signals import DAY_GROUPS, coming, day_counts, midnight
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.run_list import run_list
from ionflux_ui.session import application, open_page, page_link
from ionflux_ui.theme import status_look

_MARK = "home_mark"
_EVERY_SECONDS = 2.0


def show_today(workspace: Workspace) -> None:
    """Draw today's runs; looks again every two seconds as long as a run is unfinished."""
    unfinished = application().runs.unfinished(workspace.id)
    st.session_state[_MARK] = attention_mark(workspace.id)
    st.fragment(_today, run_every=_EVERY_SECONDS if unfinished else None)(workspace)


def attention_mark(workspace_id: str) -> tuple[int, int]:
    """What must not change unseen: open approvals, and whether anything is unfinished."""
    app = application()
    return app.approvals.count(workspace_id), int(app.runs.unfinished(workspace_id) > 0)


def _today(workspace: Workspace) -> None:
    if st.session_state.get(_MARK) not in (None, attention_mark(workspace.id)):
        # Something to decide came or went, or the last run ended: the rest of the page must show it.
        st.rerun()
    st.markdown("### Today")
    zone = workspace.settings.timezone
    counts = day_counts(application(), workspace.id, zone)
    if not counts:
        st.text("Nothing has run today.")
        return
    since = midnight(zone).date().isoformat()
    statuses = dict(DAY_GROUPS)
    with st.container(horizontal=True):
        for word, count in counts.items():
            look = status_look(word)
            page_link("runs", f"{look.label} {count:,}", icon=look.icon, status=",".join(statuses[word]), since=since)
    newest = application().runs.find(workspace.id, RunFilter(since=midnight(zone)), limit=5)
    run_rows(newest.runs, workspace, key="home_today")


def run_rows(runs: Sequence[RunSummary], workspace: Workspace, *, key: str) -> None:
    """A few runs as one element, a line each: status, what ran, what came of it and when; a click opens one."""
    names = {definition.slug: definition.name for definition in application().marketplace.definitions()}
    opened = run_list(runs, key=key, zone=workspace.settings.timezone, agents=names)
    if opened:
        open_page("runs", run=opened)


def moment(at: datetime, zone: str, more: str = "") -> None:
    """A time in relative words, the exact one on hover."""
    st.caption(f"{ago(at, zone)}{', ' + escaped(more) if more else ''}", help=exact(at, zone), width="content")


def show_next(workspace: Workspace) -> None:
    """Draw the schedules that fire next."""
    app, zone = application(), workspace.settings.timezone
    st.markdown("### Next")
    triggers = app.triggers.find(workspace.id)
    upcoming = coming(app, triggers, count=5)
    if not upcoming:
        st.text("No schedule is on. An agent's YAML says when it runs by itself.")
        return
    for each in upcoming:
        # Together, so that a long name does not leave its time alone on a line among others.
        with st.container(gap=None):
            page_link("agents", escaped(shortened(each.trigger.instance_name, 50)), instance=each.trigger.instance_id)
            moment(each.at, zone, each.trigger.key.replace("_", " "))
    listening = sum(
        each.enabled and each.kind in ("event", "webhook") and each.instance_status == "active" for each in triggers
    )
    if listening:
        st.caption(f"{counted(listening, 'webhook or event trigger')} listening as well.")
