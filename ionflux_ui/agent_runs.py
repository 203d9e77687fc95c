"""The last runs of an instance, live while something runs, and the figures the last one reported."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, KpiSpec
from ionflux_core.domain.runs import UNFINISHED, RunFilter, RunSummary
from ionflux_ui.agent_costs import show_costs
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import human
from ionflux_ui.approval_share import show_acceptance
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.session import application, page_link
from ionflux_ui.theme import status_badge

_ROWS = 20
_WIDTHS = [3, 6, 8]


def show_runs(subject: Subject, instance: AgentInstance) -> None:
    """Draw figures and runs; they follow by themselves only while a run is unfinished."""
    narrow = RunFilter(instance_id=instance.id)
    runs = application().runs.find(subject.workspace_id, narrow, limit=_ROWS).runs
    if not runs:
        with st.container(border=True):
            st.markdown("**No runs yet**")
            st.caption(
                "Every run of this agent is listed here, with what it found and what it cost. Run now starts one."
            )
        return
    busy = any(run.status in UNFINISHED for run in runs)
    st.fragment(_show_followed, run_every=2 if busy else None)(subject, instance, busy)
    page_link("runs", "All runs of this agent", icon=":material/play_circle:", instance=instance.id)
    page_link("dashboard", "Its figures over time", icon=":material/monitoring:", instance=instance.id)


def _show_followed(subject: Subject, instance: AgentInstance, was_busy: bool) -> None:
    runs = application().runs.find(subject.workspace_id, RunFilter(instance_id=instance.id), limit=_ROWS).runs
    if was_busy and not any(run.status in UNFINISHED for run in runs):
        st.rerun()
    _show_figures(subject, runs)
    show_costs(instance)
    show_acceptance(instance)
    for run in runs:
        _show_run(run, subject.zone)


def _show_figures(subject: Subject, runs: list[RunSummary]) -> None:
    last = next((run for run in runs if run.status == "success" and not run.dry_run), None)
    if last is None:
        return
    figures = application().runs.get(subject.workspace_id, last.id).kpis
    if not figures:
        return
    known = {kpi.name: kpi for kpi in subject.definition.kpis}
    st.caption(f"Reported by the last successful run, {ago(last.created_at, subject.zone)}")
    with st.container(horizontal=True, key="agent-figures"):
        for name, value in figures.items():
            title, unit, formula = _about(name, known.get(name))
            st.metric(escaped(title), figure(value, unit), help=escaped(formula) or None, width="content")


def _about(name: str, kpi: KpiSpec | None) -> tuple[str, str, str]:
    if kpi is None:
        return human(name), "", ""
    return kpi.title, "" if kpi.unit in ("count", "currency") else kpi.unit, kpi.description


def figure(value: Any, unit: str) -> str:
    """A reported figure with its unit, or the reason why it was not computed."""
    if isinstance(value, dict) and "not_computed" in value:
        return "not computed"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
    return f"{text} {unit}".strip()


def _show_run(run: RunSummary, zone: str) -> None:
    with st.container(border=True, key=f"agent-run-{run.id}"):
        at, status, said = st.columns(_WIDTHS, vertical_alignment="center")
        with at:
            page_link("runs", ago(run.created_at, zone), run=run.id)
        with status:
            dry = " :gray-badge[:material/science: dry]" if run.dry_run else ""
            about = f":gray[:small[{_took(run)}, {run.trigger_kind}]]"
            st.markdown(f"{status_badge(run.status)}{dry} {about}", help=exact(run.created_at, zone))
        with said:
            if run.error_message:
                st.markdown(f":red[:small[{escaped(shortened(run.error_message, 110))}]]")
            elif run.preview:
                st.caption(escaped(shortened(run.preview, 110)))


def _took(run: RunSummary) -> str:
    if run.started_at is None:
        return "not started"
    return duration((run.finished_at - run.started_at).total_seconds()) if run.finished_at else "running"
