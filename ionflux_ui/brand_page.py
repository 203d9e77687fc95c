"""One brand: its profile, what its agents start with, its accounts, the agents at work for it, and its history."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Connection, Workspace
from ionflux_core.errors import NotFound
from ionflux_ui.agent_words import BY
from ionflux_ui.brand_accounts import show_accounts
from ionflux_ui.brand_draft import draft_of
from ionflux_ui.brand_history import show_history
from ionflux_ui.brand_inputs import show_inputs
from ionflux_ui.brand_list import archived_badge, back_button
from ionflux_ui.brand_pictures import show_logo
from ionflux_ui.brand_profile import checked_profile, profile_fields
from ionflux_ui.brand_seen import seen, tell_conflict
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.parts import open_part
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page, page_link
from ionflux_ui.theme import status_badge


def show_new_brand(workspace: Workspace) -> None:
    """Draw the form for a brand that is not there yet."""
    back_button("All brands")
    st.title("New brand", anchor=False)
    st.caption("A name is enough; the rest can come later.")
    values = profile_fields(workspace, None, key="brand_new")
    if st.button("Add the brand", type="primary", icon=":material/check:"):
        with errors_shown():
            draft = draft_of(None, **checked_profile(workspace, values))
            made = application().workspaces.add_brand(workspace.id, draft, by=BY)
            flash(f"{made.name} is here.")
            open_page("brands", brand=made.id)


def show_brand(workspace: Workspace, brand_id: str) -> None:
    """Draw a brand's page; an unknown one gets a sentence and the way back."""
    back_button("All brands")
    try:
        brand = application().workspaces.brand(workspace.id, brand_id)
    except NotFound as error:
        st.title("Brands & Creators", anchor=False)
        show_error(error)
        return
    st.title(f"{escaped(brand.name)}{archived_badge(brand)}", anchor=False)
    st.caption("How it sounds and looks, what its agents start with, and who works for it.")
    parts: dict[str, Callable[[Workspace, Brand], None]] = {
        "Profile": _edit,
        "Defaults for agents": show_inputs,
        "Accounts": _accounts,
        "Agents at work": _agents,
        "History": show_history,
    }
    parts[open_part(parts, key=f"brand_part_{brand.id}")](workspace, brand)


def _edit(workspace: Workspace, brand: Brand) -> None:
    here, told = seen(brand), st.container()
    show_logo(workspace, brand.name, brand.visual)
    values = profile_fields(workspace, here.shown, key=here.key)
    with told:
        tell_conflict(here, brand, values)
    with st.container(horizontal=True):
        save = st.button("Save", type="primary", icon=":material/check:")
        move = _archive_button(brand)
    if save:
        with errors_shown():
            draft = draft_of(brand, **checked_profile(workspace, values))
            here.take(application().workspaces.save_brand(workspace.id, brand.id, draft, expected=here.expected, by=BY))
            flash(f"{draft['name']} is saved.")
            st.rerun()
    if move:
        with errors_shown():
            _move(workspace, brand)


def _archive_button(brand: Brand) -> bool:
    if brand.status == "archived":
        return st.button("Bring it back", icon=":material/unarchive:")
    return st.button("Archive", icon=":material/archive:", help="Its agents keep working; it is only put away.")


def _move(workspace: Workspace, brand: Brand) -> None:
    archived = brand.status == "archived"
    application().workspaces.set_brand_status(workspace.id, brand.id, "active" if archived else "archived", by=BY)
    flash(f"{brand.name} is {'back' if archived else 'archived'}.")
    st.rerun()


def _accounts(workspace: Workspace, brand: Brand) -> None:
    def save(field: str, connection: Connection) -> None:
        draft = draft_of(brand, **{field: connection.model_dump()})
        application().workspaces.save_brand(workspace.id, brand.id, draft, expected=brand.updated_at, by=BY)

    connections = {"shopify": brand.shopify, "tiktok": brand.tiktok, "whatsapp": brand.whatsapp}
    show_accounts(workspace, brand, connections, save)


def _agents(workspace: Workspace, brand: Brand) -> None:
    instances = [each for each in application().agents.find(workspace.id) if each.brand_id == brand.id]
    if not instances:
        with st.container(border=True):
            st.text("No agent works for this brand yet. Take one from the marketplace and choose the brand there.")
            if st.button("Find an agent", icon=":material/storefront:"):
                open_page("marketplace")
        return
    for instance in instances:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            page_link("agents", escaped(instance.name), icon=":material/smart_toy:", instance=instance.id)
            st.markdown(status_badge(instance.status), width="content")
            page_link("runs", "Its runs", icon=":material/play_circle:", instance=instance.id)
