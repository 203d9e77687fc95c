"""Retention on the screen: what IONFLUX takes on the disk, what is kept for how long, and what goes next."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Keep, Workspace
from ionflux_core.services.retention import NIGHT_HOUR, Removed, Sizes
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, duration
from ionflux_ui.plain import counted
from ionflux_ui.run_outputs import file_size
from ionflux_ui.run_text import table
from ionflux_ui.session import flash

_KINDS: Final = {
    "success": "Successful runs",
    "error": "Failed runs",
    "cancelled": "Cancelled runs",
    "budget_stopped": "Runs stopped by a budget",
}
_ALWAYS: Final = (
    "Always kept: runs that have not ended, runs with an open approval or an effect that is under way, and runs that "
    "a kept fork, retry or replay came from. Figures (KPIs), the ledger and what agents have stored for themselves "
    "stay, too. A file goes when nothing refers to it any more."
)


def draw_retention(application: Application, workspace: Workspace) -> None:
    """Sizes, the rules of the workspace, and the next pass."""
    sizes = application.keeping.sizes()
    _draw_sizes(application, sizes)
    st.subheader("What is kept", anchor=False)
    st.caption(
        "A run goes when it is older than its days, or when there are that many newer ones of its kind; its steps, "
        f"calls and log lines go with it. {_ALWAYS}"
    )
    _draw_rules(application, workspace)
    st.subheader("The next pass", anchor=False)
    _draw_next(application, workspace, sizes)


def _draw_sizes(application: Application, sizes: Sizes) -> None:
    places = st.columns(5)
    places[0].metric("Database", file_size(sizes.space.database), help=f"{file_size(sizes.space.free)} of it is free.")
    places[1].metric("Write-ahead log", file_size(sizes.space.log) if sizes.is_sqlite else "–",
                     help="SQLite's WAL: what was written last and is not in the database file yet.")  # fmt: skip
    places[2].metric(
        "Files", file_size(sizes.files), help="Files of runs and uploads; the same bytes count once a workspace."
    )
    places[3].metric(
        "Charts", file_size(sizes.analytics), help="The copy that charts are drawn from; it can be made anew."
    )
    places[4].metric("Free on the disk", file_size(sizes.free))
    names = {each.id: each.name for each in application.workspaces.all()}
    rows = [
        {"Workspace": names[each], "Runs": held.runs, "Steps": held.steps, "Log lines": held.logs,
         "Files": file_size(held.file_bytes)}
        for each, held in sizes.workspaces.items() if each in names
    ]  # fmt: skip
    if rows:
        st.markdown(table(sorted(rows, key=lambda row: -int(row["Runs"]))))


def _draw_rules(application: Application, workspace: Workspace) -> None:
    kept = workspace.settings.retention
    with st.form(f"retention-{workspace.id}", border=False):
        chosen: dict[str, dict[str, int | None]] = {}
        for name, title in _KINDS.items():
            keep: Keep = getattr(kept, name)
            days, count, _ = st.columns([2, 2, 1])
            chosen[name] = {
                "days": _number(days, f"{title}: days", 1, keep.days, "for ever"),
                "count": _number(count, f"{title}: at most", 0, keep.count, "any number"),
            }
        days, _ = st.columns([2, 3])
        event_days = _number(days, "Events, and what triggers did: days", 1, kept.event_days, "for ever")
        saved = st.form_submit_button("Save", type="primary")
    if saved:
        with errors_shown():
            changes = {"retention": {**chosen, "event_days": event_days}}
            application.workspaces.save_settings(workspace.id, changes)
            flash("Saved. Nothing goes before the next pass.")
            st.rerun()


def _number(place: Any, label: str, least: int, kept: int | None, empty: str) -> int | None:
    """A field that may be empty; it begins with what is kept, and anew when that has changed."""
    key = f"keep {label} {kept}"
    if kept is not None:
        # Given as the widget's own value, an emptied field would fall back to it.
        st.session_state.setdefault(key, kept)
    number: int | None = place.number_input(
        label, least, 10**8 if least == 0 else 36_500, None, placeholder=empty, key=key
    )
    return number


def _draw_next(application: Application, workspace: Workspace, sizes: Sizes) -> None:
    plan, zone = application.keeping.plan(workspace.id), workspace.settings.timezone
    if plan.runs or plan.events:
        events = f" and {counted(plan.events, 'event')}" if plan.events else ""
        about = f", about {file_size(plan.bytes)}" if plan.bytes else ""
        st.text(f"It removes {counted(plan.runs, 'run')} with {counted(plan.steps, 'step')}{events}{about}.")
    else:
        st.text("It removes nothing: every run and event is within the rules.")
    st.caption(f"It comes by itself each night after {NIGHT_HOUR}:00 ({zone.replace('_', ' ')}), in small batches "
               "beside the agents' work, and gives the freed space back to the disk.")  # fmt: skip
    if sizes.is_sqlite and not sizes.gives_back:
        st.warning(
            "This database cannot give space back while it is used. Stop IONFLUX and run `ionflux compact` once."
        )
    last = application.keeping.last_pass(workspace.id)
    if last is not None:
        at, done = last
        st.caption(f"Last pass {ago(at, zone)}: {counted(int(done['runs']), 'run')} and "
                   f"{counted(int(done['events']), 'event')} removed.")  # fmt: skip
    if st.button("Run now", icon=":material/cleaning_services:", key="retention-now"):
        with errors_shown():
            with st.spinner("Removing what may go; agents go on working."):
                removed = application.keeping.run(workspace.id, by=application.workspaces.owner().name)
            flash(_said(removed))
            st.rerun()


def _said(removed: Removed) -> str:
    files = f", {counted(removed.files, 'file')}" if removed.files else ""
    events = f", {counted(removed.events, 'event')}" if removed.events else ""
    freed = f"; {file_size(removed.bytes)} given back" if removed.bytes else ""
    return f"{counted(removed.runs, 'run')}{events}{files} removed in {duration(removed.seconds)}{freed}."
