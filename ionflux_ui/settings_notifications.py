"""What a person is told of, and by which way."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.notifications import KINDS, NotificationKind, Ways
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.errors import errors_shown
from ionflux_ui.session import flash

_NAMED: Final[dict[NotificationKind, tuple[str, str]]] = {
    "mention": ("Mentions", "Somebody names you in the chat."),
    "message": ("Messages to you", "Somebody writes in a private channel of yours."),
    "approval": ("Questions", "An agent waits for your answer, or still does."),
    "agent_failed": ("Failed runs", "One line for each agent and ten minutes, however many fail."),
    "agent_finished": ("Finished runs", "Off unless you switch it on: agents finish often."),
    "breaker": ("Stopped agents", "An agent was stopped after failing several times in a row."),
    "budget": ("Budgets", "A run was stopped because its budget was used up."),
    "alert": ("Alerts", "A rule under Alerts has met what it watches for, and when that is over."),
}


def draw_notifications(application: Application, workspace: Workspace) -> None:
    """A line for each kind with its ways, and where mail and webhooks go."""
    user = application.workspaces.owner()
    choices = application.notifications.choices(user.id)
    st.caption("What you are told of, in every workspace. Mail and webhooks go through the outbox of the workspace "
               "where it happened: they leave once that way out is connected under Policies.")  # fmt: skip
    kept: dict[NotificationKind, Ways] = {}
    with st.form("notification_choices", border=True):
        for kind in KINDS:
            name, told = _NAMED[kind]
            ways = choices.of(kind)
            what, app_way, mail_way, hook_way = st.columns([4, 1, 1, 1], vertical_alignment="center")
            what.markdown(f"**{name}**  \n:gray[:small[{told}]]")
            kept[kind] = Ways(
                in_app=app_way.checkbox("App", ways.in_app, key=f"way-app-{kind}"),
                mail=mail_way.checkbox("Mail", ways.mail, key=f"way-mail-{kind}"),
                webhook=hook_way.checkbox("Webhook", ways.webhook, key=f"way-webhook-{kind}"),
            )
        left, right = st.columns(2)
        mail = left.text_input("Mail address", choices.mail_address, max_chars=320, placeholder="me@example.com")
        hook = right.text_input("Webhook address", choices.webhook_url, max_chars=800, placeholder="https://")
        waiting = [each.title for each in application.policies.channels(workspace.id)
                   if each.kind in ("email", "webhook") and not each.connected]  # fmt: skip
        if waiting:
            st.caption(f"In dry run under Policies: {', '.join(waiting)}. Until it is switched off there, the outbox "
                       "only says what it would have sent.")  # fmt: skip
        saved = st.form_submit_button("Save", type="primary", icon=":material/check:")
    if saved:
        with errors_shown():
            application.notifications.save_choices(
                user.id, {"ways": {kind: ways.model_dump() for kind, ways in kept.items()},
                          "mail_address": mail.strip(), "webhook_url": hook.strip()},
            )  # fmt: skip
            flash("Your choices are saved.")
            st.rerun()
