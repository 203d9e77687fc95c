"""One flow's page: its head, and the tabs to build, watch, trigger and restore it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, InstanceStatus
from ionflux_core.errors import IonfluxError
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_triggers import show_triggers
from ionflux_ui.agent_words import BY, health_look
from ionflux_ui.badges import badge_line
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.flow_build import show_build
from ionflux_ui.flow_desk import Desk, open_desk
from ionflux_ui.flow_runs import show_runs
from ionflux_ui.flow_save import show_review
from ionflux_ui.flow_start import show_start
from ionflux_ui.flow_versions import show_versions
from ionflux_ui.flow_watch import show_watch
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, page_link, parameter, set_parameters, workspace_id

_TABS: Final[dict[str, tuple[str, Callable[[Desk, AgentInstance], None]]]] = {
    "build": ("Build", lambda desk, flow: show_watch(flow) if parameter("run") else show_build(desk, flow)),
    "runs": ("Runs", lambda _, flow: show_runs(flow)),
    "triggers": ("Triggers", lambda desk, flow: _show_triggers(desk, flow)),
    "versions": ("Versions", show_versions),
}
_ARCHIVE: Final = "Archive"
_REVIVE: Final = "Bring back"


def show_flow(flow_id: str) -> None:
    """Draw the page of a flow; NotFound when it is not there."""
    flow = application().flows.get(workspace_id(), flow_id)
    desk = open_desk(flow)
    _show_head(flow)
    labels = [label for label, _ in _TABS.values()]
    key = f"flow-tab-{flow.id}"
    wanted, _ = _TABS.get(parameter("tab") or "build", _TABS["build"])
    if st.session_state.get(key) != wanted:
        st.session_state[key] = wanted
    tabs = st.tabs(labels, key=key, on_change=lambda: _keep_tab(key))
    for tab, (_label, show) in zip(tabs, _TABS.values(), strict=True):
        if tab.open:
            with tab, errors_shown():
                show(desk, flow)
    show_start(desk, flow)
    show_review(desk, flow)


def _keep_tab(key: str) -> None:
    """Put the opened tab into the address; the first one needs no mention."""
    name = next(name for name, (label, _) in _TABS.items() if label == st.session_state[key])
    set_parameters(tab=None if name == "build" else name)


def _show_triggers(desk: Desk, flow: AgentInstance) -> None:
    definition = application().flow_pictures.definition(flow.yaml)
    show_triggers(Subject(flow.workspace_id, definition, desk.draft, flow.brand_id, flow), flow)


def _show_head(flow: AgentInstance) -> None:
    page_link("flows", "All flows", icon=":material/arrow_back:")
    title = application().flow_pictures.title(flow)
    st.title(escaped(title), anchor=False)
    st.caption(escaped(flow.description or "Steps that work together, started by hand or by its triggers."))
    st.markdown(_facts(flow, title))
    if flow.status_reason and flow.status == "error_requires_review":
        st.warning(escaped(f"It was stopped: {flow.status_reason}"), icon=":material/error:")
    made = _playbook_of(flow)
    if made:
        st.markdown(":gray[:material/info: It is made from a playbook, and each save of the playbook writes it anew.]")
        page_link("playbooks", "Its playbook", icon=":material/menu_book:", playbook=made)
    _show_actions(flow, switched=not made)


def _playbook_of(flow: AgentInstance) -> str | None:
    """The id of the playbook that a flow is made from: it is changed and switched there."""
    if not flow.name.startswith("playbook_"):
        return None
    found = application().playbooks.find(flow.workspace_id, archived=True)
    return next((each.id for each in found if each.flow_id == flow.id), None)


def _facts(flow: AgentInstance, title: str) -> str:
    health = None if flow.status == "archived" else application().watch.health_of(flow)
    name = "" if title == flow.name else f":gray-badge[{escaped(flow.name)}]"
    return " ".join(part for part in (badge_line(health_look(flow.status, health)), name) if part)


def _show_actions(flow: AgentInstance, *, switched: bool) -> None:
    """The buttons; `switched` is whether it is switched on and off here."""
    archived = flow.status == "archived"
    with st.container(horizontal=True, key="flow-actions"):
        if st.button("Run now", type="primary", icon=":material/play_arrow:", key="flow-run", disabled=archived):
            set_parameters(start="run")
        if st.button("Dry run", icon=":material/science:", key="flow-dry-run", disabled=archived,
                     help="Runs the text as it stands, saved or not; nothing is sent, published or kept."):  # fmt: skip
            set_parameters(start="dry")
        if switched and not archived:
            _show_switch(flow)
        ways = [_REVIVE if archived else _ARCHIVE]
        chosen = st.menu_button("More", ways, key="flow-more") if switched else None
        st.download_button("Export", flow.yaml, f"{flow.name}.yaml", "application/yaml", icon=":material/download:",
                           key="flow-export", on_click="ignore", help="The saved version as a YAML file.")  # fmt: skip
    if chosen == _ARCHIVE:
        _archive(flow)
    elif chosen == _REVIVE:
        _set_status(flow, "active", f"{flow.name} is active again.")


def _show_switch(flow: AgentInstance) -> None:
    if flow.status == "active":
        if st.button("Deactivate", icon=":material/pause:", key="flow-pause",
                     help="No trigger starts it any more; you still can, by hand."):  # fmt: skip
            _set_status(flow, "inactive", f"{flow.name} is inactive: no trigger starts it.")
    elif st.button("Activate", icon=":material/play_circle:", key="flow-activate",
                   help="Its triggers start it again, and failures are counted anew."):  # fmt: skip
        _set_status(flow, "active", f"{flow.name} is active.")


def _set_status(flow: AgentInstance, status: InstanceStatus, said: str) -> None:
    try:
        application().agents.set_status(flow.workspace_id, flow.id, status, by=BY)
    except IonfluxError as error:
        show_error(error)
        return
    flash(said)
    st.rerun()


@st.dialog("Archive")
def _archive(flow: AgentInstance) -> None:
    st.text(f"{flow.name} will not run any more, by hand or by trigger. You can bring it back at any time.")
    if st.button("Archive", type="primary", key="flow-archive-save"):
        _set_status(flow, "archived", f"{flow.name} is archived.")
