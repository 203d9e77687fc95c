"""The marketplace's list: filters that stay in the address, one card per agent, and folders that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition
from ionflux_ui.marketplace_cards import marketplace_cards
from ionflux_ui.marketplace_parts import service_label
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.session import application, open_page, parameter, set_parameters

_KEYS = ("q", "tag", "service", "ready")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the list is narrowed; empty fields narrow nothing. Every tag and every service asked for must be there."""

    words: str = ""
    tags: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    ready_only: bool = False


def narrowed(definitions: Iterable[AgentDefinition], wanted: Wanted) -> list[AgentDefinition]:
    """The definitions that are wanted, those that can be started first."""
    words = wanted.words.casefold().split()
    found = [
        each
        for each in definitions
        if wanted.tags <= set(each.tags)
        and wanted.services <= set(each.services)
        and not (wanted.ready_only and each.planned)
        and all(word in _searched(each) for word in words)
    ]
    return sorted(found, key=lambda each: each.planned)


def _searched(definition: AgentDefinition) -> str:
    """Everything about an agent that a word may be found in."""
    story = definition.narrative
    parts = [definition.name, definition.slug, *definition.aliases, *definition.tags, *story.capabilities]
    parts += [story.epithet or "", story.tagline or "", story.introduction or ""]
    parts += [service_label(service) for service in definition.services]
    return " ".join(parts).casefold()


def show_list() -> None:
    """Draw filters and cards."""
    marketplace = application().marketplace
    definitions = marketplace.offered()
    _show_broken()
    if not definitions:
        with st.container(border=True):
            st.text("There is no agent yet. Agents are folders with an agent.yaml; `make agent name=x` makes one.")
        return
    services = sorted({service for each in definitions for service in each.services}, key=service_label)
    wanted = _filters(marketplace.tags(), services)
    found = narrowed(definitions, wanted)
    ready = sum(not each.planned for each in found)
    st.caption(f"{counted(len(found), 'agent')}, {ready} ready to start")
    if not found:
        _show_nothing_found()
        return
    clicked = marketplace_cards(found, kept={key: value for key in _KEYS if (value := parameter(key))})
    if clicked.used:
        open_page("agents", new=clicked.used)
    if clicked.opened:
        open_page("marketplace", agent=clicked.opened, **{key: parameter(key) for key in _KEYS})


def _filters(tags: Sequence[str], services: Sequence[str]) -> Wanted:
    """The filter row; its values are read from the address and written back to it."""
    _from_address(tags, services)
    words, tag, service, ready = st.columns([4, 3, 3, 2], vertical_alignment="bottom")
    wanted = Wanted(
        words.text_input(
            "Search", key="market_q", type="search", placeholder="Name, capability, keyword", live="300ms", max_chars=80
        )
        or "",
        frozenset(tag.multiselect("Tags", tags, key="market_tag", placeholder="Any tag", format_func=escaped)),
        frozenset(
            service.multiselect(
                "Services", services, key="market_service", placeholder="Any service", format_func=service_label
            )
        ),
        ready.toggle("Ready only", key="market_ready", help="Hide the agents whose code has not come yet."),
    )
    set_parameters(
        q=wanted.words.strip(),
        tag=",".join(sorted(wanted.tags)),
        service=",".join(sorted(wanted.services)),
        ready="1" if wanted.ready_only else None,
    )
    return wanted


def _from_address(tags: Sequence[str], services: Sequence[str]) -> None:
    """Give the filters what the address says, once per visit; what no agent has is left out."""
    if "market_q" in st.session_state:
        return
    st.session_state["market_q"] = (parameter("q") or "")[:80]
    st.session_state["market_tag"] = [tag for tag in (parameter("tag") or "").split(",") if tag in tags]
    st.session_state["market_service"] = [each for each in (parameter("service") or "").split(",") if each in services]
    st.session_state["market_ready"] = parameter("ready") == "1"


def _show_nothing_found() -> None:
    with st.container(border=True):
        st.text("No agent has all of that. Take a filter out, or start again.")
        if st.button("Clear the filters", icon=":material/filter_alt_off:"):
            for key in _KEYS:
                st.session_state.pop(f"market_{key}", None)
            set_parameters(**dict.fromkeys(_KEYS))
            st.rerun()


def use_button(definition: AgentDefinition, *, key: str) -> None:
    """The way from a definition to an instance of one's own."""
    if st.button("Use this agent", key=key, type="primary", icon=":material/add:", disabled=definition.planned):
        open_page("agents", new=definition.slug)


def back_button() -> None:
    """Back from an agent to the list as it was filtered."""
    # A page link to the page one is on leaves the browser's address as it was, and the next click reads it again.
    if st.button("All agents", type="tertiary", icon=":material/arrow_back:"):
        open_page("marketplace", **{key: parameter(key) for key in _KEYS})


def _show_broken() -> None:
    broken = application().marketplace.broken()
    if not broken:
        return
    with st.container(border=True, key="broken_folders"):
        st.markdown(f":red[:material/error:] **{counted(len(broken), 'agent folder')} cannot be used**")
        for folder in broken:
            st.markdown(f"`{folder.folder.name.replace('`', '')}`")
            if not folder.problems:
                st.text(shortened(folder.message, 600))
            for problem in folder.problems[:5]:
                st.text(f"• {problem}" + (f" What to do: {problem.hint}" if problem.hint else ""))
        st.caption("Correct the agent.yaml and start IONFLUX again. The other agents are not affected.")
