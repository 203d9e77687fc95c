"""The flow a playbook becomes, what keeps it from running, and a rehearsal with an event of one's own."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.playbooks import Playbook, PlaybookDraft
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid
from ionflux_core.limits import TEXT_CHARS
from ionflux_core.services.playbook_flows import flow_text
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.playbook_checks import kept
from ionflux_ui.playbook_draft import editing
from ionflux_ui.session import application, open_page

_PROBLEMS = 20
# What the flow reads of the event without saying what to do when it is missing: amounts, and words.
_NEEDED: Final = re.compile(r"double\(trigger\.input_data\.([\w.]*\w)\)|\{\{\s*trigger\.input_data\.([\w.]*\w)\s*\}\}")


def show_flow(workspace: Workspace, playbook: Playbook) -> None:
    """Draw the problems, the rehearsal and the text of the flow, as the unsaved draft would have it."""
    read = editing(playbook).draft()
    if read is None:
        st.text("Some field cannot be read. Save it: the message says which one.")
        return
    draft = playbook.model_copy(update={name: getattr(read, name) for name in PlaybookDraft.model_fields})
    st.caption("What this playbook runs as. It is made from the steps, is read-only, and follows them at each save.")
    problems = application().playbooks.problems(workspace.id, draft)
    for problem in problems[:_PROBLEMS]:
        st.markdown(f":orange[:material/warning:] {escaped(str(problem))} :gray[{escaped(problem.hint)}]")
    if not problems:
        st.markdown(":green[:material/check_circle:] It can run as it is.")
        _rehearsal(workspace, draft)
    try:
        st.code(flow_text(draft), language="yaml", line_numbers=True, wrap_lines=True)
    except Invalid:
        st.text("There is no flow while that is so.")


def _rehearsal(workspace: Workspace, draft: Playbook) -> None:
    with st.popover("Rehearse", icon=":material/science:"):
        st.caption("Go through it as if this event had come. Nothing reaches anybody, and no delay is waited for.")
        key = f"playbook-rehearsal-{draft.id}"
        if key not in st.session_state:
            event = draft.trigger.event
            known = {} if set(event) & set("*>") else application().events.sample(workspace.id, event)
            kept(key, json.dumps(known or _example(draft), ensure_ascii=False, indent=2))
        typed = st.text_area("The event's payload, as JSON", height=220, max_chars=TEXT_CHARS, key=key)
        if st.button("Go through it", type="primary", icon=":material/play_arrow:"):
            with errors_shown():
                run_id = application().playbooks.rehearse(workspace.id, draft, _payload(typed or ""), by=BY)
                open_page("runs", run=run_id)


def _example(draft: Playbook) -> dict[str, Any]:
    """A payload with the customer and what else cannot be done without, where no event of the kind has come yet."""
    payload: dict[str, Any] = {}
    _put(payload, draft.customer, "ana@example.com")
    for number, words in _NEEDED.findall(flow_text(draft)):
        _put(payload, number or words, 100 if number else "example")
    return payload


def _put(payload: dict[str, Any], path: str, value: object) -> None:
    """Put a value where a path leads, unless something is there."""
    *holders, last = path.split(".")
    for name in holders:
        inside: object = payload.setdefault(name, {})
        if not isinstance(inside, dict):
            return
        payload = inside
    payload.setdefault(last, value)


def _payload(text: str) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid("The payload is not JSON.", hint="Check quotes, commas and brackets.") from error
    if not isinstance(found, dict):
        raise Invalid("The payload of an event is a JSON object.", hint='Write {"customer": {"email": "..."}}.')
    return found
