"""What a person can do with a run: cancel, pause, resume, start it again, and answer the question it waits for."""

from __future__ import annotations

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import ALLOWED_MOVES, Run
from ionflux_core.domain.waits import waits_in
from ionflux_ui.approval_card import draw_question
from ionflux_ui.errors import errors_shown
from ionflux_ui.run_file import draw_file_actions
from ionflux_ui.run_lineage import draw_again
from ionflux_ui.session import flash, set_parameters


def draw_actions(application: Application, run: Run, *, known: bool) -> None:
    """The buttons that make sense in the run's state, and no others; an agent that is gone cannot run again."""
    who = application.workspaces.owner().name
    moves, service = ALLOWED_MOVES[run.status], application.runs
    with st.container(horizontal=True):
        own = known and run.lineage != "replay"
        if own and st.button("Run again", icon=":material/replay:", help="A new run with the same inputs."):
            with errors_shown():
                _again(application, run, who)
        if "paused" in moves and st.button("Pause", icon=":material/pause:"):
            with errors_shown():
                service.pause(run.workspace_id, run.id, by=who)
                _said("It pauses at its next step." if run.status == "running" else "Paused.")
        if run.status == "paused" and st.button("Resume", icon=":material/play_arrow:", type="primary"):
            with errors_shown():
                service.resume(run.workspace_id, run.id, by=who)
                _said("It goes on.")
        if "cancelled_by_user" in moves and st.button("Cancel", icon=":material/cancel:"):
            with errors_shown():
                service.cancel(run.workspace_id, run.id, by=who)
                _said("Cancelled.")
        draw_again(application, run, known=known)
        draw_file_actions(application, run)


def _said(message: str) -> None:
    flash(message)
    st.rerun()


def _again(application: Application, run: Run, who: str) -> None:
    """Start what the run was started from; its instance may be gone, its definition may have lost an input."""
    definition = application.marketplace.definition(run.definition_slug)
    inputs = {name: value for name, value in run.inputs.items() if value is not None and definition.input(name)}
    started = application.runs.start(
        run.workspace_id,
        run.instance_id or f"agent:{run.definition_slug}",
        inputs,
        task=run.task,
        brand_id=run.brand_id,
        dry_run=run.dry_run,
        by=who,
    )
    set_parameters(run=started.run_id, step=None, steps=None)
    _said("Started with the same inputs.")


def draw_approval(application: Application, run: Run, zone: str) -> None:
    """The questions a run waits for, with the fields that may be changed, and the answers."""
    for asked in (each["approval_id"] for each in waits_in(run.wait) if "approval_id" in each):
        with st.container(border=True):
            draw_question(application, application.approvals.get(run.workspace_id, asked), zone, on_its_run=True)
