"""Settings, Policies: which ways out are connected, and what may go out without asking."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.policies import ANY, Policy
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.services.policies import ChannelState
from ionflux_ui.approval_fields import label_of
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.session import flash
from ionflux_ui.settings_suppressions import draw_suppressions

_VERDICTS: Final = {
    "ask": "Ask a person",
    "allow": "Allow",
    "deny": "Forbid",
    "ask_above": "Ask above a cost",
}
_BADGES: Final = {
    "ask": ":blue-badge[:material/front_hand: ask]",
    "allow": ":green-badge[:material/check_circle: allow]",
    "deny": ":red-badge[:material/block: forbid]",
    "ask_above": ":orange-badge[:material/payments: ask above]",
}


def draw_policies(application: Application, workspace: Workspace) -> None:
    """Channels with their switch, then the rules in their order."""
    st.subheader("Channels", anchor=False)
    st.caption("A channel in dry run sends nothing: the outbox shows what would have gone out.")
    for channel in application.policies.channels(workspace.id):
        _channel(application, workspace, channel)
    st.subheader("Policies", anchor=False)
    st.caption(
        "The first one that fits decides; without one a person is asked. A run that has read text from outside (a "
        "webhook, a web page, an uploaded file) is asked for every effect, whatever stands here."
    )
    policies = application.policies.find(workspace.id)
    for place, policy in enumerate(policies):
        _policy(application, workspace, policies, place, policy)
    _new_policy(application, workspace, policies)
    draw_suppressions(application, workspace)


def _channel(application: Application, workspace: Workspace, channel: ChannelState) -> None:
    state = (
        ":green-badge[:material/link: Connected]" if channel.connected else ":gray-badge[:material/science: Dry run]"
    )
    with st.container(border=True, key=f"channel_{channel.kind}"):
        st.markdown(f"**{escaped(channel.title)}** :gray-badge[{escaped(channel.kind)}] {state}")
        st.caption(escaped(channel.description))
        key = f"channel_{workspace.id}_{channel.kind}"
        with st.form(key, border=False):
            dry = st.toggle("Dry run", channel.settings.dry_run, key=f"{key}_dry", help="Show it, send nothing.")
            with st.expander("Where it may send, and its options"):
                allowed = st.text_area(
                    "Allowed targets", "\n".join(channel.settings.allow), key=f"{key}_allow", height=90,
                    placeholder="https://hooks.example.com/*", help="One a line, * stands for anything; empty allows "
                    "every target.",
                )  # fmt: skip
                options = {
                    name: st.text_input(label_of(name), channel.settings.options.get(name, ""), key=f"{key}_{name}",
                                        help=escaped(about))
                    for name, about in channel.known_options.items()
                }  # fmt: skip
            saved = st.form_submit_button("Save")
    if saved:
        with errors_shown():
            changes: dict[str, Any] = {
                "dry_run": dry,
                "allow": [line.strip() for line in allowed.splitlines() if line.strip()],
                "options": {name: (value or "").strip() for name, value in options.items()},
            }
            application.policies.set_channel(workspace.id, channel.kind, changes)
            flash(f"{channel.title}: {'dry run' if dry else 'connected'}.")
            st.rerun()


def _policy(application: Application, workspace: Workspace, policies: list[Policy], place: int, policy: Policy) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"policy_{place}"):
        amount = f" ${policy.amount:,.2f}" if policy.amount is not None else ""
        channel = "every channel" if policy.channel == ANY else policy.channel
        agent = "every agent" if policy.agent == ANY else policy.agent
        said = f"{place + 1}. {_BADGES[policy.verdict]} {escaped(amount)} for **{escaped(channel)}**"
        st.markdown(f"{said} by **{escaped(agent)}**", width="stretch")
        others = [each for number, each in enumerate(policies) if number != place]
        if place and st.button("Earlier", key=f"up_{place}", icon=":material/arrow_upward:", type="tertiary"):
            _save(application, workspace, [*others[: place - 1], policy, *others[place - 1 :]], "Moved.")
        if st.button("Remove", key=f"remove_{place}", icon=":material/delete:", type="tertiary"):
            _save(application, workspace, others, "Removed.")


def _new_policy(application: Application, workspace: Workspace, policies: list[Policy]) -> None:
    channels = [ANY, *(each.kind for each in application.policies.channels(workspace.id))]
    agents = [ANY, *(each.name for each in application.agents.find(workspace.id))]
    with st.form("new_policy", border=True, clear_on_submit=True):
        first, second, third, fourth = st.columns(4)
        verdict = first.selectbox("What happens", list(_VERDICTS), format_func=lambda word: _VERDICTS[word])
        channel = second.selectbox("Channel", channels, accept_new_options=True, format_func=_named)
        agent = third.selectbox("Agent", agents, accept_new_options=True, format_func=_named)
        amount = fourth.number_input("Above (US dollars)", 0.0, 1_000_000.0, 1.0, help="Only for “ask above a cost”.")
        added = st.form_submit_button("Add policy", icon=":material/add:", type="primary")
    if added:
        with errors_shown():
            draft = {"verdict": verdict, "channel": channel or ANY, "agent": agent or ANY}
            if verdict == "ask_above":
                draft["amount"] = amount  # type: ignore[assignment]
            application.policies.save(workspace.id, [*policies, draft])
            _said("Added.")


def _named(word: str) -> str:
    return "Any" if word == ANY else word


def _save(application: Application, workspace: Workspace, policies: list[Policy], said: str) -> None:
    with errors_shown():
        application.policies.save(workspace.id, policies)
        _said(said)


def _said(message: str) -> None:
    flash(message)
    st.rerun()
