"""The form view of an instance's YAML: each field reads the text, and an edit changes that one place in it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ionflux_core.catalog.configuration import Origin, chosen_model
from ionflux_core.errors import IonfluxError, Problem
from ionflux_core.services.models import text_of
from ionflux_ui import forms
from ionflux_ui.agent_draft import Unread, problem_at
from ionflux_ui.agent_fields import Field, input_fields, other_fields, trigger_fields, written_path
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import human, shown
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application


def show_form(subject: Subject, problems: list[Problem]) -> None:
    """Draw the form; while the text cannot be read it shows the last that could, and waits."""
    loaded, readable = subject.draft.loaded()
    definition = subject.definition
    if not readable:
        st.markdown(":orange[:small[:material/hourglass_empty: The form waits until the YAML can be read again.]]")
    if subject.draft.refused:
        st.markdown(f":red[:small[:material/error: {escaped(subject.draft.refused)}]]")
    settled, brought = input_fields(definition, loaded, subject.below())
    _show_fields(subject, settled, problems, readable)
    if not definition.inputs:
        st.caption("This agent takes no inputs.")
    if brought:
        label = f"Usually given at the start or by a trigger ({len(brought)})"
        with st.expander(label, key=f"brought-{subject.draft.name}"):
            _show_fields(subject, brought, problems, readable)
    if definition.triggers:
        with st.expander(f"Triggers ({len(definition.triggers)})", key=f"triggers-{subject.draft.name}"):
            for spec in definition.triggers:
                st.markdown(f"**{escaped(human(spec.key))}** :gray-badge[{spec.type}]", help=escaped(spec.description))
                _show_fields(subject, trigger_fields(spec, loaded, definition), problems, readable)
    with st.expander("Model, memory and preview", key=f"others-{subject.draft.name}"):
        _show_fields(subject, list(other_fields(definition, loaded, _model(subject))), problems, readable)


def _model(subject: Subject) -> str | None:
    """What the agent asks without a choice of its own, as at a start: the brand is heard before the workspace."""
    workspaces = application().workspaces
    brand = workspaces.brand_or_none(subject.workspace_id, subject.brand_id) if subject.brand_id else None
    wishes: dict[Origin, str | None] = {"brand": text_of(brand.model) if brand and brand.model else None}
    wishes["workspace"] = text_of(workspaces.get(subject.workspace_id).settings.default_model)
    return chosen_model(subject.definition, None, wishes)[0]


def _show_fields(subject: Subject, fields: Sequence[Field], problems: list[Problem], readable: bool) -> None:
    loaded, _ = subject.draft.loaded()
    for field in fields:
        path, _value = written_path(field.path, None, loaded.data, subject.definition)
        _show_field(subject, field, problem_at(problems, path), not readable)


def _show_field(subject: Subject, field: Field, problem: str, disabled: bool) -> None:
    draft, key = subject.draft, _key(subject, field)
    unread = draft.unread.get(key)
    if unread is not None and unread.over != field.value:
        draft.unread.pop(key)
        unread = None
    if unread is None:
        forms.put(field.spec, key, field.value)
    else:
        st.session_state[key] = unread.text
    if field.spec.type == "file" and field.value is not None:
        _show_file(subject, field, disabled)
    forms.draw(
        field.spec,
        key,
        inherited=field.inherited,
        disabled=disabled,
        problem=unread.problem if unread else problem,
        changed=_changed,
        args=(subject, field, key),
    )


def _show_file(subject: Subject, field: Field, disabled: bool) -> None:
    name = field.value.get("name", "a stored file") if isinstance(field.value, dict) else field.value
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{escaped(human(field.spec.key))}: {escaped(shown(name))}")
        st.button(
            "Remove the file",
            key=f"{_key(subject, field)}-remove",
            type="tertiary",
            disabled=disabled,
            on_click=_write,
            args=(subject, field, None),
        )


def _key(subject: Subject, field: Field) -> str:
    # An uploader cannot be emptied by hand: after each change of the text it is a new one.
    mark = f"-{subject.draft.revision}" if field.spec.type == "file" else ""
    return f"field-{subject.draft.name}-{'.'.join(str(step) for step in field.path)}{mark}"


def _changed(subject: Subject, field: Field, key: str) -> None:
    """Take an edit of the form into the text; what is no value yet waits in its field."""
    draft = subject.draft
    draft.unread.pop(key, None)
    try:
        reading = forms.read(field.spec, key, subject.upload)
    except IonfluxError as error:
        draft.refused = str(error)
        return
    if reading.problem:
        draft.unread[key] = Unread(str(st.session_state[key]), reading.problem, field.value)
    else:
        _write(subject, field, reading.value)


def _write(subject: Subject, field: Field, value: object) -> None:
    loaded, _ = subject.draft.loaded()
    path, written = written_path(field.path, value, loaded.data, subject.definition)
    subject.draft.put(path, written)


def problems_line(problems: list[Problem], unread: int) -> str:
    """How many problems keep the text from being saved, as Markdown; empty when none do."""
    count = len(problems) + unread
    if not count:
        return ""
    solved = "it is" if count == 1 else "they are"
    return (
        f":red[:material/error: {counted(count, 'problem')}.] Saving waits until {solved} solved; your text stays here."
    )
