"""What needs a person now: questions to answer, agents that stopped, webhooks nobody can sign, schedules, failures."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.incidents import Incident
from ionflux_core.domain.triggers import Trigger
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.errors import errors_shown
from ionflux_ui.home_approvals import show_approvals
from ionflux_ui.home_day import moment, run_rows
from ionflux_ui.home_signals import FAILED, MissingSecret, failed_count, failed_filter, missing_secrets, open_incidents
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.session import application, flash, page_link

_SHOWN = 3


def show_attention(workspace: Workspace) -> None:
    """Draw everything that waits for a person, the most pressing first."""
    app, zone = application(), workspace.settings.timezone
    approvals = app.approvals.count(workspace.id)
    stopped = [each for each in app.agents.find(workspace.id) if each.status == "error_requires_review"]
    unsigned = missing_secrets(app, workspace.id)
    overdue = app.triggers.overdue(workspace.id)
    failed = failed_count(app, workspace.id)
    troubles = open_incidents(app, workspace.id)
    st.markdown("### Needs you now")
    if not (approvals or stopped or unsigned or overdue or failed or troubles):
        with st.container(border=True):
            st.markdown(":green[:material/check_circle:] Nothing waits for you.")
        return
    if approvals:
        show_approvals(workspace, approvals)
    for instance in stopped:
        _stopped(instance)
    if troubles:
        _incidents(troubles, zone)
    for missing in unsigned[:_SHOWN]:
        _unsigned(missing)
    for trigger in overdue[:_SHOWN]:
        _overdue(trigger, zone)
    if failed:
        _failed(workspace, failed)


def _stopped(instance: AgentInstance) -> None:
    with st.container(border=True, key=f"stopped_{instance.id}"):
        st.markdown(f":red[:material/report:] **{escaped(instance.name)} has stopped and asks for review**")
        st.text(instance.status_reason or f"{counted(instance.consecutive_failures, 'run')} failed in a row.")
        with st.container(horizontal=True, vertical_alignment="center"):
            again = st.button("Set it active again", key=f"activate_{instance.id}", icon=":material/restart_alt:")
            page_link("agents", "Open the agent", icon=":material/smart_toy:", instance=instance.id)
            page_link("runs", "Its failed runs", icon=":material/error:", instance=instance.id, status="error")
        if again:
            with errors_shown():
                app = application()
                app.agents.set_status(instance.workspace_id, instance.id, "active", by=app.workspaces.owner().name)
                flash(f"{instance.name} is active again.")
                st.rerun()


def _incidents(troubles: list[Incident], zone: str) -> None:
    """What the alert rules have found, the newest first, each as a line; the page of alerts has the rest."""
    with st.container(border=True, key="home_incidents", gap="small"):
        for incident in troubles[:_SHOWN]:
            st.markdown(f":orange[:material/notification_important:] **{escaped(shortened(incident.title, 140))}**")
            moment(incident.opened_at, zone, "since then" if incident.sightings > 1 else "")
        more = f", {len(troubles) - _SHOWN} more" if len(troubles) > _SHOWN else ""
        page_link("alerts", f"Open incidents{more}", icon=":material/notifications_active:")


def _unsigned(missing: MissingSecret) -> None:
    with st.container(border=True, key=f"unsigned_{missing.trigger.id}"):
        name = escaped(missing.trigger.instance_name)
        st.markdown(f":orange[:material/key_off:] **The webhook of {name} accepts nothing yet**")
        st.text(f"Its sender signs with a secret that is not stored here: {missing.name}")
        with st.container(horizontal=True):
            page_link("settings", "Store the secret", icon=":material/key:", tab="secrets", secret=missing.name)
            page_link("agents", "Open the agent", icon=":material/smart_toy:", instance=missing.trigger.instance_id)


def _overdue(trigger: Trigger, zone: str) -> None:
    with st.container(border=True, key=f"overdue_{trigger.id}"):
        st.markdown(f":orange[:material/alarm:] **{escaped(trigger.instance_name)} is overdue** `{trigger.key}`")
        if trigger.next_due:
            moment(trigger.next_due, zone, "was its time")
        st.text("Nobody keeps the clock: a server with IONFLUX_SCHEDULER and IONFLUX_WORKERS on must run.")
        page_link("settings", "Look at the health", icon=":material/monitor_heart:", tab="health")


def _failed(workspace: Workspace, count: int) -> None:
    narrow = failed_filter()
    st.markdown(f"#### {counted(count, 'run')} failed in the last 24 hours", anchors=False)
    run_rows(application().runs.find(workspace.id, narrow, limit=_SHOWN).runs, workspace, key="home_failed")
    since = narrow.since.isoformat(timespec="seconds") if narrow.since else None
    page_link("runs", "All failed runs", icon=":material/list:", status=",".join(FAILED), since=since)
