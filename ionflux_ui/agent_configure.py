"""Configuring an instance: the definition to read, the form and the YAML side by side, and the way to a new version."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import InstanceVersion
from ionflux_core.errors import IonfluxError, Problem
from ionflux_ui.agent_definition import show_definition
from ionflux_ui.agent_diff import difference, show_difference
from ionflux_ui.agent_form import problems_line, show_form
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY
from ionflux_ui.editor import yaml_editor
from ionflux_ui.errors import show_error
from ionflux_ui.moments import ago
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, flash

_EDITOR_PIXELS = 620


def text_problems(subject: Subject) -> list[Problem]:
    """Everything that keeps the draft from being saved."""
    return application().agents.check(
        subject.workspace_id, subject.definition.slug, subject.draft.text, brand_id=subject.brand_id
    )


def show_panes(subject: Subject, problems: list[Problem]) -> bool:
    """Draw definition, form and YAML beside each other; True when the editor asked to save."""
    draft = subject.draft
    definition, form, text = st.columns([3, 4, 8], gap="medium")
    with definition:
        show_definition(subject.definition)
    with form:
        st.markdown("**Form**", help="Each change goes into the YAML beside it; comments and order stay.")
        show_form(subject, problems)
    with text:
        st.markdown("**YAML**", help="Each change shows in the form. Control and blank completes, Control and S saves.")
        schema = application().marketplace.schema(subject.definition.slug)
        value = yaml_editor(
            draft.text,
            key=draft.editor,
            schema=schema,
            problems=problems,
            height=_EDITOR_PIXELS,
            revision=draft.revision,
            label="Configuration as YAML",
        )
    return value.saved


@st.fragment
def show_configure(subject: Subject) -> None:
    """Draw the tab in which an instance is configured; a fragment, for each pause in typing draws it again."""
    draft = subject.draft
    draft.take_typed()
    problems = text_problems(subject)
    bar = st.container(horizontal=True, vertical_alignment="center", key="agent-save-bar")
    asked = show_panes(subject, problems)
    blocked = bool(problems or draft.unread)
    with bar:
        st.markdown(_state_line(subject, problems), width="stretch")
        if draft.is_changed:
            st.button("Discard", key="agent-discard", help="Undo in the editor brings it back.",
                      on_click=draft.keep_as, args=(draft.saved, draft.version))  # fmt: skip
        pressed = st.button(
            "Review and save",
            key="agent-review",
            type="primary" if draft.is_changed else "secondary",
            icon=":material/difference:",
            disabled=blocked or not draft.is_changed,
        )
    if pressed or (asked and draft.is_changed and not blocked):
        _review(subject)


def _state_line(subject: Subject, problems: list[Problem]) -> str:
    draft = subject.draft
    wrong = problems_line(problems, len(draft.unread))
    if wrong:
        return wrong
    if not draft.is_changed:
        return f":gray[Version {draft.version}, as saved.]"
    found = difference(draft.saved, draft.text)
    return f"Not saved yet: {found.summary} since version {draft.version}."


@st.dialog("Review and save", width="large")
def _review(subject: Subject) -> None:
    """Show what changes before it is saved; when someone saved meanwhile, show their text against this one."""
    assert subject.instance is not None
    draft = subject.draft
    newest = application().agents.versions(subject.workspace_id, subject.instance.id)[0]
    if newest.version != draft.version:
        _show_conflict(subject, newest)
        return
    show_difference(draft.saved, draft.text, f"your text against version {draft.version}")
    message = st.text_input("What changed, in a few words", key="agent-save-message", max_chars=200)
    if st.button("Save as a new version", key="agent-save", type="primary"):
        _save(subject, message or "")


def _show_conflict(subject: Subject, newest: InstanceVersion) -> None:
    draft = subject.draft
    who = f"{escaped(newest.author or 'someone')}, {ago(newest.created_at, subject.zone)}"
    what = f"**Version {newest.version} was saved meanwhile** by {who}."
    st.markdown(f":orange[:material/warning:] {what} Your text is still here.")
    show_difference(newest.yaml, draft.text, f"your text against version {newest.version}")
    with st.container(horizontal=True):
        if st.button(f"Save mine over version {newest.version}", key="agent-save-over", type="primary"):
            draft.version = newest.version
            _save(subject, f"saved over version {newest.version}")
        if st.button(f"Take version {newest.version} instead", key="agent-take-theirs"):
            draft.keep_as(newest.yaml, newest.version)
            st.rerun()


def _save(subject: Subject, message: str) -> None:
    """Save the draft; the dialog stays open with the reason when that is refused."""
    assert subject.instance is not None
    draft = subject.draft
    try:
        saved = application().agents.save(
            subject.workspace_id,
            subject.instance.id,
            draft.text,
            message=message,
            by=BY,
            expected_version=draft.version,
        )
    except IonfluxError as error:
        show_error(error)
        return
    draft.keep_as(saved.yaml, saved.version)
    flash(f"Saved as version {saved.version}. {counted(len(saved.yaml.splitlines()), 'line')}.")
    st.rerun()
