"""A new instance of a definition: its name, its brand, and its configuration, which starts explained and valid."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.agent_configure import show_panes, text_problems
from ionflux_ui.agent_draft import Draft, drop_draft, open_draft
from ionflux_ui.agent_form import problems_line
from ionflux_ui.agent_subject import Subject
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page, page_link, workspace_id


def show_new(slug: str) -> None:
    """Draw the page that makes an instance of a definition."""
    definition = application().marketplace.definition(slug)
    st.title(f"Configure {escaped(definition.name)}")
    st.caption(
        escaped(definition.narrative.epithet or definition.narrative.tagline or "Give it a name and what it needs.")
    )
    if definition.planned:
        st.info(f"{escaped(definition.name)} is planned: its code has not come yet, so it cannot be configured.")
        page_link("marketplace", "Choose another agent", icon=":material/storefront:")
        return
    ws = workspace_id()
    draft = open_draft(f"new-{definition.slug}-{ws}", application().marketplace.prefill(definition.slug), 0)
    _show_editor(ws, definition, draft)


@st.fragment
def _show_editor(ws: str, definition: AgentDefinition, draft: Draft) -> None:
    app = application()
    draft.take_typed()
    first, second, third = st.columns([3, 2, 4], vertical_alignment="bottom")
    name_key = f"name-{draft.name}"
    st.session_state.setdefault(name_key, st.session_state.get(f"{name_key}-kept") or _free_name(ws, definition.name))
    name = first.text_input("Name", key=name_key, max_chars=NAME_CHARS)
    st.session_state[f"{name_key}-kept"] = name
    brands = {brand.id: brand.name for brand in app.workspaces.brands(ws)}
    brand_id = second.selectbox(
        "Brand",
        list(brands),
        index=None,
        key=f"brand-{draft.name}",
        format_func=lambda brand_id: brands.get(brand_id, brand_id),
        placeholder="none" if brands else "no brands yet",
        disabled=not brands,
        help="Its inputs lie below this configuration, and its figures are counted for the brand.",
    )
    description = third.text_input(
        "Description", key=f"description-{draft.name}", placeholder="what it is for", max_chars=500
    )
    subject = Subject(ws, definition, draft, brand_id)
    problems = text_problems(subject)
    bar = st.container(horizontal=True, vertical_alignment="center", key="agent-save-bar")
    answer = st.container()
    show_panes(subject, problems)
    with bar:
        wrong = problems_line(problems, len(draft.unread))
        st.markdown(wrong or ":gray[Valid as it stands. Lines that start with \\# are notes.]", width="stretch")
        create = st.button("Create", key="agent-create", type="primary", icon=":material/add:",
                           disabled=bool(wrong) or not (name or "").strip())  # fmt: skip
    if create:
        _create(subject, name or "", description or "", answer)


def _create(subject: Subject, name: str, description: str, place: st.delta_generator.DeltaGenerator) -> None:
    try:
        instance = application().agents.create(
            subject.workspace_id,
            subject.definition.slug,
            name,
            yaml=subject.draft.text,
            brand_id=subject.brand_id,
            description=description,
            by=BY,
        )
    except IonfluxError as error:
        with place:
            show_error(error)
        return
    drop_draft(subject.draft.name)
    flash(f"{instance.name} is ready.")
    open_page("agents", instance=instance.id)


def _free_name(ws: str, wished: str) -> str:
    taken = {instance.name.casefold() for instance in application().agents.find(ws, archived=True)}
    candidates = (wished if number == 1 else f"{wished} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in candidates if name.casefold() not in taken)
