"""The dialog that starts a flow by hand: a form made from its input_schema, and whether it is only a rehearsal."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_ui import forms
from ionflux_ui.agent_costs import show_estimate
from ionflux_ui.agent_words import BY, human
from ionflux_ui.errors import show_error
from ionflux_ui.flow_desk import Desk
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, parameter, set_parameters

_ANSWER: Final = "flow-start-answer"
_AREA_PIXELS: Final = 200


def show_start(desk: Desk, flow: AgentInstance) -> None:
    """Open the dialog when the address asks for it (`start=run` or `start=dry`)."""
    if parameter("start") and flow.status != "archived":
        _dialog(desk, flow)


def _closed() -> None:
    """Close for good: what was wrong this time is not said the next time."""
    set_parameters(start=None)
    st.session_state.pop(_ANSWER, None)


@st.dialog("Start a run", width="large", on_dismiss=_closed)
def _dialog(desk: Desk, flow: AgentInstance) -> None:
    answer = st.session_state.get(_ANSWER, {})
    answer = answer if answer.get("flow_id") == flow.id else {}
    if answer.get("run_id"):
        _closed()
        flash("The run has been started.")
        set_parameters(run=answer["run_id"], tab=None, step=None)
        st.rerun()
    dry = st.toggle("Dry run", parameter("start") == "dry", key=f"flow-start-{flow.id}-dry",
                    help="Nothing is sent, published or kept; the result says what would have been done.")  # fmt: skip
    unsaved = dry and desk.draft.is_changed
    if desk.draft.is_changed:
        told = "The rehearsal takes your text as it stands." if dry else (
            f"The run takes saved version {flow.version}, not your unsaved changes."
        )  # fmt: skip
        st.caption(f":orange[:material/edit: {told}]")
    try:
        definition = application().flow_pictures.definition(desk.text if unsaved else flow.yaml)
    except IonfluxError as error:
        show_error(error)
        return
    _show_inputs(flow, definition, answer.get("problems", {}))
    if answer.get("error"):
        show_error(answer["error"])
    if not unsaved:
        show_estimate(flow)
    st.button(
        "Start the dry run" if dry else "Start the run", type="primary", icon=":material/play_arrow:",
        key="flow-start", on_click=_start, args=(desk, flow, definition, dry, unsaved),
    )  # fmt: skip


def _key(flow: AgentInstance, name: str) -> str:
    return f"flow-start-{flow.id}-{name}"


def _show_inputs(flow: AgentInstance, definition: AgentDefinition, problems: dict[str, str]) -> None:
    if st.toggle("Give a payload as JSON", key=_key(flow, "as-json"),
                 help="Taken as trigger.input_data, as a webhook or event would bring it."):  # fmt: skip
        st.text_area("Payload (JSON)", key=_key(flow, "json"), height=_AREA_PIXELS, placeholder='{"total_price": 120}')
    else:
        for spec in definition.inputs:
            forms.draw(spec, _key(flow, spec.key), inherited=spec.default, problem=problems.get(spec.key, ""))
        if not definition.inputs:
            st.caption("It asks for nothing: its input_schema names no inputs.")
    if problems:
        named = ", ".join(human(key) for key in problems)
        st.markdown(f":red[:small[:material/error: Look again at: {escaped(named)}.]]")


def _start(desk: Desk, flow: AgentInstance, definition: AgentDefinition, dry: bool, unsaved: bool) -> None:
    """Start the run, or keep for the form what stops it from starting; called before the form is drawn again."""
    answer: dict[str, Any] = {"flow_id": flow.id, "problems": {}, "error": None, "run_id": None}
    st.session_state[_ANSWER] = answer
    try:
        inputs = _read(flow, definition, answer["problems"])
        if answer["problems"]:
            return
        if unsaved:
            started = application().flows.try_it(flow.workspace_id, desk.text, inputs, by=BY)
        else:
            started = application().runs.start(flow.workspace_id, flow.id, inputs, dry_run=dry, by=BY)
        answer["run_id"] = started.run_id
    except IonfluxError as error:
        found = error.problems if isinstance(error, Invalid) else ()
        answer["problems"] = {p.path.removeprefix("inputs."): str(p) for p in found if p.path.startswith("inputs.")}
        answer["error"] = None if answer["problems"] else error


def _read(flow: AgentInstance, definition: AgentDefinition, problems: dict[str, str]) -> dict[str, Any]:
    """The given inputs; a payload written as JSON is their map."""
    if st.session_state.get(_key(flow, "as-json")):
        reading = forms.parse_json(st.session_state.get(_key(flow, "json"), ""))
        if reading.problem or not isinstance(reading.value or {}, dict):
            raise Invalid("The payload is not a JSON object.", hint=reading.problem or 'Write {"name": value}.')
        return dict(reading.value or {})
    given: dict[str, Any] = {}
    for spec in definition.inputs:
        reading = forms.read(spec, _key(flow, spec.key))
        if reading.problem:
            problems[spec.key] = reading.problem
        elif reading.value is not None:
            given[spec.key] = reading.value
    return given


def as_json(value: Any, most: int) -> str:
    """A value as readable JSON, cut to so many characters; empty when there is none."""
    if value is None:
        return ""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= most else f"{text[:most]}\n… {len(text) - most:,} more characters"
