"""The inbox of questions: open ones beside the chosen one, decided ones with what was changed."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.approvals import URGENCIES, Acceptance, ApprovalFilter, ApprovalLine, View
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import NotFound
from ionflux_ui.approval_card import URGENCY, asker, badges, draw_question, draw_reasons
from ionflux_ui.approval_changes import draw_changes
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.session import page_link, parameter, set_parameters

ROWS: Final = 15
_LIST, _DETAIL = 2, 3
_VERDICT: Final = {
    "approved": ":green-badge[:material/check_circle: Approved]",
    "denied": ":red-badge[:material/cancel: Denied]",
    "timed_out": ":gray-badge[:material/alarm: Not answered in time]",
    "withdrawn": ":gray-badge[:material/undo: Withdrawn]",
    "pending": ":orange-badge[:material/front_hand: Open]",
}


def filter_in_address() -> ApprovalFilter:
    """The filter the address asks for; what means nothing there is left out."""
    urgency = parameter("urgency")
    return ApprovalFilter(agent=parameter("agent"), urgency=urgency if urgency in URGENCIES else None)


def is_narrowed() -> bool:
    """Whether the address narrows the list at all."""
    return bool(parameter("agent") or parameter("urgency"))


def clear_filters() -> None:
    """Take every filter out of the address."""
    set_parameters(agent=None, urgency=None, after=None, approval=None)


def draw_filters(application: Application, workspace: Workspace) -> None:
    """Agent and urgency; a change goes into the address before the page is drawn again."""
    named = {each.id: each.name for each in application.agents.find(workspace.id, archived=True)}
    named |= {each.slug: f"{each.name} (agent)" for each in application.marketplace.definitions()}
    left, right = st.columns(2)
    _choice(left, "Agent", "agent", named)
    _choice(right, "Urgency", "urgency", {word: word.capitalize() for word in URGENCIES})


def _choice(place: Any, label: str, name: str, known: dict[str, str]) -> None:
    key, held = f"approvals_{name}", parameter(name)
    chosen = held if held in known else None
    if st.session_state.get(key) != chosen:
        st.session_state[key] = chosen
    place.selectbox(
        label, list(known), key=key, index=None, placeholder="Any", format_func=lambda word: known[word],
        on_change=lambda: set_parameters(**{name: st.session_state[key], "after": None, "approval": None}),
    )  # fmt: skip


def draw_open(application: Application, workspace: Workspace, found: list[ApprovalLine]) -> None:
    """The list of open questions, and the chosen one (the most urgent at first) beside it."""
    chosen = _chosen(application, workspace, found)
    listed, shown = st.columns([_LIST, _DETAIL], gap="large")
    with listed:
        for approval in found:
            _row(approval, workspace.settings.timezone, chosen=chosen is not None and approval.id == chosen.id)
    with shown:
        if chosen is None:
            st.caption("This question is not open any more. Choose another one.")
        elif chosen.status != "pending":
            draw_decided(application, chosen, workspace.settings.timezone)
        else:
            with st.container(border=True, key=f"approval_{chosen.id}"):
                draw_question(application, chosen, workspace.settings.timezone)


def _chosen(application: Application, workspace: Workspace, found: list[ApprovalLine]) -> ApprovalLine | None:
    wanted = parameter("approval")
    if wanted is None:
        # From now on the address names it: should somebody else answer it, that is what is shown.
        set_parameters(approval=found[0].id if found else None)
        return found[0] if found else None
    try:
        return application.approvals.get(workspace.id, wanted)
    except NotFound:
        return None


def _row(approval: ApprovalLine, zone: str, *, chosen: bool) -> None:
    with st.container(border=chosen, gap=None, key=f"question_{approval.id}"):
        icon = ":material/help_center:" if approval.kind == "uncertain" else ":material/front_hand:"
        st.button(
            escaped(shortened(approval.title, 46)), key=f"open_{approval.id}", type="tertiary", icon=icon,
            on_click=lambda: set_parameters(approval=approval.id),
        )  # fmt: skip
        until = f", until {ago(approval.expires_at, zone)}" if approval.expires_at else ""
        about = f"{escaped(asker(approval))}, {ago(approval.created_at, zone)}{until}"
        st.markdown(f"{badges(approval)} :small[:gray[{about}]]")


def draw_decided(application: Application, approval: ApprovalLine, zone: str) -> None:
    """One answered question: who said what, and how the draft was changed."""
    with st.container(border=True, key=f"decided_{approval.id}"):
        edited = " :violet-badge[:material/edit: edited]" if approval.edits and approval.kind != "uncertain" else ""
        st.markdown(f"{_VERDICT[approval.status]} {URGENCY[approval.urgency]}{edited} **{escaped(approval.title)}**")
        at = approval.decided_at or approval.created_at
        by = f" by {escaped(approval.decided_by)}" if approval.decided_by else ""
        st.caption(f"{escaped(asker(approval))}, {ago(at, zone)}{by}", help=exact(at, zone), width="content")
        if approval.comment:
            st.text(f"“{approval.comment}”")
        if approval.edits and approval.kind != "uncertain":
            draw_changes(approval)
        with st.expander("The draft and the run"):
            effect = application.outbox.of_approval(approval.workspace_id, approval.id)
            if effect is not None:
                draw_reasons(effect)
                page_link("outbox", "Open in the outbox", icon=":material/outbox:", effect=effect.id)
            if approval.data:
                st.json(approval.data, expanded=1)
            page_link("runs", "Open the run", icon=":material/play_circle:", run=approval.run_id)


def acceptance_words(acceptance: Acceptance) -> tuple[str, str]:
    """The share accepted unedited as a figure and as a sentence; no figure before the first decision."""
    if acceptance.rate is None:
        return "not computed", "Nobody has decided over a draft yet."
    said = f"{acceptance.unedited:,} as drafted, {acceptance.edited:,} edited, {acceptance.denied:,} denied"
    return f"{acceptance.rate:.0%}", f"Accepted unedited over all {acceptance.decided:,} decisions: {said}."


def draw_pager(view: View, cursor: str | None) -> None:
    """On to older questions, and back to the first page."""
    if not cursor and not parameter("after"):
        return
    with st.container(horizontal=True):
        if parameter("after"):
            st.button("First page", icon=":material/first_page:", on_click=lambda: set_parameters(after=None))
        if cursor:
            label = "Less urgent" if view == "open" else "Earlier"
            st.button(
                label, icon=":material/chevron_right:", icon_position="right",
                on_click=lambda: set_parameters(after=cursor, approval=None),
            )  # fmt: skip
