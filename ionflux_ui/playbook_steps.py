"""The steps of a playbook as a list: one is open for editing, the others say in a line what they do."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.domain.playbook_actions import ACTION_TYPES
from ionflux_core.domain.playbooks import END
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.plain import escaped
from ionflux_ui.playbook_actions import action_fields
from ionflux_ui.playbook_checks import check_rows, kept
from ionflux_ui.playbook_draft import Editing
from ionflux_ui.playbook_words import ACTIONS, ICONS, UNITS, check_words, span_words, unit_of, way_words
from ionflux_ui.session import application

_BELOW = ""


def draw_steps(workspace: Workspace, draft: Editing, key: str) -> None:
    """Draw the steps in their order and take over what is typed."""
    if not draft.steps:
        with st.container(border=True):
            st.text("There is no step yet. A step waits, does something, and says how it goes on.")
    for place, step in enumerate(list(draft.steps)):
        with st.container(border=True, gap="small", key=f"playbook-step-{place}"):
            _head(draft, place, step, key)
            if draft.open == step["id"]:
                _fields(workspace, draft, place, step, f"{key}-{draft.turn}-{step['id']}")
            else:
                _lines(draft, place, step)
    st.button("Add a step", icon=":material/add:", key=f"{key}-add", disabled=draft.is_full, on_click=draft.add_step)


def _head(draft: Editing, place: int, step: dict[str, Any], key: str) -> None:
    opened = draft.open == step["id"]
    key = f"{key}-{step['id']}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        icon = ICONS.get(step["action"], "")
        st.markdown(f"{icon} **{place + 1}. {escaped(step['name']) or 'Step'}**", width="stretch")
        for label, icon, by, off in (
            ("up", "arrow_upward", -1, place == 0),
            ("down", "arrow_downward", 1, place == len(draft.steps) - 1),
        ):
            st.button(
                "", icon=f":material/{icon}:", key=f"{key}-{label}", type="tertiary", disabled=off,
                help=f"Move step {place + 1} {label}", on_click=draft.move_step, args=(place, by),
            )  # fmt: skip
        st.button(
            "", icon=":material/delete:", key=f"{key}-gone", type="tertiary", help=f"Remove step {place + 1}",
            on_click=draft.remove_step, args=(place,),
        )  # fmt: skip
        st.button("Close" if opened else "Edit", key=f"{key}-open", on_click=_open, args=(draft, step["id"]))


def _open(draft: Editing, step_id: str) -> None:
    draft.open = None if draft.open == step_id else step_id


def _lines(draft: Editing, place: int, step: dict[str, Any]) -> None:
    """What a step does, in words."""
    wait = f"After {span_words(step['delay_seconds'])}: " if step["delay_seconds"] else "At once: "
    only = f", only if {' and '.join(map(check_words, step['only_if']))}" if step["only_if"] else ""
    st.caption(escaped(f"{wait}{ACTIONS.get(step['action'], step['action'])}{only}"))
    for branch in step["branches"]:
        st.caption(escaped(f"→ {way_words(draft.steps, branch['next'], place)}, if {check_words(branch)}"))
    rest = way_words(draft.steps, step["next"], place)
    if step["branches"]:
        rest = f"otherwise {rest.removeprefix('then: ')}"
    if step["branches"] or step["next"] is not None or place == len(draft.steps) - 1:
        st.caption(escaped(f"→ {rest}"))


def _fields(workspace: Workspace, draft: Editing, place: int, step: dict[str, Any], key: str) -> None:
    name, action = st.columns([3, 2])
    named = name.text_input("Name of the step", max_chars=NAME_CHARS, key=kept(f"{key}-name", step["name"])).strip()
    step["name"] = named or f"Step {place + 1}"
    _delay(step, key)
    offered = [each for each in ACTION_TYPES if each != "send_whatsapp_message" or _is_there(step)]
    before = step["action"]
    step["action"] = action.selectbox(
        "What it does", offered, format_func=ACTIONS.__getitem__, key=kept(f"{key}-action", before)
    )
    if step["action"] != before:
        step["config"] = {}
    action_fields(workspace, step, key)
    with st.expander("Only if", expanded=bool(step["only_if"])):
        st.caption("Looked at after the delay. When it does not hold, the step is passed over.")
        check_rows(step["only_if"], f"{key}-only")
    with st.expander("Ways on", expanded=bool(step["branches"]) or step["next"] is not None):
        _ways(draft, place, step, key)


def _is_there(step: dict[str, Any]) -> bool:
    """Whether WhatsApp is to be offered: when a message can be sent, or the step is one already."""
    return step["action"] == "send_whatsapp_message" or application().playbooks.can("send_whatsapp_message")


def _delay(step: dict[str, Any], key: str) -> None:
    count, unit = st.columns([1, 2], width=420)
    seconds, units = step["delay_seconds"], list(UNITS)
    shown = unit_of(seconds) if seconds else "hours"
    chosen = unit.selectbox("Unit", units, key=kept(f"{key}-unit", shown))
    number = count.number_input(
        "Wait before it", min_value=0, max_value=366 * 86_400, step=1,
        key=kept(f"{key}-delay", seconds // UNITS[shown]),
    )  # fmt: skip
    step["delay_seconds"] = int(number) * UNITS[chosen]


def _ways(draft: Editing, place: int, step: dict[str, Any], key: str) -> None:
    targets = {_BELOW: way_words(draft.steps, None, place).removeprefix("then: "), END: "the end"}
    targets |= {each["id"]: f"{number}. {each['name']}" for number, each in enumerate(draft.steps, start=1)
                if each is not step}  # fmt: skip
    st.caption("The first way whose condition holds is taken. A bare name is an output of this step or a signal.")
    check_rows(step["branches"], f"{key}-way", targets={name: words for name, words in targets.items() if name})
    chosen = st.selectbox(
        "Otherwise", list(targets), format_func=targets.__getitem__, key=kept(f"{key}-next", step["next"] or _BELOW)
    )
    step["next"] = chosen or None
