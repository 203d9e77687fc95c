"""The dialog that forks a run: where to begin, what to change, what is reused and what the rest will cost."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.domain.lineage import ForkPlan
from ionflux_core.domain.money import in_dollars
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_ui import forms
from ionflux_ui.agent_words import BY, human
from ionflux_ui.errors import show_error
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import flash, open_page, parameter, set_parameters

FORK: Final = "fork"
START: Final = "@"
"""The address says `fork=@` for a fork from the start and `fork=@key` for one at a step."""

_ANSWER: Final = "fork-answer"
_STEPS: Final = 200
_NAMED: Final = 4
_AREA_PIXELS: Final = 220
_EDITED_CHARS: Final = 100_000
_DRY_HELP: Final = (
    "Nothing is sent, published or kept. Without it the fork acts like any run, and its figures take the place of "
    "those this run reported for the same time."
)


def show_fork(application: Application, run: Run, definition: AgentDefinition) -> None:
    """Open the dialog when the address asks for it."""
    if parameter(FORK):
        _dialog(application, run, definition)


def _closed() -> None:
    set_parameters(fork=None)
    st.session_state.pop(_ANSWER, None)


@st.dialog("Fork this run", width="large", on_dismiss=_closed)
def _dialog(application: Application, run: Run, definition: AgentDefinition) -> None:
    answer = st.session_state.get(_ANSWER, {})
    if answer.get("parent") != run.id:
        answer = {}
    if answer.get("run_id"):
        _closed()
        flash("The fork has been started.")
        open_page("runs", run=answer["run_id"])
    _fill(run, definition)
    st.caption("A new run with something changed. This one stays as it is.")
    step = _choose_step(application, run)
    try:
        plan = application.forks.plan(run.workspace_id, run.id, step)
        _show_plan(application, run, plan)
    except IonfluxError as error:
        show_error(error)
        return
    problems: dict[str, str] = answer.get("problems", {})
    _show_inputs(run, definition, problems)
    _show_choices(application, run, definition)
    if plan.step_inputs is not None:
        _show_step_inputs(run, plan)
    if answer.get("error"):
        show_error(answer["error"])
    st.button(
        "Start the fork", type="primary", icon=":material/fork_right:", key="fork-start",
        on_click=_start, args=(application, run, definition, plan),
    )  # fmt: skip


def _key(run: Run, name: str) -> str:
    return f"fork-{run.id}-{name}"


def _fill(run: Run, definition: AgentDefinition) -> None:
    """Show what the run was given in every field that holds nothing yet; Streamlit forgets those it did not draw."""
    for spec in definition.inputs:
        if _key(run, spec.key) not in st.session_state:
            forms.put(spec, _key(run, spec.key), None if _stays(run, spec) else run.inputs.get(spec.key))
    if _key(run, "json") not in st.session_state:
        text = json.dumps(run.inputs, indent=2, ensure_ascii=False)
        st.session_state[_key(run, "json")] = text if len(text) <= _EDITED_CHARS else ""


def _stays(run: Run, spec: InputSpec) -> bool:
    """Whether an input is kept while its field is empty: a file, or more text than a field can bear."""
    value = run.inputs.get(spec.key)
    return value is not None and (spec.type == "file" or len(json.dumps(value)) > _EDITED_CHARS)


def _choose_step(application: Application, run: Run) -> str | None:
    steps = application.runs.steps(run.workspace_id, run.id, limit=_STEPS)
    titles = {step.step_key: f"{number}. {step.title}" for number, step in enumerate(steps, start=1)}
    wanted = (parameter(FORK) or START).removeprefix(START)
    keys: list[str] = ["", *titles]
    chosen: str = st.selectbox(
        "Begin at",
        keys,
        index=keys.index(wanted) if wanted in keys else 0,
        key=_key(run, "step"),
        format_func=lambda key: titles.get(key, "the start: every step runs anew"),
    )
    return chosen or None


def _show_plan(application: Application, run: Run, plan: ForkPlan) -> None:
    if plan.reused:
        names = ", ".join(escaped(title) for _, title in plan.reused[:_NAMED])
        more = f" and {len(plan.reused) - _NAMED} more" if len(plan.reused) > _NAMED else ""
        st.markdown(
            f":green[:material/history:] **{counted(len(plan.reused), 'step')} reused at no cost:** {names}{more}"
        )
    elif plan.step:
        st.markdown(":material/info: It is the first step, so nothing is reused.")
    estimate = application.estimates.of_fork(run.workspace_id, run.id, step=plan.step)
    if estimate.cost is None:
        st.caption(escaped(f"What the rest will cost is not known: {estimate.not_computed or 'no such run yet'}"))
        return
    band = estimate.cost
    low, middle, high = (in_dollars(round(micros)) for micros in (band.p10, band.median, band.p90))
    spread = "" if low == high else f", mostly {low} to {high}"
    st.caption(escaped(f"The rest will cost about {middle}{spread}, by {counted(band.n, 'earlier run')}."))


def _show_inputs(run: Run, definition: AgentDefinition, problems: dict[str, str]) -> None:
    with st.expander("Inputs of the run", expanded=True):
        small = bool(st.session_state.get(_key(run, "json"))) or not run.inputs
        if st.toggle("Edit as JSON", key=_key(run, "as-json"), disabled=not small):
            st.text_area("Inputs (JSON)", key=_key(run, "json"), height=_AREA_PIXELS, label_visibility="collapsed")
        else:
            for spec in definition.inputs:
                inherited = "kept as it is" if _stays(run, spec) else None
                forms.draw(spec, _key(run, spec.key), inherited=inherited, problem=problems.get(spec.key, ""))
            if not definition.inputs:
                st.caption("It takes no inputs.")
    if problems:
        named = ", ".join(human(key) for key in problems)
        st.markdown(f":red[:small[:material/error: Look again at: {escaped(named)}.]]")


def _show_choices(application: Application, run: Run, definition: AgentDefinition) -> None:
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    current = (run.config.get("stack") or {}).get("model")
    models = list(dict.fromkeys([*([current] if current else []), *(model.id for model in definition.stack.models)]))
    left.selectbox(
        "Model", models, index=0 if models else None, key=_key(run, "model"), accept_new_options=True,
        placeholder="provider:name", help="One of the agent's models, or any other as provider:name.",
    )  # fmt: skip
    saved = run.config.get("instance_version")
    versions = application.agents.versions(run.workspace_id, run.instance_id) if run.instance_id and saved else []
    middle.selectbox(
        "Configuration",
        [0, *(version.version for version in versions)],
        key=_key(run, "version"),
        format_func=lambda number: f"saved version {number}" if number else "as in this run",
        disabled=not versions,
    )
    right.toggle("Dry run", run.dry_run, key=_key(run, "dry"), help=_DRY_HELP)


def _show_step_inputs(run: Run, plan: ForkPlan) -> None:
    with st.expander("What this step itself is given"):
        st.caption("Its arguments as they were recorded. Changed here, the step gets these instead.")
        st.text_area(
            "Step inputs (JSON)",
            json.dumps(plan.step_inputs, indent=2, ensure_ascii=False),
            key=_key(run, f"given-{plan.step}"),
            height=_AREA_PIXELS,
            label_visibility="collapsed",
        )


def _start(application: Application, run: Run, definition: AgentDefinition, plan: ForkPlan) -> None:
    """Start the fork, or keep for the dialog what stops it; called before the dialog is drawn again."""
    answer: dict[str, Any] = {"parent": run.id, "problems": {}, "error": None, "run_id": None}
    st.session_state[_ANSWER] = answer
    state = st.session_state
    try:
        inputs = _changed_inputs(application, run, definition, answer["problems"])
        if answer["problems"]:
            return
        model = state.get(_key(run, "model"))
        answer["run_id"] = application.forks.fork(
            run.workspace_id,
            run.id,
            step=plan.step,
            inputs=inputs,
            model=model if model and model != (run.config.get("stack") or {}).get("model") else None,
            version=state.get(_key(run, "version")) or None,
            step_inputs=_step_inputs(run, plan),
            dry_run=state.get(_key(run, "dry")),
            by=BY,
        ).run_id
    except IonfluxError as error:
        found = error.problems if isinstance(error, Invalid) else ()
        answer["problems"] = {p.path.removeprefix("inputs."): str(p) for p in found if p.path.startswith("inputs.")}
        answer["error"] = None if answer["problems"] else error


def _changed_inputs(
    application: Application, run: Run, definition: AgentDefinition, problems: dict[str, str]
) -> dict[str, Any]:
    """The inputs that are others now, None for those that were taken away; a file stays unless another is chosen."""
    if st.session_state.get(_key(run, "as-json")):
        given = _json(st.session_state.get(_key(run, "json"), ""), "The inputs")
    else:
        given = {name: value for name, value in run.inputs.items() if definition.input(name) is None}
        for spec in sorted(definition.inputs, key=lambda spec: spec.type == "file"):
            reading = _read(application, run, spec, problems)
            if reading.problem:
                problems[spec.key] = reading.problem
            elif reading.value is None and _stays(run, spec):
                given[spec.key] = run.inputs[spec.key]
            elif reading.value is not None:
                then = run.inputs.get(spec.key)
                # A field gives its text back without the blanks around it; that alone is no change.
                same = isinstance(then, str) and then.strip() == reading.value
                given[spec.key] = then if same else reading.value
    names = dict.fromkeys([*run.inputs, *given])
    return {name: given.get(name) for name in names if given.get(name) != run.inputs.get(name)}


def _read(application: Application, run: Run, spec: InputSpec, problems: dict[str, str]) -> forms.Reading:
    def upload(name: str, data: bytes, media_type: str) -> dict[str, Any]:
        return application.runs.upload(run.workspace_id, name, data, media_type)

    return forms.read(spec, _key(run, spec.key), None if problems else upload)


def _step_inputs(run: Run, plan: ForkPlan) -> dict[str, Any] | None:
    text = st.session_state.get(_key(run, f"given-{plan.step}"))
    if plan.step_inputs is None or not text:
        return None
    given = _json(text, "The step's inputs")
    return None if given == plan.step_inputs else given


def _json(text: str, what: str) -> dict[str, Any]:
    reading = forms.parse_json(text)
    if reading.problem or not isinstance(reading.value or {}, dict):
        raise Invalid(f"{what} are not a JSON object.", hint=reading.problem or 'Write {"name": value}.')
    return reading.value or {}
