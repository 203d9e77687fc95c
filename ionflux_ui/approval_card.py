"""One question on the screen: why it is asked, the draft, what may be edited, and the answer."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.approvals import ApprovalLine
from ionflux_core.domain.effects import Effect, EffectAction
from ionflux_core.domain.runs import Approval
from ionflux_core.ids import now
from ionflux_ui.approval_fields import draw_editable, draw_fixed, edited
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.run_list import money
from ionflux_ui.run_text import safe_markdown
from ionflux_ui.session import flash, page_link, set_parameters

URGENCY: Final = {
    "low": ":gray-badge[:material/arrow_downward: low]",
    "medium": ":blue-badge[:material/drag_handle: medium]",
    "high": ":orange-badge[:material/arrow_upward: high]",
    "critical": ":red-badge[:material/priority_high: critical]",
}
_UNANSWERED: Final = {"deny": "it counts as denied", "approve": "it counts as approved", "fail": "the run fails"}
_COMMENT_CHARS: Final = 2_000
_ACTIONS: Final[tuple[tuple[EffectAction, str, str, str], ...]] = (
    ("sent", "It was sent", ":material/done_all:", "It is kept as sent, and the run goes on."),
    ("retry", "Send it again", ":material/redo:", "It goes out once more, under the same key."),
    ("give_up", "Give up", ":material/block:", "It is kept as failed, and the run goes on."),
)  # fmt: skip
_OF_MANY: Final[dict[EffectAction, str]] = {
    "sent": "It is kept as sent.",
    "retry": "It goes out with the next run that sends it under the same key.",
    "give_up": "It is kept as failed, and not sent again by itself.",
}


def draw_question(application: Application, approval: Approval, zone: str, *, on_its_run: bool = False) -> None:
    """Draw an open question with its answer form; on the page of its run without the link to it."""
    effect = application.outbox.of_approval(approval.workspace_id, approval.id) if approval.kind != "question" else None
    st.markdown(f":orange[:material/front_hand:] **{escaped(approval.title)}** {badges(approval)}")
    st.caption(_asked(approval, zone), help=exact(approval.created_at, zone), width="content")
    if effect is not None:
        draw_reasons(effect, of_many=effect.batch_id is not None)
    if approval.body:
        with st.container(border=True):
            st.markdown(safe_markdown(approval.body))
    draw_fixed(approval, lambda sha256: application.runs.file(approval.workspace_id, sha256))
    if approval.kind == "uncertain" and effect is not None:
        draw_settling(application, effect)
        with st.container(horizontal=True):
            page_link("outbox", "See what it holds", icon=":material/outbox:", effect=effect.id)
            if not on_its_run:
                page_link("runs", "Open the run", icon=":material/play_circle:", run=approval.run_id)
    else:
        _answer_form(application, approval, linked=not on_its_run)


def badges(approval: Approval) -> str:
    """Urgency, and whether people had to be reminded, as Markdown."""
    marks = [URGENCY[approval.urgency]]
    if approval.status == "pending" and approval.reminded_at:
        marks.append(":orange-badge[:material/notifications_active: reminded]")
    if approval.status == "pending" and approval.expires_at and approval.expires_at < now():
        marks.append(":red-badge[:material/alarm: overdue]")
    return " ".join(marks)


def asker(approval: ApprovalLine) -> str:
    """Who asks, by the name people know."""
    return approval.instance_name or approval.definition_slug


def _asked(approval: Approval, zone: str) -> str:
    who = f"{escaped(asker(approval))} asked " if isinstance(approval, ApprovalLine) else "asked "
    said = f"{who}{ago(approval.created_at, zone)}"
    if approval.expires_at:
        said += f"; without an answer {ago(approval.expires_at, zone)} {_UNANSWERED[approval.on_timeout]}"
    return said


def draw_reasons(effect: Effect, *, of_many: bool = False) -> None:
    """Where an effect goes, what it costs, and why a person is asked; `of_many` when others go with it."""
    cost = f" :gray-badge[about {escaped(money(effect.estimate_micros))}]" if effect.estimate_micros else ""
    tainted = " :red-badge[:material/gpp_maybe: tainted]" if effect.policy == "tainted" else ""
    others = " and others" if of_many else ""
    target = f"**{escaped(effect.target)}**{others}"
    st.markdown(f":gray-badge[:material/send: {escaped(effect.kind)}] to {target}{cost}{tainted}")
    for reason in effect.reasons or []:
        st.markdown(f":small[:gray[{escaped(reason)}]]")


def _answer_form(application: Application, approval: Approval, *, linked: bool) -> None:
    with st.form(f"answer_{approval.id}", border=False):
        written = draw_editable(approval)
        comment = st.text_input(
            "Comment", key=f"comment_{approval.id}", max_chars=_COMMENT_CHARS, placeholder="Kept with the answer"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            yes = st.form_submit_button("Approve", type="primary", icon=":material/check:", key=f"yes_{approval.id}")
            no = st.form_submit_button("Deny", icon=":material/close:", key=f"no_{approval.id}")
            if linked:
                page_link("runs", "Open the run", icon=":material/play_circle:", run=approval.run_id)
    if yes or no:
        with errors_shown():
            application.approvals.decide(
                approval.workspace_id,
                approval.id,
                approved=yes,
                by=application.workspaces.owner().name,
                comment=(comment or "").strip() or None,
                edits=edited(approval.data, written) if yes else None,
            )
            set_parameters(approval=None)
            flash(f"{shortened(approval.title, 120)}: {'approved' if yes else 'denied'}. The run goes on.")
            st.rerun()


def draw_settling(application: Application, effect: Effect) -> None:
    """The three answers to "was it sent?"."""
    with st.container(horizontal=True):
        for action, label, icon, help_text in _ACTIONS:
            # No run waits for one of many: the next run that sends it takes it up.
            help_text = _OF_MANY[action] if effect.batch_id else help_text
            if st.button(label, key=f"{action}_{effect.id}", icon=icon, help=help_text):
                with errors_shown():
                    by = application.workspaces.owner().name
                    application.outbox.act(effect.workspace_id, effect.id, action, by=by)
                    set_parameters(approval=None)
                    follows = "" if effect.batch_id else " The run goes on."
                    flash(f"{shortened(effect.summary, 120)}: {label.lower()}.{follows}")
                    st.rerun()
