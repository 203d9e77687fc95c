"""The executions of a playbook: what came of them, and the way each one took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from ionflux_core.domain.playbook_runs import Execution, PassedStep, Performance
from ionflux_core.domain.playbooks import Playbook
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, page_link, parameter, set_parameters
from ionflux_ui.theme import status_badge

_ROWS = 25
_STATES: Final[Mapping[str, str]] = {
    "running": ":orange[:material/progress_activity:]",
    "waiting": ":orange[:material/hourglass_empty:]",
    "done": ":green[:material/check_circle:]",
    "failed": ":red[:material/error:]",
    "passed_over": ":gray[:material/skip_next:]",
}
_WORDS: Final[Mapping[str, str]] = {
    "running": "under way", "waiting": "waiting", "done": "done", "failed": "failed", "passed_over": "passed over",
}  # fmt: skip


def show_runs(workspace: Workspace, playbook: Playbook) -> None:
    """Draw the figures and a page of executions."""
    _show_figures(application().playbook_figures.performance(workspace.id, playbook.id), playbook)
    before = parameter("before")
    found = application().playbook_figures.executions(workspace.id, playbook.id, before=before, limit=_ROWS + 1)
    if not found and not before:
        with st.container(border=True):
            st.text("Nobody has been through it yet. Each time its event comes, an execution stands here.")
        return
    for execution in found[:_ROWS]:
        _show_line(workspace, playbook, execution)
    with st.container(horizontal=True):
        st.button("Newest", disabled=not before, on_click=lambda: set_parameters(before=None))
        following = found[_ROWS - 1].run_id if len(found) > _ROWS else None
        st.button("Older", disabled=following is None, on_click=lambda: set_parameters(before=following))


def _show_figures(figures: Performance, playbook: Playbook) -> None:
    wanted = playbook.conversion
    with st.container(horizontal=True):
        st.metric("Triggered", f"{figures.total_triggered:,}", width="content")
        st.metric("Completed", f"{figures.total_completed:,}", width="content", help="Came to their end.")
        st.metric("Under way", f"{figures.running:,}", width="content", help="Waiting or being worked on.")
        rate = figures.conversion_rate
        st.metric(
            "Conversion", "not computed" if rate is None else f"{rate:.1%}", width="content",
            help=f"Executions whose customer had {escaped(wanted.event)} within {wanted.within_days} days.",
        )  # fmt: skip
    if rate is None:
        st.caption(f":material/info: {escaped(figures.not_computed.get('conversion_rate', ''))}")
    else:
        st.caption(f"{figures.converted:,} of {figures.counted:,} executions that name their customer.")


def _show_line(workspace: Workspace, playbook: Playbook, execution: Execution) -> None:
    zone, opened = workspace.settings.timezone, parameter("execution") == execution.run_id
    with st.container(border=True, gap="xsmall", key=f"execution-{execution.run_id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            who = escaped(execution.customer or "customer not named")
            rehearsal = " :gray-badge[dry run]" if execution.dry_run else ""
            st.markdown(f"{status_badge(execution.status)} **{who}**{rehearsal}", width="stretch")
            st.button(
                "Hide the way" if opened else "Show the way", key=f"way-{execution.run_id}", type="tertiary",
                on_click=lambda: set_parameters(execution=None if opened else execution.run_id),
            )  # fmt: skip
            page_link("runs", "Its run", icon=":material/play_circle:", run=execution.run_id)
        st.caption(f"Began {ago(execution.started_at, zone)}", help=exact(execution.started_at, zone), width="content")
        if opened:
            with errors_shown():
                whole = application().playbook_figures.execution(workspace.id, playbook.id, execution.run_id)
                for step in whole.path:
                    _show_step(step, zone)
                if not whole.path:
                    st.text("It ended before a step; its run says why." if execution.finished_at
                            else "It has not come to a step yet.")  # fmt: skip


def _show_step(step: PassedStep, zone: str) -> None:
    at = step.until or step.ended_at or step.at
    word = f"goes on {ago(at, zone)}" if step.until else f"{_WORDS[step.state]}, {ago(at, zone)}"
    note = f" · {escaped(step.note)}" if step.note else ""
    st.markdown(
        f"{_STATES[step.state]} {escaped(step.name)} :gray[{word}{note}]",
        help=exact(at, zone), width="content",
    )  # fmt: skip
