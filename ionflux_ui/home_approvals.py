"""Open questions of parked runs: what is asked, what may be edited, and the answer."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.runs import Approval
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, Problem
from ionflux_core.yaml_text import dump, load
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.session import application, flash, page_link

_SHOWN: Final = 10
_OPEN: Final = 2
_URGENCY: Final = {"low": "gray", "medium": "blue", "high": "orange", "critical": "red"}
_UNANSWERED: Final = {"deny": "it counts as denied", "approve": "it counts as approved", "fail": "the run fails"}
_COMMENT_CHARS: Final = 2_000


def show_approvals(workspace: Workspace, count: int) -> None:
    """Draw the oldest open questions, each with its answer form."""
    st.markdown(f"#### {counted(count, 'question')} to answer", anchors=False)
    for number, approval in enumerate(application().approvals.pending(workspace.id, limit=_SHOWN)):
        if number < _OPEN:
            place = st.container(border=True, key=f"approval_{approval.id}")
        else:
            place = st.expander(escaped(shortened(approval.title, 90)), icon=":material/front_hand:")
        with place:
            _question(approval, workspace.settings.timezone)
    if count > _SHOWN:
        st.caption(f"{counted(count - _SHOWN, 'more question')} will follow once these are answered.")


def _question(approval: Approval, zone: str) -> None:
    tone = _URGENCY[approval.urgency]
    st.markdown(f":orange[:material/front_hand:] **{escaped(approval.title)}** :{tone}-badge[{approval.urgency}]")
    asked = f"asked {ago(approval.created_at, zone)}"
    if approval.expires_at:
        asked += f"; without an answer {ago(approval.expires_at, zone)} {_UNANSWERED[approval.on_timeout]}"
    st.caption(asked, help=exact(approval.created_at, zone), width="content")
    if approval.body:
        st.text(approval.body)
    fixed = {key: value for key, value in approval.data.items() if key not in approval.editable}
    if fixed:
        with st.expander("What it is about", expanded=len(str(fixed)) < 600):
            st.json(fixed, expanded=2)
    with st.form(f"answer_{approval.id}", border=False):
        typed = {key: _field(approval, key) for key in approval.editable}
        comment = st.text_input(
            "Comment", key=f"comment_{approval.id}", max_chars=_COMMENT_CHARS, placeholder="Kept with the run"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            yes = st.form_submit_button("Approve", type="primary", icon=":material/check:", key=f"yes_{approval.id}")
            no = st.form_submit_button("Deny", icon=":material/close:", key=f"no_{approval.id}")
            page_link("runs", "Open the run", icon=":material/play_circle:", run=approval.run_id)
    if yes or no:
        with errors_shown():
            _answer(approval, yes, comment or "", typed)


def _field(approval: Approval, key: str) -> str:
    """A field to edit a value in: text as it is, anything else as YAML."""
    value, name = approval.data.get(key), f"edit_{approval.id}_{key}"
    text = value if isinstance(value, str) else "" if value is None else dump(value).strip()
    label = escaped(key.replace("_", " ").capitalize())
    if "\n" in text or len(text) > 80:
        return st.text_area(label, text, key=name) or ""
    return st.text_input(label, text, key=name) or ""


def edited(data: dict[str, Any], typed: dict[str, str]) -> dict[str, Any]:
    """The fields a person changed, with the kind of value they had; Invalid when a text no longer reads as that."""
    changes: dict[str, Any] = {}
    for key, text in typed.items():
        before = data.get(key)
        after = text if isinstance(before, str) or before is None else _value(key, text, before)
        if after != before and not (before is None and after == ""):
            changes[key] = after
    return changes


def _value(key: str, text: str, before: Any) -> Any:
    after = load(text.encode()).numbers()
    number = isinstance(before, (int, float)) and not isinstance(before, bool)
    fits = (isinstance(after, (int, float)) and not isinstance(after, bool)) if number else type(after) is type(before)
    if not fits:
        kind = (
            "a number" if number else {bool: "true or false", list: "a list", dict: "a map"}.get(type(before), "text")
        )
        problem = Problem(f"{key} must be {kind}.", path=key)
        raise Invalid("The answer was not sent.", problems=[problem], hint=f"It was {json.dumps(before)[:120]}.")
    return after


def _answer(approval: Approval, approved: bool, comment: str, typed: dict[str, str]) -> None:
    app = application()
    app.approvals.decide(
        approval.workspace_id,
        approval.id,
        approved=approved,
        by=app.workspaces.owner().name,
        comment=comment.strip() or None,
        edits=edited(approval.data, typed) if approved else None,
    )
    flash(f"{shortened(approval.title, 120)}: {'approved' if approved else 'denied'}. The run goes on.")
    st.rerun()
