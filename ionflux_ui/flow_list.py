"""The list of flows: how each is, what starts it, what it did last, and when it starts by itself next."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.health import Health
from ionflux_core.domain.triggers import Trigger
from ionflux_ui.agent_list import next_start
from ionflux_ui.agent_rows import row_of
from ionflux_ui.flow_rows import flow_rows
from ionflux_ui.flow_words import triggers_in_words
from ionflux_ui.session import application, open_page, parameter, set_parameters, workspace

_ROWS: Final = 25


def show_list() -> None:
    """Draw the flows of the workspace in view, narrowed as the address says."""
    with st.container(horizontal=True):
        if st.button("New flow", type="primary", icon=":material/add:", key="flows-new"):
            open_page("flows", new="1")
        if st.button("Import a YAML file", icon=":material/upload_file:", key="flows-import"):
            open_page("flows", new="import")
    here, app = workspace(), application()
    everything = app.flows.find(here.id, archived=True)
    if not everything:
        _show_empty()
        return
    archived = parameter("archived") == "1"
    words = _show_filters(archived, sum(each.status == "archived" for each in everything))
    found = [each for each in everything if (archived or each.status != "archived") and _matches(each, words)]
    if not found:
        st.info("No flow matches. Change the search, or show the archived ones.", icon=":material/search_off:")
        return
    triggers: dict[str, list[Trigger]] = {}
    for trigger in app.triggers.find(here.id):
        triggers.setdefault(trigger.instance_id, []).append(trigger)
    overdue = {trigger.instance_id for trigger in app.triggers.overdue(here.id)}
    health = app.watch.health(here.id)
    shown = [_row(each, triggers.get(each.id, []), each.id in overdue, health.get(each.id)) for each in _page_of(found)]
    opened = flow_rows(shown)
    if opened in {each.id for each in found}:
        open_page("flows", flow=opened)


def _row(flow: AgentInstance, triggers: list[Trigger], overdue: bool, health: Health | None) -> dict[str, Any]:
    zone = workspace().settings.timezone
    row = row_of(flow, kind="", overdue=overdue, following=next_start(triggers), zone=zone, health=health)
    return {**row, "title": application().flow_pictures.title(flow), "triggers": triggers_in_words(triggers)}


def _show_empty() -> None:
    with st.container(border=True):
        st.markdown("**No flows yet**")
        st.caption(
            "A flow joins agents, transforms, questions to people and waits into one piece of work. It is drawn or "
            "written as YAML, and runs by hand, by webhook, by schedule or by event."
        )
        st.caption("New flow, above, begins with one that says hello.")


def _show_filters(archived: bool, count: int) -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            parameter("q") or "",
            key="flows-search",
            type="search",
            placeholder="name, title or what it is for",
            on_change=lambda: set_parameters(q=st.session_state["flows-search"], page=None),
            max_chars=100,
        )
        st.toggle(
            f"Show archived ({count})",
            archived,
            key="flows-archived",
            on_change=lambda: set_parameters(archived="1" if st.session_state["flows-archived"] else None, page=None),
        )
    return (words or "").casefold()


def _matches(flow: AgentInstance, words: str) -> bool:
    text = f"{flow.name} {flow.description} {application().flow_pictures.title(flow)}".casefold()
    return all(word in text for word in words.split())


def _page_of(found: list[AgentInstance]) -> list[AgentInstance]:
    pages = -(-len(found) // _ROWS)
    wanted = parameter("page") or "1"
    page = min(max(int(wanted), 1), pages) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 1
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            back = st.button("Back", icon=":material/chevron_left:", disabled=page == 1, key="flows-back")
            onward = st.button("Next", icon=":material/chevron_right:", disabled=page == pages, key="flows-next")
            st.caption(f"Page {page} of {pages}, {len(found)} flows")
        if back or onward:
            set_parameters(page=str(page + (1 if onward else -1)))
            st.rerun()
    return found[(page - 1) * _ROWS : page * _ROWS]
