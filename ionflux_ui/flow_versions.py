"""The saved versions of a flow: who saved what and when, any two compared, any one brought back."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, InstanceVersion
from ionflux_core.errors import IonfluxError
from ionflux_ui.agent_words import BY
from ionflux_ui.compare_versions import draw_version_difference
from ionflux_ui.errors import show_error
from ionflux_ui.flow_desk import Desk
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, parameter, set_parameters, workspace

_SHOWN = 30


def show_versions(desk: Desk, flow: AgentInstance) -> None:
    """Draw the list of versions, the comparison, and the way back."""
    versions = application().agents.versions(flow.workspace_id, flow.id)
    key = f"all-versions-{flow.id}"
    listed, compared = st.columns([2, 3], gap="large")
    with compared:
        _show_comparison(flow, versions)
    with listed:
        shown = versions if st.session_state.get(key) else versions[:_SHOWN]
        for version in shown:
            _show_version(desk, flow, version)
        if len(versions) > len(shown) and st.button("Show all", key="flow-all-versions"):
            st.session_state[key] = True
            st.rerun()


def _show_version(desk: Desk, flow: AgentInstance, version: InstanceVersion) -> None:
    current = version.version == flow.version
    zone = workspace().settings.timezone
    with st.container(border=True):
        badge = " :green-badge[:material/check: in use]" if current else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Version {version.version}**{badge}", width="stretch")
            if not current and st.button("Restore", key=f"restore-{version.version}", icon=":material/history:",
                                         help="Saves this text again as the next version."):  # fmt: skip
                _restore(desk, flow, version)
        said = f"{escaped(version.author or 'unknown')}, {ago(version.created_at, zone)}"
        st.caption(said, help=exact(version.created_at, zone))
        if version.message:
            st.text(version.message)


def _show_comparison(flow: AgentInstance, versions: list[InstanceVersion]) -> None:
    if len(versions) < 2:
        st.caption("There is one version. The next save makes a second, and the two can be compared here.")
        return
    numbers = [version.version for version in versions]
    with st.container(horizontal=True):
        old = _choose("From version", "from", numbers, numbers[1])
        new = _choose("To version", "to", numbers, numbers[0])
    found = application().comparisons.versions(flow.workspace_id, flow.id, old, new)
    draw_version_difference(found, f"from version {old} to version {new}", key=f"versions-{flow.id}")


def _choose(label: str, name: str, numbers: list[int], usual: int) -> int:
    wanted = parameter(name) or ""
    chosen = next((number for number in numbers if str(number) == wanted), usual)
    key = f"flow-version-{name}"
    return st.selectbox(label, numbers, numbers.index(chosen), key=key,
                        on_change=lambda: set_parameters(**{name: str(st.session_state[key])}))  # fmt: skip


def _restore(desk: Desk, flow: AgentInstance, version: InstanceVersion) -> None:
    """Save an earlier text again; what was being written stays on the desk and is told to be older."""
    try:
        saved = application().flows.save(
            flow.workspace_id, flow.id, version.yaml, message=f"version {version.version} again", by=BY,
            expected_version=flow.version,
        )  # fmt: skip
    except IonfluxError as error:
        show_error(error)
        return
    if not desk.draft.is_changed:
        desk.keep_as(saved.yaml, saved.version)
    flash(f"Version {version.version} is back, as version {saved.version}.")
    set_parameters(**{"from": None, "to": None})
    st.rerun()
