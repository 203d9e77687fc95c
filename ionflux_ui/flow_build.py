"""Building a flow: its picture and its YAML beside each other, always the same document, and the way to a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.errors import IonfluxError, Problem
from ionflux_core.services.flow_fields import case_fields, fields_by_kind, flow_fields
from ionflux_core.services.flow_pictures import Offer, Picture, plain
from ionflux_ui.agent_diff import difference
from ionflux_ui.agent_words import BY
from ionflux_ui.editor import yaml_editor
from ionflux_ui.errors import show_error
from ionflux_ui.flow_canvas import flow_canvas
from ionflux_ui.flow_desk import Desk, copied_nodes
from ionflux_ui.flow_save import ask_review
from ionflux_ui.flow_words import ICONS, looks
from ionflux_ui.plain import counted
from ionflux_ui.session import application, flash, parameter, set_parameters

HEIGHT: Final = 640
_VIEWS: Final = {"both": "Both", "canvas": "Canvas", "yaml": "YAML"}
_SHARES: Final = [3, 2]


@st.fragment
def show_build(desk: Desk, flow: AgentInstance) -> None:
    """Draw the tab in which a flow is built; a fragment, for each edit draws it again."""
    desk.take_typed()
    picture, readable, problems = desk.look()
    bar = st.container(horizontal=True, vertical_alignment="center", key="flow-bar")
    with bar:
        view = _view()
    if view == "both":
        left, right = st.columns(_SHARES, gap="small")
        with left:
            asked = _canvas(desk, flow, picture, readable, problems)
        with right:
            asked = _editor(desk, problems) or asked
    elif view == "canvas":
        asked = _canvas(desk, flow, picture, readable, problems)
    else:
        asked = _editor(desk, problems)
    with bar:
        pressed = _bar(desk, flow, problems)
    if pressed or (asked and desk.draft.is_changed and not problems):
        ask_review()


def _view() -> str:
    """Which of the two is shown; on a phone one at a time, the canvas first."""
    wanted = parameter("view") or ""
    view = wanted if wanted in _VIEWS else _usual_view()
    key = "flow-view"
    if st.session_state.get(key) != view:
        st.session_state[key] = view
    st.segmented_control(
        "View", list(_VIEWS), key=key, required=True, format_func=lambda word: _VIEWS[word],
        label_visibility="collapsed", on_change=lambda: set_parameters(view=st.session_state[key]),
    )  # fmt: skip
    return view


def _usual_view() -> str:
    return "canvas" if "Mobi" in (st.context.headers.get("User-Agent") or "") else "both"


def _canvas(desk: Desk, flow: AgentInstance, picture: Picture, readable: bool, problems: list[Problem]) -> bool:
    """Draw the picture; True when it asked to save."""
    data = {
        **canvas_data(flow, picture, offers(desk.workspace_id, picture)),
        "picture": {**plain(picture), "readable": readable},
        "problems": [{"message": each.message, "hint": each.hint, "line": each.line} for each in problems],
        "revision": desk.draft.revision,
        "editable": readable,
        "undo": bool(desk.past),
        "redo": bool(desk.future),
        "copied": len(copied_nodes()),
        "chosen": list(desk.chosen),
        "turn": desk.turn,
    }
    opened = flow_canvas(lambda: data, key=f"flow-canvas-{flow.id}", act=desk.do)
    return any(said.get("action") == "save" for said in opened)


def canvas_data(flow: AgentInstance, picture: Picture, offered: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What every picture needs: a flow to show, with nothing to edit and no run."""
    return {
        "workspace": flow.workspace_id,
        "flow": flow.id,
        "picture": plain(picture),
        "offers": offered,
        "fields": plain(fields_by_kind()),
        "case_fields": plain(case_fields()),
        "flow_fields": plain(flow_fields()),
        "icons": dict(ICONS),
        "looks": looks(),
        "problems": [],
        "revision": 0,
        "editable": False,
        "undo": False,
        "redo": False,
        "copied": 0,
        "chosen": [],
        "turn": 0,
        "run": None,
        "height": HEIGHT,
    }


def offers(workspace_id: str, picture: Picture) -> list[Mapping[str, Any]]:
    """What may be added; the fields of what no node calls are left out, for they are many."""
    called = {(node.kind, node.calls) for node in picture.nodes}
    return [_offer(each, called) for each in application().flow_pictures.offers(workspace_id)]


def _offer(offer: Offer, called: set[tuple[str, str]]) -> dict[str, Any]:
    used = {(offer.kind, offer.name), (offer.kind, offer.name.partition("@")[0])} & called
    found: dict[str, Any] = plain(offer)
    return found if used else {**found, "fields": []}


def _editor(desk: Desk, problems: list[Problem]) -> bool:
    """Draw the YAML; True when it asked to save."""
    value = yaml_editor(
        desk.text,
        key=desk.draft.editor,
        schema=application().flows.schema(),
        problems=problems,
        height=HEIGHT,
        revision=desk.draft.revision,
        label="Flow as YAML",
    )
    return value.saved


def _bar(desk: Desk, flow: AgentInstance, problems: list[Problem]) -> bool:
    """What state the text is in, and what can be done with it; True when it is to be saved."""
    draft = desk.draft
    said, more = _state_line(desk, problems)
    st.markdown(said, width="stretch", help=more)
    # Always there, so that nothing moves with the first change.
    unchanged = not draft.is_changed
    st.button("Discard", key="flow-discard", help="Undo brings it back.", on_click=_discard, args=(desk, flow),
              disabled=unchanged)  # fmt: skip
    if st.button("Keep draft", key="flow-keep", icon=":material/inventory_2:", disabled=unchanged,
                 help="Kept as it is, even with problems; runs go on with the saved version."):  # fmt: skip
        _keep(desk, flow)
    return st.button(
        "Review and save",
        key="flow-review",
        type="secondary" if unchanged else "primary",
        icon=":material/difference:",
        disabled=bool(problems) or unchanged,
    )


def _state_line(desk: Desk, problems: list[Problem]) -> tuple[str, str | None]:
    """The state in a few words, and what else there is to say of it."""
    draft = desk.draft
    if problems:
        told = "Only a valid text becomes a version; a draft can be kept as it is."
        return f":red[:material/error: {counted(len(problems), 'problem')}]", told
    if not draft.is_changed:
        return f":gray[Version {draft.version}, as saved.]", None
    found = difference(draft.saved, draft.text)
    since = f"Lines added and removed since version {draft.version}."
    return f"Not saved: :green[**+{found.added}**] :red[**−{found.removed}**]", since


def _discard(desk: Desk, flow: AgentInstance) -> None:
    desk.keep_as(flow.yaml, flow.version)
    application().flows.drop_draft(flow.workspace_id, flow.id)


def _keep(desk: Desk, flow: AgentInstance) -> None:
    try:
        application().flows.keep_draft(flow.workspace_id, flow.id, desk.text, base_version=desk.draft.version, by=BY)
    except IonfluxError as error:
        show_error(error)
        return
    flash("Kept as a draft. It will be here when you come back.")
    st.rerun()
