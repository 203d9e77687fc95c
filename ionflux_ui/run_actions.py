"""What a person can do with a run: cancel, pause, resume, start it again, and answer the question it waits for."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import ALLOWED_MOVES, Approval, Run
from ionflux_core.errors import Invalid
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import exact
from ionflux_ui.run_outputs import Download, draw_value
from ionflux_ui.run_text import is_number, safe_markdown
from ionflux_ui.session import flash, set_parameters


def draw_actions(application: Application, run: Run, *, known: bool) -> None:
    """The buttons that make sense in the run's state, and no others; an agent that is gone cannot run again."""
    who = application.workspaces.owner().name
    moves, service = ALLOWED_MOVES[run.status], application.runs
    with st.container(horizontal=True):
        if known and st.button("Run again", icon=":material/replay:", help="A new run with the same inputs."):
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


def draw_approval(application: Application, run: Run, zone: str, read: Download) -> None:
    """The question a run waits for, with the fields that may be changed, and the two answers."""
    waiting = application.approvals.pending(run.workspace_id, limit=1000)
    asked = next((approval for approval in waiting if approval.run_id == run.id), None)
    if asked is None:
        return
    with st.form(f"approval-{asked.id}"):
        st.markdown(":orange[:material/front_hand:] **This run waits for your answer**")
        st.text(asked.title)
        if asked.body:
            st.markdown(safe_markdown(asked.body))
        written = {name: _field(asked, name, read) for name in asked.data}
        comment = st.text_input("Comment", key=f"comment-{asked.id}", placeholder="Kept with the answer")
        if asked.expires_at:
            st.caption(f"Without an answer by {exact(asked.expires_at, zone)}: {asked.on_timeout}.")
        with st.container(horizontal=True):
            approved = st.form_submit_button("Approve", type="primary", icon=":material/check:")
            denied = st.form_submit_button("Deny", icon=":material/close:")
    if approved or denied:
        with errors_shown():
            edits = _edits(asked, written) if approved else {}
            application.approvals.decide(
                run.workspace_id,
                asked.id,
                approved=approved,
                by=application.workspaces.owner().name,
                comment=comment or None,
                edits=edits,
            )
            _said("Approved; the run goes on." if approved else "Denied; the run goes on without it.")


def _field(asked: Approval, name: str, read: Download) -> Any:
    """What stands in a field now; a field nobody may change is only shown."""
    value, key = asked.data[name], f"edit-{asked.id}-{name}"
    if name not in asked.editable:
        st.caption(name)
        draw_value(value, "string", key=key, read=read)
        return value
    if isinstance(value, bool):
        return st.checkbox(name, value, key=key)
    if is_number(value):
        return st.number_input(name, value=float(value), key=key)
    if isinstance(value, (dict, list)):
        return st.text_area(f"{name} (JSON)", json.dumps(value, indent=2, ensure_ascii=False), key=key, height=160)
    text = "" if value is None else str(value)
    if len(text) > 80 or "\n" in text:
        return st.text_area(name, text, key=key, height=160)
    return st.text_input(name, text, key=key)


def _edits(asked: Approval, written: dict[str, Any]) -> dict[str, Any]:
    """The editable fields whose value is another one now."""
    edits: dict[str, Any] = {}
    for name in asked.editable:
        if name not in asked.data:
            continue
        before, after = asked.data[name], written[name]
        if isinstance(before, (dict, list)):
            try:
                after = json.loads(after)
            except ValueError as error:
                raise Invalid(f"{name} is not JSON: {error}.", hint="Correct it, then approve again.") from error
        if after != ("" if before is None else before):
            edits[name] = after
    return edits
