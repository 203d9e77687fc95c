"""What an agent remembers: its namespaces, a page of texts, a search, and forgetting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from ionflux_core.domain.agents import AgentInstance
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, flash

if TYPE_CHECKING:
    from ionflux_core.services.memories import Memories

_PAGE: Final = 25
_FOUND: Final = 10
_SHOWN_CHARS: Final = 600


def show_memory(subject: Subject, instance: AgentInstance) -> None:
    """Draw the namespaces of an instance and what lies in the chosen one."""
    if subject.definition.memory.namespace is None:
        st.caption("This agent keeps nothing in a vector memory.")
        return
    memories = application().memories
    known = memories.of_instance(instance.workspace_id, instance.id)
    if not known:
        st.caption(f"Nothing is remembered yet. {escaped(subject.definition.memory.description)}")
        return
    names = [f"{each.name} · {counted(each.count, 'text')} · {each.embedder}" for each in known]
    at = st.selectbox(
        "Namespace", range(len(known)), format_func=lambda number: names[number], key=f"memory-{instance.id}"
    )
    chosen = known[at or 0]
    _show_texts(memories, instance, chosen)
    with st.popover("Forget all of it", icon=":material/delete:"):
        st.markdown(f"All {counted(chosen.count, 'text')} of this namespace go for good.")
        if st.button("Forget for good", type="primary", key=f"memory-clear-{instance.id}"):
            _forget(memories, instance, chosen, None)


def _show_texts(memories: Memories, instance: AgentInstance, chosen: Any) -> None:
    place = (instance.workspace_id, instance.id, chosen.name)
    key = f"memory-{instance.id}-{chosen.name}-{chosen.embedder}"
    offline = chosen.embedder.startswith("hashing")
    asked = st.text_input(
        "Search",
        key=f"{key}-search",
        max_chars=300,
        placeholder="What the agent would look for" if offline else "Letters that stand in the text",
        help=None if offline else "Vectors of a provider's model are searched by agents; here, by the letters.",
    )
    if asked and offline:
        for found in memories.search(*place, asked, _FOUND):
            _show_text(memories, instance, chosen, found, f"{found.score:.2f} alike")
        return
    page = st.session_state.setdefault(f"{key}-page", 0)
    texts = memories.browse(*place, chosen.embedder, containing=asked or "", offset=page * _PAGE, limit=_PAGE + 1)
    if not texts:
        st.caption("Nothing here holds these letters." if asked else "There is nothing more.")
    for each in texts[:_PAGE]:
        _show_text(memories, instance, chosen, each, "")
    with st.container(horizontal=True):
        if page and st.button("Earlier texts", key=f"{key}-back"):
            st.session_state[f"{key}-page"] = page - 1
            st.rerun()
        if len(texts) > _PAGE and st.button("Later texts", key=f"{key}-on"):
            st.session_state[f"{key}-page"] = page + 1
            st.rerun()


def _show_text(memories: Memories, instance: AgentInstance, chosen: Any, each: Any, said: str) -> None:
    with st.container(border=True):
        st.text(each.text[:_SHOWN_CHARS] + ("…" if len(each.text) > _SHOWN_CHARS else ""))
        with st.container(horizontal=True, vertical_alignment="center"):
            facts = [said, *(f"{name}: {value}" for name, value in sorted(each.metadata.items()))]
            st.caption(escaped(" · ".join(filter(None, facts))) or " ", width="stretch")
            if st.button("Forget", key=f"forget-{each.id}", type="tertiary", icon=":material/delete:"):
                _forget(memories, instance, chosen, [each.id])


def _forget(memories: Memories, instance: AgentInstance, chosen: Any, ids: list[str] | None) -> None:
    with errors_shown():
        memories.forget(instance.workspace_id, instance.id, chosen.name, chosen.embedder, ids, by=BY)
        flash("Forgotten.")
        st.rerun()
