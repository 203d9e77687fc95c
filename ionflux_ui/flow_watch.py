"""A run on the picture of its flow: how each node stood at every moment, what it was given, how to run it again."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.lineage import ForkPlan
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.errors import Invalid, IonfluxError, NotFound
from ionflux_core.services.flow_pictures import RunPicture
from ionflux_core.services.flow_states import NodeState, Visit
from ionflux_ui import forms
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import show_error
from ionflux_ui.flow_build import canvas_data
from ionflux_ui.flow_canvas import Said, flow_canvas
from ionflux_ui.flow_start import as_json
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.plain import counted, escaped
from ionflux_ui.run_list import money
from ionflux_ui.run_steps import draw_error
from ionflux_ui.session import application, flash, page_link, parameter, set_parameters, workspace
from ionflux_ui.theme import status_badge

_PACE: Final = 1.0
_PARKED_PACE: Final = 5.0
_TURNS: Final = 20
_CHARS: Final = 12_000
_AREA_PIXELS: Final = 240


def show_watch(flow: AgentInstance) -> None:
    """Draw the run the address names; it is followed only while it goes on."""
    run_id = parameter("run") or ""
    try:
        run = application().runs.get(flow.workspace_id, run_id)
    except NotFound as error:
        show_error(error)
        _show_way_back()
        return
    pace = None if run.status in FINISHED else _PACE if run.status in ("pending", "running") else _PARKED_PACE
    st.fragment(_body, run_every=pace)(flow, run)
    if parameter("fork") and run.status in FINISHED and not parameter("start"):
        _fork(flow, run, parameter("fork") or "")


def _show_way_back() -> None:
    if st.button("Back to building", key="flow-leave", icon=":material/edit:"):
        set_parameters(run=None, fork=None)
        st.rerun()


def _body(flow: AgentInstance, drawn: Run) -> None:
    """Everything that changes while a run goes on; a new status draws the page anew, which also ends the following."""
    shown = application().flow_pictures.of_run(flow.workspace_id, drawn.id)
    run = shown.run
    if run.status != drawn.status:
        st.rerun()
    _head(run)
    if not shown.picture.readable:
        st.info("The text this run took is not here; the run's own page tells its steps.", icon=":material/info:")
        return
    looked = st.session_state.setdefault(f"flow-looked-{run.id}", {})

    def act(said: Said) -> None:
        if said.get("action") == "look":
            looked["key"] = str(said.get("key") or "")

    data = {**canvas_data(flow, shown.picture, []), "run": _run(shown, str(looked.get("key") or ""))}
    for said in flow_canvas(lambda: data, key=f"flow-watch-{run.id}", act=act):
        if said.get("action") == "fork":
            set_parameters(fork=str(said.get("step") or ""))
            st.rerun()
    if run.error and run.status != "budget_stopped":
        draw_error(run.error)
    for warning in run.warnings:
        st.markdown(f":orange[:material/warning:] {escaped(warning)}")


def _head(run: Run) -> None:
    zone = workspace().settings.timezone
    with st.container(horizontal=True, vertical_alignment="center"):
        dry = " :gray-badge[:material/science: Dry run]" if run.dry_run else ""
        took = ""
        if run.started_at and run.finished_at:
            took = f" in {duration((run.finished_at - run.started_at).total_seconds())}"
        about = f"{ago(run.created_at, zone)}{took}, {escaped(money(run.cost_micros))}"
        st.markdown(
            f"{status_badge(run.status)}{dry} :gray[{about}]", help=exact(run.created_at, zone), width="stretch"
        )
        if run.status == "awaiting_approval":
            page_link("approvals", "Answer its question", icon=":material/front_hand:")
        page_link("runs", "Its page", icon=":material/play_circle:", run=run.id)
        _show_way_back()


def _run(shown: RunPicture, looked: str) -> dict[str, Any]:
    began = shown.moments[0].at if shown.moments else None
    return {
        "id": shown.run.id,
        "moments": [
            {
                "at": f"after {duration((moment.at - began).total_seconds())}" if began else "",
                "changes": {key: _state(state) for key, state in moment.changes.items()},
            }
            for moment in shown.moments
        ],
        "live": shown.run.status not in FINISHED,
        "cut": shown.cut,
        "looked": _looked(shown.run, looked) if looked else None,
    }


def _state(state: NodeState) -> dict[str, Any]:
    took = duration(state.seconds) if state.ended and state.status != "skipped" else ""
    cost = money(state.cost_micros) if state.cost_micros else ""
    return {"status": state.status, "took": took, "cost": cost, "turns": state.turns, "ended": state.ended}


def _looked(run: Run, key: str) -> dict[str, Any]:
    found = application().flow_pictures.visits(run.workspace_id, run.id, key)
    # What failed or is still going on is looked for first.
    found.sort(key=lambda visit: visit.step.status in ("success", "reused"))
    return {"key": key, "visits": [_visit(run, each) for each in found[:_TURNS]], "more": max(len(found) - _TURNS, 0)}


def _visit(run: Run, visit: Visit) -> dict[str, Any]:
    step = visit.step
    took = duration((step.finished_at - step.started_at).total_seconds()) if step.finished_at else ""
    outputs = "(stored as a file: see the page of the run)" if step.output_ref else as_json(step.outputs, _CHARS)
    return {
        "step": step.step_key,
        "title": step.title,
        "status": "skipped" if step.kind == "skipped" else step.status,
        "when": exact(step.started_at, workspace().settings.timezone),
        "took": took,
        "cost": money(visit.cost_micros) if visit.cost_micros else "",
        "inputs": as_json(step.inputs, _CHARS),
        "outputs": outputs,
        "error": step.error.message if step.error else "",
        "hint": step.error.hint if step.error else "",
        "forks": run.status in FINISHED and run.imported is None and run.lineage != "replay",
    }


def _closed() -> None:
    set_parameters(fork=None)


@st.dialog("Run again from here", width="large", on_dismiss=_closed)
def _fork(flow: AgentInstance, run: Run, step: str) -> None:
    """A run that reuses all before a step and goes on anew from there, with other inputs if they are changed."""
    try:
        plan = application().forks.plan(run.workspace_id, run.id, step)
    except IonfluxError as error:
        show_error(error)
        return
    st.caption(f"A new run from {escaped(step)} on. This one stays as it is.")
    reused = counted(len(plan.reused), "step")
    st.markdown(f":green[:material/history:] **{reused} reused at no cost**" if plan.reused else "Nothing is reused.")
    text = ""
    if plan.step_inputs is None:
        st.caption("What this step was given is not kept whole, so it gets the same again.")
    else:
        shown = json.dumps(_given(plan), indent=2, ensure_ascii=False)
        text = st.text_area("What it is given (JSON)", shown, height=_AREA_PIXELS, key=f"flow-fork-{run.id}-{step}")
    dry = st.toggle("Dry run", run.dry_run, key=f"flow-fork-dry-{run.id}",
                    help="Nothing is sent, published or kept.")  # fmt: skip
    if st.button("Run from here", type="primary", icon=":material/fork_right:", key="flow-fork-start"):
        _start_fork(run, plan, text, dry)


def _start_fork(run: Run, plan: ForkPlan, text: str, dry: bool) -> None:
    try:
        started = application().forks.fork(
            run.workspace_id, run.id, step=plan.step, step_inputs=_changed(plan, text), dry_run=dry, by=BY
        )
    except IonfluxError as error:
        show_error(error)
        return
    flash("The fork has been started.")
    set_parameters(run=started.run_id, fork=None)
    st.rerun()


def _given(plan: ForkPlan) -> Any:
    """What a node was given, by name; a step of another kind is shown with its arguments as they were recorded."""
    known = plan.step_inputs or {}
    return known.get("kwargs") if not known.get("args") and known.get("kwargs") else known


def _changed(plan: ForkPlan, text: str) -> dict[str, Any] | None:
    if plan.step_inputs is None:
        return None
    reading = forms.parse_json(text)
    if reading.problem or not isinstance(reading.value, dict):
        raise Invalid("The inputs are not a JSON object.", hint=reading.problem or 'Write {"name": value}.')
    shown = _given(plan)
    if reading.value == shown:
        return None
    return reading.value if shown is plan.step_inputs else {"args": [], "kwargs": reading.value}
