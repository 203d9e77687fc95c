"""Brands and creators as cards, with what is archived on request."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Creator, Workspace
from ionflux_ui.brand_colours import swatches
from ionflux_ui.brand_pictures import show_logo, stored_address
from ionflux_ui.plain import counted, escaped, shortened
from ionflux_ui.session import application, open_page, parameter, set_parameters


def show_brands(workspace: Workspace) -> None:
    """Draw the brands of a workspace."""
    if _head("brand"):
        open_page("brands", new="brand")
    brands = application().workspaces.brands(workspace.id, archived=parameter("archived") == "1")
    if not brands:
        _empty(
            "A brand holds the voice, the audience and the default values that its agents work with. "
            "Add the first one: a name is enough to begin.",
        )
        return
    users = Counter(instance.brand_id for instance in application().agents.find(workspace.id))
    for start in range(0, len(brands), 2):
        for column, brand in zip(st.columns(2), brands[start : start + 2], strict=False):
            with column.container(border=True, height="stretch", key=f"brand_card_{brand.id}"):
                _brand_card(workspace, brand, users[brand.id])


def show_creators(workspace: Workspace) -> None:
    """Draw the creators of a workspace."""
    if _head("creator"):
        open_page("brands", new="creator")
    creators = application().workspaces.creators(workspace.id, archived=parameter("archived") == "1")
    if not creators:
        _empty(
            "A creator holds the niche, the story and the links of a person you work with, for the agents that match "
            "and write to creators. Add the first one: a name is enough to begin."
        )
        return
    for start in range(0, len(creators), 2):
        for column, creator in zip(st.columns(2), creators[start : start + 2], strict=False):
            with column.container(border=True, height="stretch", key=f"creator_card_{creator.id}"):
                _creator_card(creator)


def back_button(label: str, kind: str | None = None) -> None:
    """Back to the list of brands, or of creators."""
    # A page link to the page one is on leaves the browser's address as it was, and the next click reads it again.
    if st.button(label, type="tertiary", icon=":material/arrow_back:"):
        open_page("brands", kind=kind)


def _head(noun: str) -> bool:
    """The page's action and the switch for what is archived; whether a new one is asked for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(f"Add a {noun}", type="primary", icon=":material/add:")
        archived = st.toggle("Show archived", value=parameter("archived") == "1", key=f"archived_{noun}")
    set_parameters(archived="1" if archived else None)
    return asked


def _empty(text: str) -> None:
    with st.container(border=True):
        st.text(text)


def _brand_card(workspace: Workspace, brand: Brand, agents: int) -> None:
    if stored_address(workspace, brand.visual.logo_file):
        show_logo(workspace, brand.name, brand.visual, width=64)
    st.markdown(f"#### {escaped(brand.name)}{archived_badge(brand)}", anchors=False)
    facts = [brand.industry] if brand.industry else []
    facts.append(f"{counted(agents, 'agent')} at work" if agents else "no agent at work")
    st.caption(escaped(" · ".join(facts)))
    if brand.description:
        st.text(shortened(brand.description, 180))
    if brand.voice:
        st.caption(f"Voice: {escaped(shortened(brand.voice, 120))}")
    swatches(brand.visual.palette[:8])
    if st.button("Open", key=f"open_{brand.id}"):
        open_page("brands", brand=brand.id)


def _creator_card(creator: Creator) -> None:
    st.markdown(f"#### {escaped(creator.name)}{archived_badge(creator)}", anchors=False)
    platforms = [platform.name for platform in creator.platforms[:6]]
    if creator.handle or platforms:
        st.caption(escaped(" · ".join([*([creator.handle] if creator.handle else []), *platforms])))
    if creator.niche_tags:
        st.markdown(" ".join(f":gray-badge[{escaped(tag)}]" for tag in creator.niche_tags[:8]))
    if creator.bio:
        st.text(shortened(creator.bio, 180))
    if st.button("Open", key=f"open_{creator.id}"):
        open_page("brands", creator=creator.id)


def archived_badge(owner: Brand | Creator) -> str:
    """A mark for what is put away, as Markdown; empty for what is in use."""
    return " :gray-badge[:material/inventory_2: archived]" if owner.status == "archived" else ""
