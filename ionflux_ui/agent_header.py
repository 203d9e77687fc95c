"""The head of one agent's page: who it is, how it is, and what can be done with it as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance, InstanceStatus
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY, health_look
from ionflux_ui.badges import badge_line
from ionflux_ui.errors import show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page, page_link, parameter, set_parameters

_RENAME: Final = "Rename"
_FORK: Final = "Fork"
_ARCHIVE: Final = "Archive"
_REVIVE: Final = "Bring back"


def show_header(subject: Subject, instance: AgentInstance) -> None:
    """Draw name, status and actions of an instance."""
    page_link("agents", "All agents", icon=":material/arrow_back:")
    st.title(escaped(instance.name))
    narrative = subject.definition.narrative
    st.caption(
        escaped(instance.description or narrative.epithet or narrative.tagline or "Configure it, run it, watch it.")
    )
    st.markdown(_facts(subject, instance))
    if instance.status_reason and instance.status == "error_requires_review":
        st.warning(escaped(f"It was stopped: {instance.status_reason}"), icon=":material/error:")
    _show_actions(instance)


def _facts(subject: Subject, instance: AgentInstance) -> str:
    definition = subject.definition
    health = None if instance.status == "archived" else application().watch.health_of(instance)
    kind = f":gray-badge[{escaped(definition.name)} {escaped(definition.version)}]"
    parts = [badge_line(health_look(instance.status, health)), kind]
    brand = (
        application().workspaces.brand_or_none(instance.workspace_id, instance.brand_id) if instance.brand_id else None
    )
    if brand:
        parts.append(f":violet-badge[:material/palette: {escaped(brand.name)}]")
    if definition.planned:
        parts.append(":orange-badge[:material/construction: Planned: cannot be started yet]")
    # Under Configure the editor itself says so, and is drawn anew more often than this line.
    if subject.draft.is_changed and parameter("tab"):
        parts.append(":orange-badge[:material/edit: Unsaved changes]")
    line = " ".join(parts)
    return f"{line}  \n:small[:gray[{escaped(health.reason)}]]" if health and instance.status == "active" else line


def _show_actions(instance: AgentInstance) -> None:
    archived = instance.status == "archived"
    with st.container(horizontal=True, key="agent-actions"):
        if st.button("Run now", type="primary", icon=":material/play_arrow:", key="agent-run", disabled=archived):
            set_parameters(start="run")
        if st.button("Dry run", icon=":material/science:", key="agent-dry-run", disabled=archived,
                     help="Runs it with nothing sent, published or kept."):  # fmt: skip
            set_parameters(start="dry")
        if not archived:
            _show_switch(instance)
        chosen = st.menu_button("More", [_RENAME, _FORK, _REVIVE if archived else _ARCHIVE], key="agent-more")
    if chosen == _RENAME:
        _rename(instance)
    elif chosen == _FORK:
        _fork(instance)
    elif chosen == _ARCHIVE:
        _archive(instance)
    elif chosen == _REVIVE:
        _set_status(instance, "active", f"{instance.name} is active again.")


def _show_switch(instance: AgentInstance) -> None:
    if instance.status == "active":
        if st.button("Deactivate", icon=":material/pause:", key="agent-pause",
                     help="No trigger starts it any more; you still can, by hand."):  # fmt: skip
            _set_status(instance, "inactive", f"{instance.name} is inactive: no trigger starts it.")
    elif st.button("Activate", icon=":material/play_circle:", key="agent-activate",
                   help="Its triggers start it again, and failures are counted anew."):  # fmt: skip
        _set_status(instance, "active", f"{instance.name} is active.")


def _set_status(instance: AgentInstance, status: InstanceStatus, said: str) -> None:
    if _done(lambda: application().agents.set_status(instance.workspace_id, instance.id, status, by=BY)):
        flash(said)
        st.rerun()


def _done(work: Callable[[], AgentInstance]) -> AgentInstance | None:
    try:
        return work()
    except IonfluxError as error:
        show_error(error)
        return None


@st.dialog("Rename")
def _rename(instance: AgentInstance) -> None:
    name = st.text_input("Name", instance.name, max_chars=NAME_CHARS, key="agent-new-name")
    text = st.text_area("Description", instance.description, max_chars=500, key="agent-new-description")
    if st.button("Save", type="primary", key="agent-rename-save"):
        agents = application().agents
        if _done(lambda: agents.rename(instance.workspace_id, instance.id, name or "", description=text or "")):
            flash("Renamed.")
            st.rerun()


@st.dialog("Fork")
def _fork(instance: AgentInstance) -> None:
    st.caption("A copy of the saved configuration under another name; runs and memory stay with the first.")
    name = st.text_input(
        "Name of the copy", f"{instance.name} copy"[:NAME_CHARS], max_chars=NAME_CHARS, key="agent-fork-name"
    )
    if st.button("Fork", type="primary", key="agent-fork-save"):
        copy = _done(lambda: application().agents.fork(instance.workspace_id, instance.id, name or "", by=BY))
        if copy:
            flash(f"{copy.name} is a copy of {instance.name}.")
            open_page("agents", instance=copy.id)


@st.dialog("Archive")
def _archive(instance: AgentInstance) -> None:
    st.text(f"{instance.name} will not run any more, by hand or by trigger. You can bring it back at any time.")
    if st.button("Archive", type="primary", key="agent-archive-save"):
        _set_status(instance, "archived", f"{instance.name} is archived.")
