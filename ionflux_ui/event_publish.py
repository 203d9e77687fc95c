"""Publish a test event: a type, a payload to edit, and who would hear it, said before it is sent."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.events import check_subject
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError
from ionflux_core.services.event_listeners import Hearing
from ionflux_ui import forms
from ionflux_ui.agent_words import human
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.event_replay import WINDOW, close_window, trigger_name
from ionflux_ui.event_words import PARTS
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import flash, parameter, set_parameters

SOURCE: Final = "test"
_PUBLISH: Final = "publish"
_TYPE: Final = "event_test_type"
_PAYLOAD: Final = "event_test_payload"
_SAMPLED: Final = "event_test_sampled"
_NAMED: Final = 6


def draw_publish(app: Application, space: Workspace) -> None:
    """The button, and the dialog where the address asks for it."""
    st.button("Publish a test event", type="primary", icon=":material/send:", on_click=_open_window)
    if parameter(WINDOW) == _PUBLISH:
        _dialog(app, space)


def _open_window() -> None:
    set_parameters(**{WINDOW: _PUBLISH})


@st.dialog("Publish a test event", width="medium", on_dismiss=close_window)
def _dialog(app: Application, space: Workspace) -> None:
    """The form; what is published is real for those who listen, and says that it was a test."""
    subjects = app.events.listeners.subjects(space.id)
    subject, whose = st.columns([3, 2])
    wanted = subject.selectbox(
        "Type", subjects, key=_TYPE, index=None, accept_new_options=True, placeholder="such as shop.order.created",
        help="Choose a known subject, or write one of your own: words joined by dots.",
    )  # fmt: skip
    brands = {brand.id: brand.name for brand in app.workspaces.brands(space.id)}
    brand = whose.selectbox("Brand", list(brands), index=None, placeholder="None", format_func=brands.__getitem__)
    if wanted and st.session_state.get(_SAMPLED) != wanted:
        st.session_state[_SAMPLED] = wanted
        sample = app.events.sample(space.id, str(wanted))
        st.session_state[_PAYLOAD] = json.dumps(sample or {"note": "a test"}, indent=2, ensure_ascii=False)
    text = st.text_area("Payload (JSON)", key=_PAYLOAD, height=220, help="Begins as the newest event of this type.")
    reading = forms.parse_json(text or "")
    problem = reading.problem or ("" if isinstance(reading.value or {}, dict) else "An event's payload is an object.")
    if problem:
        st.markdown(f":red[:small[:material/error: {escaped(problem)}]]")
    type = _checked(wanted)
    if type and not problem:
        _draw_hearing(app.events.listeners.hearing(space.id, type, reading.value or {}))
    pressed = st.button("Publish", type="primary", icon=":material/send:", disabled=not type or bool(problem))
    if pressed and type:
        _publish(app, space, type, reading.value or {}, brand)


def _checked(wanted: Any) -> str | None:
    if not wanted:
        return None
    try:
        return check_subject(str(wanted))
    except IonfluxError as error:
        show_error(error)
        return None


def _draw_hearing(hearing: Hearing) -> None:
    """Who would hear it: runs it starts, runs it wakes, parts of the program that follow."""
    with st.container(border=True, gap="small"):
        if hearing.triggers:
            st.markdown(f"**Starts {counted(len(hearing.triggers), 'run')}**")
            for trigger in hearing.triggers[:_NAMED]:
                st.markdown(f":material/smart_toy: {escaped(trigger_name(trigger))}")
            if len(hearing.triggers) > _NAMED:
                st.caption(f"and {len(hearing.triggers) - _NAMED} more")
        else:
            st.markdown("**Starts no run:** no trigger that is on listens to it.")
        if hearing.waiting:
            st.markdown(f":material/alarm_on: Wakes {counted(hearing.waiting, 'waiting run')}.")
        if hearing.asleep:
            named = ", ".join(trigger_name(trigger) for trigger in hearing.asleep[:_NAMED])
            st.caption(f"Would listen if it were on: {escaped(named)}.")
        if hearing.followers:
            named = ", ".join(PARTS.get(name, human(name)) for name in hearing.followers)
            st.caption(f"Parts of IONFLUX that follow it: {escaped(named)}.")
        st.caption("Agents take it for real: what they send still goes through your policies and approvals.")


def _publish(app: Application, space: Workspace, type: str, payload: dict[str, Any], brand: str | None) -> None:
    with errors_shown():
        event_id = app.events.publish(space.id, type, payload, source=SOURCE, brand_id=brand)
        st.session_state.pop(_SAMPLED, None)
        flash("Published. What follows from it appears in its chain.")
        set_parameters(event=event_id, correlation=None, view=None, **{WINDOW: None})
        st.rerun()
