"""The saved versions of an instance: who saved what and when, any two compared, any one brought back."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, InstanceVersion
from ionflux_core.errors import IonfluxError
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY
from ionflux_ui.compare_versions import draw_version_difference
from ionflux_ui.errors import show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, parameter, set_parameters

_SHOWN = 30


def show_versions(subject: Subject, instance: AgentInstance) -> None:
    """Draw the list of versions, the comparison, and the way back."""
    versions = application().agents.versions(subject.workspace_id, instance.id)
    listed, compared = st.columns([2, 3], gap="large")
    with compared:
        _show_comparison(subject, instance, versions)
    with listed:
        for version in versions[: _count_shown(instance)]:
            _show_version(subject, instance, version)
        if len(versions) > _count_shown(instance) and st.button("Show all", key="agent-all-versions"):
            st.session_state[f"all-versions-{instance.id}"] = True
            st.rerun()


def _count_shown(instance: AgentInstance) -> int:
    return 10_000 if st.session_state.get(f"all-versions-{instance.id}") else _SHOWN


def _show_version(subject: Subject, instance: AgentInstance, version: InstanceVersion) -> None:
    current = version.version == instance.version
    with st.container(border=True):
        badge = " :green-badge[:material/check: in use]" if current else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Version {version.version}**{badge}", width="stretch")
            if not current and st.button("Restore", key=f"restore-{version.version}", icon=":material/history:",
                                         help="Saves this text again as the next version."):  # fmt: skip
                _restore(subject, instance, version.version)
        st.caption(
            f"{escaped(version.author or 'unknown')}, {ago(version.created_at, subject.zone)}",
            help=exact(version.created_at, subject.zone),
        )
        if version.message:
            st.text(version.message)


def _show_comparison(subject: Subject, instance: AgentInstance, versions: list[InstanceVersion]) -> None:
    if len(versions) < 2:
        st.caption("There is one version. The next save makes a second, and the two can be compared here.")
        return
    numbers = [version.version for version in versions]
    with st.container(horizontal=True):
        old = _choose("From version", "from", numbers, numbers[1])
        new = _choose("To version", "to", numbers, numbers[0])
    found = application().comparisons.versions(subject.workspace_id, instance.id, old, new)
    draw_version_difference(found, f"from version {old} to version {new}", key=f"versions-{instance.id}")


def _choose(label: str, name: str, numbers: list[int], usual: int) -> int:
    wanted = parameter(name) or ""
    chosen = next((number for number in numbers if str(number) == wanted), usual)
    key = f"agent-version-{name}"
    return st.selectbox(
        label,
        numbers,
        numbers.index(chosen),
        key=key,
        on_change=lambda: set_parameters(**{name: str(st.session_state[key])}),
    )


def _restore(subject: Subject, instance: AgentInstance, version: int) -> None:
    """Save an earlier text again; as nothing is lost by it, nobody is asked twice."""
    try:
        saved = application().agents.restore(subject.workspace_id, instance.id, version, by=BY)
    except IonfluxError as error:
        show_error(error)
        return
    flash(f"Version {version} is back, as version {saved.version}.")
    set_parameters(**{"from": None, "to": None})
    st.rerun()
