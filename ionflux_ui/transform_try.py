"""Trying a transform: its inputs as YAML with completion, and what it makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from ionflux_core import yaml_text
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, IonfluxError, Problem
from ionflux_ui.agent_words import BY
from ionflux_ui.editor import current_text, yaml_editor
from ionflux_ui.errors import show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application

if TYPE_CHECKING:
    from ionflux_core.services.transforms import Tried
    from ionflux_core.transforms.base import Transform

_HEIGHT: Final = 260
_SHOWN_CHARS: Final = 50_000


def show_try(workspace: Workspace, transform: Transform) -> None:
    """Draw the inputs, the button, and below it what came out last."""
    inputs, problems = given(transform)
    kept = f"transform-tried-{transform.id}"
    if st.button("Try it", type="primary", icon=":material/play_arrow:", key="transform-try"):
        st.session_state[kept] = _tried(workspace, transform, inputs, problems)
    if kept in st.session_state:
        _show(st.session_state[kept])


def given(transform: Transform) -> tuple[dict[str, Any], list[Problem]]:
    """Draw the editor, filled from an example; the inputs that stand in it, and what is wrong with its text."""
    titles = [example.title for example in transform.examples]
    at = 0
    if len(titles) > 1:
        chosen = st.segmented_control(
            "Example", titles, default=titles[0], required=True, key=f"transform-example-{transform.id}"
        )
        at = titles.index(chosen) if chosen in titles else 0
    start = yaml_text.dump(dict(transform.examples[at].inputs)) if transform.examples else ""
    key = f"transform-inputs-{transform.id}"
    text = current_text(start, key=key, revision=at)
    inputs, problems = _read(transform, text)
    yaml_editor(
        start, key=key, revision=at, schema=transform.inputs_schema, problems=problems, height=_HEIGHT,
        label="Inputs as YAML",
    )  # fmt: skip
    return inputs, problems


def _read(transform: Transform, text: str) -> tuple[dict[str, Any], list[Problem]]:
    """The inputs a text holds, and what is wrong with them by line."""
    try:
        loaded = yaml_text.load(text or "{}")
    except Invalid as error:
        return {}, list(error.problems) or [Problem(error.message, error.hint, line=1)]
    inputs = loaded.numbers() if loaded.data is not None else {}
    if not isinstance(inputs, dict):
        return {}, [Problem("Inputs are a map.", "Write name: value, one on each line.", line=1, column=1)]
    if not transform.alone and "{{" in text:
        # What the flow puts in is seen when it runs.
        return inputs, []
    found = application().transforms.check(transform.id, inputs)
    return inputs, [_placed(loaded, problem) for problem in found]


def _placed(loaded: yaml_text.Loaded, problem: Problem) -> Problem:
    path = tuple(int(step) if step.isdigit() else step for step in problem.path.split("."))
    line, column = loaded.position(path) if path[:1] in loaded.values else (1, 1)
    return replace(problem, line=line, column=column)


def _tried(
    workspace: Workspace, transform: Transform, inputs: dict[str, Any], problems: list[Problem]
) -> Tried | IonfluxError:
    if problems:
        return Invalid("The inputs cannot be used.", problems=problems)
    try:
        return application().transforms.try_it(workspace.id, transform.id, inputs, BY)
    except IonfluxError as error:
        return error


def _show(tried: Tried | IonfluxError) -> None:
    if isinstance(tried, IonfluxError):
        show_error(tried)
        return
    with st.container(border=True, key="transform-outputs"):
        st.caption(f"What came out, in {tried.milliseconds:,.1f} ms. Nothing of it is kept.")
        draw_outputs(tried.outputs)
        for line in tried.log:
            st.markdown(f":gray[:material/notes: {escaped(line['level'])}:] {escaped(line['message'])}")


def draw_outputs(outputs: Mapping[str, Any]) -> None:
    """Outputs as a tree; of very large ones the beginning as text."""
    whole = json.dumps(outputs, ensure_ascii=False, indent=2)
    if len(whole) <= _SHOWN_CHARS:
        st.json(outputs)
        return
    st.code(whole[:_SHOWN_CHARS], language="json")
    st.caption(f"The first {_SHOWN_CHARS:,} of {len(whole):,} characters.")
