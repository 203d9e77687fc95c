"""The dialog that starts a run by hand: a form made from the inputs, the task, and whether it is only a rehearsal."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, InputSpec
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_ui import forms
from ionflux_ui.agent_costs import show_estimate
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY, human
from ionflux_ui.errors import show_error
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, flash, open_page, parameter, set_parameters

_ANSWER: Final = "start-answer"


def show_start(subject: Subject, instance: AgentInstance) -> None:
    """Open the dialog when the address asks for it (`start=run` or `start=dry`)."""
    if parameter("start") and instance.status != "archived":
        _dialog(subject, instance)


def _closed() -> None:
    """Close for good: what was wrong this time is not said the next time."""
    set_parameters(start=None)
    st.session_state.pop(_ANSWER, None)


@st.dialog("Start a run", width="large", on_dismiss=_closed)
def _dialog(subject: Subject, instance: AgentInstance) -> None:
    definition = subject.definition
    answer = st.session_state.get(_ANSWER, {})
    if answer.get("instance_id") != instance.id:
        answer = {}
    if answer.get("run_id"):
        st.session_state.pop(_ANSWER)
        flash("The run has been started.")
        open_page("runs", run=answer["run_id"])
    st.caption("What stays empty comes from the configuration. What you give here holds for this run only.")
    if subject.draft.is_changed:
        st.caption(
            f":orange[:material/edit: The run takes saved version {instance.version}, not your unsaved changes.]"
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        _show_sample(subject)
        dry_run = st.toggle(
            "Dry run",
            parameter("start") == "dry",
            key=_key(subject, "dry"),
            help="Nothing is sent, published or kept; the result says what would have been done.",
        )
    task = _choose_task(subject)
    inherited = _inherited(subject, instance)
    problems: dict[str, str] = answer.get("problems", {})
    first = [spec for spec in definition.inputs if spec.runtime_promptable]
    others = [spec for spec in definition.inputs if not spec.runtime_promptable]
    _show_inputs(subject, first or others, inherited, problems)
    if first and others:
        with st.expander(f"More ({len(others)})", expanded=any(spec.key in problems for spec in others)):
            _show_inputs(subject, others, inherited, problems)
    if problems:
        st.markdown(
            f":red[:small[:material/error: Look again at: {escaped(', '.join(human(key) for key in problems))}.]]"
        )
    if answer.get("error"):
        show_error(answer["error"])
    show_estimate(instance)
    st.button(
        "Start the dry run" if dry_run else "Start the run",
        type="primary",
        icon=":material/play_arrow:",
        key="agent-start",
        on_click=_start,
        args=(subject, instance, task, dry_run),
    )


def _key(subject: Subject, name: str) -> str:
    return f"start-{subject.draft.name}-{name}"


def _show_sample(subject: Subject) -> None:
    try:
        sample = application().marketplace.sample(subject.definition.slug)
    except IonfluxError as error:
        show_error(error)
        return
    inputs = (sample or {}).get("inputs")
    if inputs:
        st.button(
            "Use sample inputs",
            icon=":material/auto_fix_high:",
            key="agent-sample",
            help=f"Fills {counted(len(inputs), 'input')} with the agent's own example.",
            on_click=_fill,
            args=(subject, inputs, (sample or {}).get("task")),
        )


def _fill(subject: Subject, inputs: dict[str, Any], task: str | None) -> None:
    for spec in subject.definition.inputs:
        forms.put(spec, _key(subject, spec.key), inputs.get(spec.key))
    if task in {each.key for each in subject.definition.tasks}:
        st.session_state[_key(subject, "task")] = task
    st.session_state.pop(_ANSWER, None)


def _choose_task(subject: Subject) -> str | None:
    tasks = {task.key: task for task in subject.definition.tasks}
    if not tasks:
        return None
    chosen: str | None = st.selectbox(
        "Task",
        list(tasks),
        index=None,
        key=_key(subject, "task"),
        format_func=lambda key: tasks[key].title,
        placeholder="the agent's usual one",
    )
    if chosen:
        st.caption(escaped(tasks[chosen].description))
    return chosen


def _inherited(subject: Subject, instance: AgentInstance) -> dict[str, Any]:
    try:
        return application().agents.explain(subject.workspace_id, instance.id).inputs
    except IonfluxError as error:
        show_error(error)
        return {}


def _show_inputs(subject: Subject, specs: list[InputSpec], inherited: dict[str, Any], problems: dict[str, str]) -> None:
    for spec in specs:
        key = _key(subject, spec.key)
        forms.draw(spec, key, inherited=inherited.get(spec.key), problem=problems.get(spec.key, ""))
    if not specs:
        st.caption("It takes no inputs.")


def _start(subject: Subject, instance: AgentInstance, task: str | None, dry_run: bool) -> None:
    """Start the run, or keep for the form what stops it from starting; called before the form is drawn again."""
    answer: dict[str, Any] = {"instance_id": instance.id, "problems": {}, "error": None, "run_id": None}
    st.session_state[_ANSWER] = answer
    try:
        inputs = _read(subject, answer["problems"])
        if not answer["problems"]:
            runs, ws = application().runs, subject.workspace_id
            answer["run_id"] = runs.start(ws, instance.id, inputs, task=task, dry_run=dry_run, by=BY).run_id
    except IonfluxError as error:
        found = error.problems if isinstance(error, Invalid) else ()
        answer["problems"] = {p.path.removeprefix("inputs."): str(p) for p in found if p.path.startswith("inputs.")}
        answer["error"] = None if answer["problems"] else error


def _read(subject: Subject, problems: dict[str, str]) -> dict[str, Any]:
    """The given inputs; files are stored last, once everything else is right."""
    given: dict[str, Any] = {}
    for spec in sorted(subject.definition.inputs, key=lambda spec: spec.type == "file"):
        upload = None if problems else subject.upload
        reading = forms.read(spec, _key(subject, spec.key), upload)
        if reading.problem:
            problems[spec.key] = reading.problem
        elif reading.value is not None:
            given[spec.key] = reading.value
    return given
