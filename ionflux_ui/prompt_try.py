"""Trying a prompt: its variables as a form, any model of the workspace, and the answer while it comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.prompts import Prompt, PromptVariable
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_core.limits import TEXT_CHARS
from ionflux_core.services.models import text_of
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import duration
from ionflux_ui.plain import escaped
from ionflux_ui.prompt_draft import editing
from ionflux_ui.run_budget import cost_of
from ionflux_ui.run_outputs import draw_value, engine_label
from ionflux_ui.run_steps import draw_error
from ionflux_ui.session import application, page_link, parameter, set_parameters
from ionflux_ui.theme import status_badge

_LOOK_SECONDS: Final = 1.0
_TEXT_SHOWN: Final = 20_000


def show_try(workspace: Workspace, prompt: Prompt) -> None:
    """Draw the form, and below it the run it started last."""
    if editing(prompt).is_changed:
        st.caption(f":orange[:material/edit:] There are unsaved changes; version {prompt.version} is tried.")
    values, model = _form(workspace, prompt)
    if st.button("Ask the model", type="primary", icon=":material/send:", key="prompt-try"):
        with errors_shown():
            set_parameters(tried=application().prompts.try_it(workspace.id, prompt.id, values, model=model, by=BY))
    if tried := parameter("tried"):
        _show_run(workspace, prompt, tried)


def _form(workspace: Workspace, prompt: Prompt) -> tuple[dict[str, Any], str | None]:
    """What the variables are given, and the model to ask; None for the workspace's own."""
    if not prompt.variables:
        st.text("This prompt has no variables; it is sent as it stands.")
    values = {variable.name: _field(variable, f"try-{prompt.id}-{variable.name}") for variable in prompt.variables}
    usual = text_of(workspace.settings.default_model)
    model = st.selectbox(
        "Model",
        list(dict.fromkeys(("", *application().models.choices(workspace.id)))),
        key=f"try-{prompt.id}-model",
        accept_new_options=True,
        format_func=lambda choice: choice or f"The workspace's ({usual})",
        help="As provider:model. Which ones have a key is set up in Settings, Models.",
        width=420,
    )
    return {name: value for name, value in values.items() if value is not None}, model or None


def _field(variable: PromptVariable, key: str) -> Any:
    """One variable as a field by its type; None when it is left empty."""
    label = escaped(variable.name) + ("" if variable.required and variable.default is None else " (optional)")
    about: dict[str, Any] = {"key": f"{key}-{variable.type}", "help": escaped(variable.description) or None}
    empty = "" if variable.default is None else f"default: {_said(variable.default)[:200]}"
    if variable.type == "date":
        chosen = st.date_input(label, None, **about, width=220)
        return None if chosen is None else str(chosen)
    if variable.type == "number":
        # As text: what is no number is named together with everything else that is wrong.
        return st.text_input(label, placeholder=empty or "a number", max_chars=40, **about, width=220) or None
    placeholder = empty or ('{"key": "value"}' if variable.type == "json_object" else "")
    return st.text_area(label, placeholder=placeholder, height=80, max_chars=TEXT_CHARS, **about) or None


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show_run(workspace: Workspace, prompt: Prompt, run_id: str) -> None:
    try:
        run = application().runs.get(workspace.id, run_id)
    except NotFound:
        return
    if (run.inputs or {}).get("prompt_id") != prompt.id:
        return
    # Followed while it goes on, and never after.
    follow: Callable[[Workspace, Run], None] = st.fragment(
        _body, run_every=None if run.status in FINISHED else _LOOK_SECONDS
    )
    follow(workspace, run)


def _body(workspace: Workspace, drawn: Run) -> None:
    """The answer as far as it has come; the end of the run redraws the page, which also ends the following."""
    run = application().runs.get(workspace.id, drawn.id)
    if run.status != drawn.status:
        st.rerun()
    with st.container(border=True, key="prompt-answer"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_facts(workspace, run))
            page_link("runs", "Open its run", icon=":material/play_circle:", run=run.id)
        if run.error:
            draw_error(run.error)
        answer = (run.outputs or {}).get("answer")
        if answer is not None:
            draw_value(answer, "markdown", key=f"try-{run.id}", read=lambda sha256: _read(workspace, sha256))
        with st.expander(f"What was sent, from version {run.inputs.get('prompt_version')}"):
            st.text(str(run.inputs.get("text", ""))[:_TEXT_SHOWN])


def _facts(workspace: Workspace, run: Run) -> str:
    """Status, engine, cost and duration as badges."""
    parts = [status_badge(run.status)]
    if run.status in FINISHED:
        calls = application().runs.calls_behind(workspace.id, run.id)
        parts.append(f":gray-badge[{escaped(engine_label(None, run.outputs or {}, calls))}]")
        parts.append(f":gray-badge[{escaped(cost_of(run)[0])}]")
        if run.started_at and run.finished_at:
            parts.append(f":gray-badge[{escaped(duration((run.finished_at - run.started_at).total_seconds()))}]")
    return " ".join(parts)


def _read(workspace: Workspace, sha256: str) -> bytes:
    return application().runs.file(workspace.id, sha256)
