"""The outbox on the screen: a list with filters, and one effect with its payload and what can be done."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.effects import EFFECT_STATUSES, Effect, EffectFilter, EffectLine
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.approval_card import draw_reasons, draw_settling
from ionflux_ui.approval_fields import kind_of, label_of
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.run_outputs import draw_value
from ionflux_ui.session import page_link, parameter, set_parameters

ROWS: Final = 25
_NAMES: Final = ("status", "kind", "agent", "run")
LOOKS: Final = {
    "draft": ("gray", "edit_note", "Draft"),
    "awaiting_approval": ("orange", "front_hand", "Awaiting approval"),
    "sending": ("orange", "progress_activity", "Sending"),
    "sent": ("green", "check_circle", "Sent"),
    "failed": ("red", "error", "Failed"),
    "uncertain": ("orange", "help", "Perhaps sent"),
    "denied": ("gray", "block", "Denied"),
    "would_send": ("blue", "science", "Would be sent"),
}


def effect_badge(status: str) -> str:
    """A state of an effect as a Markdown badge: colour, icon and word."""
    tone, icon, word = LOOKS[status]
    return f":{tone}-badge[:material/{icon}: {word}]"


def filter_in_address() -> EffectFilter:
    """The filter the address asks for; an unknown state is left out."""
    status = parameter("status")
    return EffectFilter(
        status=status if status in EFFECT_STATUSES else None,
        kind=parameter("kind"),
        agent=parameter("agent"),
        run_id=parameter("run"),
    )


def is_narrowed() -> bool:
    """Whether the address narrows the list at all."""
    return any(parameter(name) for name in _NAMES)


def clear_filters() -> None:
    """Take every filter out of the address."""
    set_parameters(**dict.fromkeys(_NAMES), before=None)


def draw_filters(application: Application, workspace: Workspace) -> None:
    """State, channel and agent; a change goes into the address before the page is drawn again."""
    status, kind, agent = st.columns(3)
    _choice(status, "State", "status", {word: LOOKS[word][2] for word in EFFECT_STATUSES})
    _choice(kind, "Channel", "kind", {word: word for word in application.outbox.kinds(workspace.id)})
    named = {each.id: each.name for each in application.agents.find(workspace.id, archived=True)}
    named |= {each.slug: f"{each.name} (agent)" for each in application.marketplace.definitions()}
    _choice(agent, "Agent", "agent", named)


def _choice(place: Any, label: str, name: str, known: dict[str, str]) -> None:
    key, held = f"outbox_{name}", parameter(name)
    chosen = held if held in known else None
    if st.session_state.get(key) != chosen:
        st.session_state[key] = chosen
    place.selectbox(
        label, list(known), key=key, index=None, placeholder="Any", format_func=lambda word: known[word],
        on_change=lambda: set_parameters(**{name: st.session_state[key], "before": None}),
    )  # fmt: skip


def draw_line(effect: EffectLine, zone: str) -> None:
    """One line of the list; its summary opens it."""
    with st.container(border=True, key=f"effect_{effect.id}"):
        state, what, when = st.columns([2, 5, 2], vertical_alignment="center")
        dry = " :gray-badge[dry run]" if effect.dry_run and effect.status != "would_send" else ""
        state.markdown(effect_badge(effect.status) + dry)
        with what.container(gap=None):
            st.button(
                escaped(shortened(effect.summary, 90)), key=f"open_{effect.id}", type="tertiary",
                on_click=lambda: set_parameters(effect=effect.id),
            )  # fmt: skip
            st.caption(f"{escaped(effect.kind)} to {escaped(shortened(effect.target, 90))}")
        when.caption(
            f"{escaped(effect.instance_name or effect.definition_slug)}  \n{ago(effect.created_at, zone)}",
            help=exact(effect.created_at, zone),
        )


def draw_effect(application: Application, effect: Effect, zone: str) -> None:
    """One effect: its state, why it stands there, what goes out, and the answers to "was it sent?"."""
    st.button("All effects", icon=":material/arrow_back:", type="tertiary",
              on_click=lambda: set_parameters(effect=None))  # fmt: skip
    st.title(escaped(effect.summary), anchor=False)
    st.markdown(effect_badge(effect.status))
    draw_reasons(effect)
    _facts(effect, zone)
    if effect.error:
        st.markdown(f":red[:material/error:] {escaped(str(effect.error.get('message', '')))}")
        if effect.error.get("hint"):
            st.caption(escaped(str(effect.error["hint"])))
    if effect.status == "uncertain":
        st.markdown("**Was it sent?** Ask the other side, then say so.")
        draw_settling(application, effect)
    with st.container(horizontal=True):
        page_link("runs", "Open the run", icon=":material/play_circle:", run=effect.run_id)
        if effect.approval_id:
            page_link("approvals", "Open the question", icon=":material/front_hand:", approval=effect.approval_id)
    st.subheader("What goes out", anchor=False)
    for name, value in effect.payload.items():
        with st.container(border=True):
            st.caption(label_of(name))
            draw_value(value, kind_of(value), key=f"payload-{effect.id}-{name}",
                       read=lambda sha256: application.runs.file(effect.workspace_id, sha256))  # fmt: skip
    if effect.response:
        with st.expander("What came back"):
            st.json(effect.response, expanded=2)


def _facts(effect: Effect, zone: str) -> None:
    facts = [
        ("Agent", effect.instance_name or effect.definition_slug),
        ("Noted", ago(effect.created_at, zone)),
        ("Sent", ago(effect.sent_at, zone) if effect.sent_at else "–"),
        ("Tries", str(effect.attempts)),
        ("When in doubt", {"ask": "ask", "skip": "leave it", "retry": "send again"}[effect.on_uncertain]),
    ]
    with st.container(horizontal=True, gap="medium"):
        for name, value in facts:
            with st.container(width=150, gap=None):
                st.caption(name)
                st.text(value)
    st.caption(f"Key: {escaped(effect.idempotency_key)}")
