"""The steps of a run as a timeline; what a step was given and gave back is drawn only while it is unfolded."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import FINISHED, Run, RunError, RunStep
from ionflux_core.ids import now
from ionflux_ui.moments import duration, exact
from ionflux_ui.run_calls import draw_step_calls
from ionflux_ui.run_fork import START
from ionflux_ui.run_list import money
from ionflux_ui.run_outputs import Download, draw_file, draw_value
from ionflux_ui.run_text import escaped
from ionflux_ui.session import page_link, parameter, set_parameters
from ionflux_ui.theme import status_badge

STEPS_SHOWN: Final = 50


def draw_steps(application: Application, run: Run, steps: list[RunStep], zone: str, read: Download) -> None:
    """Draws steps in the order they began."""
    if not steps:
        st.caption("No step has been recorded yet." if run.finished_at is None else "This run recorded no steps.")
    for step in steps:
        _draw_step(application, run, step, zone, read)


def _draw_step(application: Application, run: Run, step: RunStep, zone: str, read: Download) -> None:
    key = f"step-{run.id}-{step.step_key}"
    again = f" · attempt {step.attempt}" if step.attempt > 1 else ""
    took = duration(((step.finished_at or now()) - step.started_at).total_seconds())
    cost = f" · {escaped(money(step.cost_micros))}" if step.cost_micros else ""
    whence = f" · from run {step.source_run_id[-8:]}" if step.source_run_id else ""
    label = f"{status_badge(step.status)} **{escaped(step.title)}** · {took}{again}{cost}{whence}"
    expanded = parameter("step") == step.step_key or (step.status == "running" and step.outputs is not None)
    fold = st.expander(label, expanded=expanded, key=key, on_change=_keep_open, args=(key, step.step_key))
    if not fold.open:
        return
    with fold:
        ended = f" Ended {exact(step.finished_at, zone)}." if step.finished_at else ""
        st.caption(f"{escaped(step.step_key)} · began {exact(step.started_at, zone)}.{ended}")
        _draw_ties(run, step)
        if step.error:
            draw_error(step.error)
        _draw_side("Inputs", step.inputs, f"{key}-in", read)
        draw_step_calls(application, run, step)
        if step.output_ref:
            st.caption("Outputs")
            _draw_reference(step, key, read)
        elif step.status != "running":
            _draw_side("Outputs", step.outputs, f"{key}-out", read)


def _draw_ties(run: Run, step: RunStep) -> None:
    """Where a reused step was executed, and the way to begin again at this one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if step.source_run_id:
            st.markdown(":green[:material/history:] Reused at no cost from", width="content")
            page_link("runs", f"run {step.source_run_id[-8:]}", run=step.source_run_id, step=step.step_key)
        if run.status in FINISHED and run.lineage != "replay" and run.imported is None:
            said = "A new run that reuses what came before this step."
            if st.button("Fork from here", icon=":material/fork_right:", key=f"fork-{step.step_key}", help=said):
                set_parameters(fork=f"{START}{step.step_key}")
                st.rerun()


def _draw_side(name: str, value: Any, key: str, read: Download) -> None:
    if value is None:
        return
    st.caption(name)
    draw_value(value, "json", key=key, read=read)


def _draw_reference(step: RunStep, key: str, read: Download) -> None:
    st.text("Too large to show here.")
    file = {"sha256": step.output_ref, "name": f"{step.step_key}.json", "media_type": "application/json"}
    draw_file(file, key=key, read=read)


def _keep_open(key: str, step_key: str) -> None:
    set_parameters(step=step_key if st.session_state[key] else None)


def draw_error(error: RunError) -> None:
    """A recorded failure: the sentence, what to do, and the trace behind a fold."""
    with st.container(border=True):
        st.markdown(":red[:material/error:] **This failed**")
        st.text(error.message)
        if error.hint:
            st.text(f"What to do: {error.hint}")
        if error.trace:
            with st.expander("Details for those who look for the cause"):
                st.code(error.trace, language=None)
