"""One agent's page: its head, and the tabs to configure, understand, trigger, restore and watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_ui.agent_configure import show_configure
from ionflux_ui.agent_draft import open_draft
from ionflux_ui.agent_explain import show_explain
from ionflux_ui.agent_header import show_header
from ionflux_ui.agent_memory import show_memory
from ionflux_ui.agent_runs import show_runs
from ionflux_ui.agent_start import show_start
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_triggers import show_triggers
from ionflux_ui.agent_versions import show_versions
from ionflux_ui.errors import errors_shown
from ionflux_ui.session import application, parameter, set_parameters, workspace_id

_TABS: Final[dict[str, tuple[str, Callable[[Subject, AgentInstance], None]]]] = {
    "configure": ("Configure", lambda subject, _: show_configure(subject)),
    "why": ("Why this value?", show_explain),
    "triggers": ("Triggers", show_triggers),
    "memory": ("Memory", show_memory),
    "versions": ("Versions", show_versions),
    "runs": ("Runs", show_runs),
}


def show_editor(instance_id: str) -> None:
    """Draw the page of an instance; NotFound when it is not there."""
    app, ws = application(), workspace_id()
    instance = app.agents.get(ws, instance_id)
    definition = app.marketplace.definition(instance.definition_slug)
    draft = open_draft(instance.id, instance.yaml, instance.version)
    subject = Subject(ws, definition, draft, instance.brand_id, instance)
    show_header(subject, instance)
    labels = [label for label, _ in _TABS.values()]
    key = f"agent-tab-{instance.id}"
    wanted, _ = _TABS.get(parameter("tab") or "configure", _TABS["configure"])
    if st.session_state.get(key) != wanted:
        st.session_state[key] = wanted
    tabs = st.tabs(labels, key=key, on_change=lambda: _keep_tab(key))
    for tab, (_label, show) in zip(tabs, _TABS.values(), strict=True):
        if tab.open:
            with tab, errors_shown():
                show(subject, instance)
    show_start(subject, instance)


def _keep_tab(key: str) -> None:
    """Put the opened tab into the address; the first one needs no mention."""
    name = next(name for name, (label, _) in _TABS.items() if label == st.session_state[key])
    set_parameters(tab=None if name == "configure" else name)
