"""One run on the screen: its head, what a person can do, and a body that follows it while it has not ended."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.agents import FLOW, AgentDefinition
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.run_actions import draw_actions, draw_approval
from ionflux_ui.run_budget import cost_of, draw_budget_stop
from ionflux_ui.run_file import draw_imported
from ionflux_ui.run_fork import show_fork
from ionflux_ui.run_lineage import draw_origin, draw_tree
from ionflux_ui.run_outputs import draw_kpis, draw_outputs
from ionflux_ui.run_parts import draw_parts
from ionflux_ui.run_steps import STEPS_SHOWN, draw_error, draw_steps
from ionflux_ui.run_text import escaped
from ionflux_ui.session import page_link, parameter, set_parameters
from ionflux_ui.theme import status_badge

_EXECUTING_SECONDS: Final = 1.0
_PARKED_SECONDS: Final = 5.0
_TRIGGERS: Final = {"manual": "Started by hand", "schedule": "Schedule", "event": "Event", "webhook": "Webhook"}


def show_run(application: Application, workspace: Workspace, run_id: str) -> None:
    """Draws the page of one run; an id that names none gets a kind sentence and the way back."""
    try:
        run = application.runs.get(workspace.id, run_id)
    except NotFound:
        st.title("No such run")
        st.caption("It may belong to another workspace, or its address was cut off.")
        st.button("Show all runs", type="primary", on_click=leave_run)
        return
    definition = _definition(application, run)
    st.button("All runs", icon=":material/arrow_back:", type="tertiary", on_click=leave_run)
    st.title(run.instance_name or (definition.name if definition else run.definition_slug), anchor=False)
    dry = " :gray-badge[:material/science: Dry run: nothing leaves this workspace]"
    st.markdown(status_badge(run.status) + (dry if run.dry_run and run.lineage != "replay" else ""))
    if definition is None:
        st.caption(f"The agent {escaped(run.definition_slug)} is not here any more; what it did is kept.")
    draw_origin(run)
    draw_imported(run, workspace.settings.timezone)
    draw_actions(application, run, known=definition is not None and run.imported is None)
    draw_budget_stop(application, run)
    if definition is not None and run.status in FINISHED:
        show_fork(application, run, definition)
    zone = workspace.settings.timezone
    if run.status == "awaiting_approval":
        draw_approval(application, run, zone)
    pace = _EXECUTING_SECONDS if run.status in ("pending", "running") else _PARKED_SECONDS
    body = st.fragment(_body, run_every=None if run.status in FINISHED else pace)
    body(application, workspace, run, definition)


def leave_run() -> None:
    """Go back to the list as it was."""
    set_parameters(run=None, step=None, steps=None, part=None, level=None, family=None, fork=None)


def _definition(application: Application, run: Run) -> AgentDefinition | None:
    try:
        return application.marketplace.definition(run.definition_slug)
    except NotFound:
        return None


def _body(application: Application, workspace: Workspace, drawn: Run, definition: AgentDefinition | None) -> None:
    """Everything that changes while a run goes on; a new status redraws the page, which also ends the following."""
    run = application.runs.get(workspace.id, drawn.id)
    if run.status != drawn.status:
        st.rerun()
    zone = workspace.settings.timezone

    def read(sha256: str) -> bytes:
        return application.runs.file(workspace.id, sha256)

    _facts(application, run, zone)
    if run.error and run.status != "budget_stopped":
        draw_error(run.error)
    for warning in run.warnings:
        st.markdown(f":orange[:material/warning:] {escaped(warning)}")
    if run.kpis:
        st.subheader("Figures", anchor=False)
        draw_kpis(run, definition, workspace.settings.currency)
    if run.outputs:
        st.subheader("Result", anchor=False)
        draw_outputs(run, definition, application.runs.calls_behind(workspace.id, run.id), read)
    st.subheader("Steps", anchor=False)
    steps, more, start = _steps_in_view(application, run)
    draw_steps(application, run, steps, zone, read)
    _steps_pager(start, len(steps), more)
    draw_tree(application, run, zone)
    draw_parts(application, run, zone, read)


def _facts(application: Application, run: Run, zone: str) -> None:
    began = run.started_at or run.created_at
    ended = run.finished_at or (now() if run.started_at else None)
    started = run.started_at is not None
    trigger = _TRIGGERS.get(run.trigger_kind, run.trigger_kind.capitalize())
    facts = [
        ("Trigger", trigger + (f", {run.trigger.key}" if run.trigger.key else ""), _origin(run, zone)),
        ("Task", run.task or "–", None),
        ("Started" if started else "Asked for", ago(began, zone), exact(began, zone)),
        ("Duration", duration((ended - began).total_seconds()) if ended and started else "–", _wakes(run, zone)),
        ("Attempt", str(run.attempt), None),
        ("Cost", *cost_of(run)),
        ("Version", _version(run), None),
    ]
    with st.container(horizontal=True, gap="medium"):
        for name, value, help_text in facts:
            with st.container(width=150, gap=None):
                st.caption(name, help=escaped(help_text) if help_text else None)
                st.text(value)
        with st.container(width=150, gap=None):
            st.caption("Chain", help="All runs that one order, event or click has caused.")
            page_link("runs", run.correlation_id[-12:], correlation=run.correlation_id)
            page_link("events", "As a picture", icon=":material/account_tree:", correlation=run.correlation_id)
        if run.definition_slug == FLOW and run.instance_id:
            with st.container(width=150, gap=None):
                st.caption("Flow", help="The nodes of the flow with what each of them did in this run.")
                page_link("flows", "On its picture", icon=":material/schema:", flow=run.instance_id, run=run.id)


def _origin(run: Run, zone: str) -> str | None:
    """What exactly started the run."""
    if run.trigger.slot:
        return f"Due {exact(run.trigger.slot, zone)}."
    if run.trigger.event_type:
        return f"Event {run.trigger.event_type}."
    return f"By {run.trigger.by}." if run.trigger.by else None


def _wakes(run: Run, zone: str) -> str | None:
    return f"Goes on {exact(run.wake_at, zone)}." if run.wake_at else None


def _version(run: Run) -> str:
    saved = run.config.get("instance_version")
    return f"{run.definition_version}, YAML {saved}" if saved else run.definition_version


def _steps_in_view(application: Application, run: Run) -> tuple[list[Any], bool, int]:
    """One page of steps, whether more follow, and how many come before; a run that goes on shows its last page."""
    chosen, key = parameter("steps"), f"last-steps-{run.id}"
    page = int(chosen) - 1 if chosen and chosen.isdigit() and 0 < int(chosen) < 1000 else None
    follow = page is None and run.status not in FINISHED
    at = st.session_state.get(key, 0) if follow else (page or 0)
    while True:
        start = at * STEPS_SHOWN
        steps = application.runs.steps(run.workspace_id, run.id, offset=start, limit=STEPS_SHOWN + 1)
        more = len(steps) > STEPS_SHOWN
        if not (follow and more):
            break
        at += 1
        st.session_state[key] = at
    return steps[:STEPS_SHOWN], more, start


def _steps_pager(start: int, count: int, more: bool) -> None:
    if not start and not more:
        return
    page = start // STEPS_SHOWN + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Earlier steps", disabled=not start, on_click=lambda: set_parameters(steps=str(page - 1)))
        st.button("Later steps", disabled=not more, on_click=lambda: set_parameters(steps=str(page + 1)))
        st.caption(f"Steps {start + 1:,} to {start + count:,}")
