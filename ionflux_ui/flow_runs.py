"""The last runs of a flow, each opened on its picture; followed only while one goes on."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.runs import UNFINISHED, RunFilter, RunSummary
from ionflux_ui.agent_costs import show_costs
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.run_list import money
from ionflux_ui.session import application, page_link, set_parameters, workspace
from ionflux_ui.theme import status_badge

_ROWS = 20
_PACE = 2.0
_WIDTHS = [6, 8, 2]


def show_runs(flow: AgentInstance) -> None:
    """Draw the runs of a flow; they follow by themselves only while one is unfinished."""
    runs = _found(flow)
    if not runs:
        with st.container(border=True):
            st.markdown("**No runs yet**")
            st.caption("Every run of this flow is listed here and opens on its picture. Run now starts one.")
        return
    busy = any(run.status in UNFINISHED for run in runs)
    st.fragment(_show_followed, run_every=_PACE if busy else None)(flow, busy)
    page_link("runs", "All runs of this flow", icon=":material/play_circle:", instance=flow.id)


def _found(flow: AgentInstance) -> list[RunSummary]:
    return application().runs.find(flow.workspace_id, RunFilter(instance_id=flow.id), limit=_ROWS).runs


def _show_followed(flow: AgentInstance, was_busy: bool) -> None:
    runs = _found(flow)
    if was_busy and not any(run.status in UNFINISHED for run in runs):
        st.rerun()
    show_costs(flow)
    zone = workspace().settings.timezone
    for run in runs:
        _show_run(run, zone)


def _show_run(run: RunSummary, zone: str) -> None:
    with st.container(border=True, key=f"flow-run-{run.id}"):
        status, said, way = st.columns(_WIDTHS, vertical_alignment="center")
        dry = " :gray-badge[:material/science: dry]" if run.dry_run else ""
        about = f"{ago(run.created_at, zone)}, {_took(run)}, {run.trigger_kind}, {money(run.cost_micros)}"
        status.markdown(f"{status_badge(run.status)}{dry} :gray[:small[{escaped(about)}]]",
                        help=exact(run.created_at, zone))  # fmt: skip
        if run.error_message:
            said.markdown(f":red[:small[{escaped(shortened(run.error_message, 110))}]]")
        elif run.preview:
            said.caption(escaped(shortened(run.preview, 110)))
        if way.button("Show", key=f"flow-show-{run.id}", icon=":material/visibility:", help="On the picture"):
            set_parameters(run=run.id, tab=None)
            st.rerun()


def _took(run: RunSummary) -> str:
    if run.started_at is None:
        return "not started"
    return duration((run.finished_at - run.started_at).total_seconds()) if run.finished_at else "going on"
