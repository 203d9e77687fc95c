"""The list of configured agents: how each is, what it did last, and when it starts by itself next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import IonfluxError
from ionflux_ui.agent_rows import agent_rows, row_of
from ionflux_ui.session import application, open_page, page_link, parameter, set_parameters, workspace

_ROWS = 25


def show_list() -> None:
    """Draw the instances of the workspace in view, narrowed as the address says."""
    if st.button("Configure an agent", type="primary", icon=":material/add:", key="agents-configure"):
        open_page("marketplace")
    here, app = workspace(), application()
    archived = parameter("archived") == "1"
    everything = [each for each in app.agents.find(here.id, archived=True) if not each.is_flow]
    instances = [each for each in everything if archived or each.status != "archived"]
    if not everything:
        _show_empty()
        return
    words = _show_filters(archived, sum(each.status == "archived" for each in everything))
    definitions = {each.slug: each for each in app.marketplace.definitions()}
    brands = {brand.id: brand.name for brand in app.workspaces.brands(here.id, archived=True)}
    found = [each for each in instances if _matches(each, words, definitions, brands)]
    if not found:
        st.info("No agent matches. Change the search, or show the archived ones.", icon=":material/search_off:")
        return
    triggers: dict[str, list[Trigger]] = {}
    for trigger in app.triggers.find(here.id):
        triggers.setdefault(trigger.instance_id, []).append(trigger)
    overdue = {trigger.instance_id for trigger in app.triggers.overdue(here.id)}
    health = app.watch.health(here.id)
    opened = agent_rows(
        [
            row_of(
                instance,
                kind=_kind(instance, definitions.get(instance.definition_slug), brands),
                overdue=instance.id in overdue,
                following=next_start(triggers.get(instance.id, [])),
                zone=here.settings.timezone,
                health=health.get(instance.id),
            )
            for instance in _page_of(found)
        ]
    )
    if opened in {each.id for each in found}:
        open_page("agents", instance=opened)


def _show_empty() -> None:
    with st.container(border=True):
        st.markdown("**No agents yet**")
        st.caption(
            "An agent from the marketplace becomes yours here: with a name, a brand and its configuration. "
            "Then it runs by hand, by webhook, by schedule or by event."
        )
        page_link("marketplace", "Choose one from the marketplace", icon=":material/storefront:")


def _show_filters(archived: bool, count: int) -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            parameter("q") or "",
            key="agents-search",
            type="search",
            placeholder="name, agent or brand",
            on_change=lambda: set_parameters(q=st.session_state["agents-search"], page=None),
            max_chars=100,
        )
        st.toggle(
            f"Show archived ({count})",
            archived,
            key="agents-archived",
            on_change=lambda: set_parameters(archived="1" if st.session_state["agents-archived"] else None, page=None),
        )
    return (words or "").casefold()


def _matches(
    instance: AgentInstance, words: str, definitions: Mapping[str, AgentDefinition], brands: Mapping[str, str]
) -> bool:
    definition = definitions.get(instance.definition_slug)
    texts = (instance.name, instance.description, definition.name if definition else instance.definition_slug,
             brands.get(instance.brand_id or "", ""))  # fmt: skip
    text = " ".join(texts).casefold()
    return all(word in text for word in words.split())


def _page_of(found: list[AgentInstance]) -> list[AgentInstance]:
    pages = -(-len(found) // _ROWS)
    wanted = parameter("page") or "1"
    page = min(max(int(wanted), 1), pages) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 1
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            back = st.button("Back", icon=":material/chevron_left:", disabled=page == 1, key="agents-back")
            onward = st.button("Next", icon=":material/chevron_right:", disabled=page == pages, key="agents-next")
            st.caption(f"Page {page} of {pages}, {len(found)} agents")
        if back or onward:
            set_parameters(page=str(page + (1 if onward else -1)))
            st.rerun()
    return found[(page - 1) * _ROWS : page * _ROWS]


def _kind(instance: AgentInstance, definition: AgentDefinition | None, brands: Mapping[str, str]) -> str:
    """What an instance is made from and for whom it works."""
    kind = definition.name if definition else f"{instance.definition_slug} (its folder is gone)"
    brand = brands.get(instance.brand_id or "")
    return f"{kind} · {brand}" if brand else kind


def next_start(triggers: list[Trigger]) -> datetime | None:
    """When the first of these schedules fires next; None when none will."""
    coming = []
    for trigger in triggers:
        try:
            coming += application().triggers.next_times(trigger, count=1)
        except IonfluxError:
            # A schedule whose zone is gone fires never; its own tab says why.
            continue
    return min(coming, default=None)
