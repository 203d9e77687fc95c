"""One brand: its profile, what its agents start with, its accounts, and the agents at work for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.errors import NotFound
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_core.services.models import choice_of, text_of
from ionflux_ui.brand_draft import draft_of
from ionflux_ui.brand_inputs import show_inputs
from ionflux_ui.brand_list import archived_badge, back_button
from ionflux_ui.brand_parts import (
    checked_links,
    checked_title,
    lines_of,
    palette_editor,
    show_connection,
    show_links,
    words_of,
)
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page, page_link, parameter, set_parameters, workspace_id
from ionflux_ui.theme import status_badge


def show_new_brand(workspace: Workspace) -> None:
    """Draw the form for a brand that is not there yet."""
    back_button("All brands")
    st.title("New brand")
    st.caption("A name is enough; the rest can come later.")
    values = _profile(None, key="brand_new")
    if st.button("Add the brand", type="primary", icon=":material/check:"):
        with errors_shown():
            made = application().workspaces.add_brand(workspace.id, draft_of(None, **_checked(values)))
            flash(f"{made.name} is here.")
            open_page("brands", brand=made.id)


def show_brand(workspace: Workspace, brand_id: str) -> None:
    """Draw a brand's page; an unknown one gets a sentence and the way back."""
    back_button("All brands")
    try:
        brand = application().workspaces.brand(workspace.id, brand_id)
    except NotFound as error:
        st.title("Brands & Creators")
        show_error(error)
        return
    st.title(f"{escaped(brand.name)}{archived_badge(brand)}", anchor=False)
    st.caption("How it sounds and looks, what its agents start with, and who works for it.")
    parts: dict[str, Callable[[Workspace, Brand], None]] = {
        "Profile": _edit,
        "Defaults for agents": show_inputs,
        "Accounts": _accounts,
        "Agents at work": _agents,
    }
    names, wanted = list(parts), parameter("part")
    chosen = st.segmented_control(
        "Part",
        names,
        default=wanted if wanted in names else names[0],
        key=f"brand_part_{brand.id}",
        required=True,
        label_visibility="collapsed",
    )
    set_parameters(part=None if chosen in (None, names[0]) else chosen)
    parts[chosen or names[0]](workspace, brand)


def _edit(workspace: Workspace, brand: Brand) -> None:
    # Another save gives other keys, so that the fields show what is stored now.
    values = _profile(brand, key=f"brand_{brand.id}_{brand.updated_at.timestamp()}")
    with st.container(horizontal=True):
        save = st.button("Save", type="primary", icon=":material/check:")
        move = _archive_button(brand)
    if save:
        with errors_shown():
            draft = draft_of(brand, **_checked(values))
            application().workspaces.save_brand(workspace.id, brand.id, draft)
            flash(f"{draft['name']} is saved.")
            st.rerun()
    if move:
        with errors_shown():
            _move(workspace, brand)
    if brand.mood_board:
        st.caption("Mood board")
        show_links(brand.mood_board)


def _archive_button(brand: Brand) -> bool:
    if brand.status == "archived":
        return st.button("Bring it back", icon=":material/unarchive:")
    return st.button("Archive", icon=":material/archive:", help="Its agents keep working; it is only put away.")


def _move(workspace: Workspace, brand: Brand) -> None:
    archived = brand.status == "archived"
    application().workspaces.set_brand_status(workspace.id, brand.id, "active" if archived else "archived")
    flash(f"{brand.name} is {'back' if archived else 'archived'}.")
    st.rerun()


def _profile(brand: Brand | None, *, key: str) -> dict[str, Any]:
    """The fields of a profile; what they hold, before it is checked."""
    visual = brand.visual if brand else None
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name", brand.name if brand else "", key=f"{key}_name", max_chars=NAME_CHARS)
        industry = st.text_input(
            "Industry", brand.industry if brand else "", key=f"{key}_industry", max_chars=NAME_CHARS
        )
        description = _area("Description", brand.description if brand else "", f"{key}_description")
    with right:
        audience = _area("Audience", brand.audience if brand else "", f"{key}_audience", "Who buys, and why")
        voice = _area("Voice", brand.voice if brand else "", f"{key}_voice", "How it speaks, and what it never says")
    palette = palette_editor(visual.palette if visual else [], key=key)
    left, right = st.columns(2)
    fonts = left.text_input(
        "Fonts", ", ".join(visual.fonts) if visual else "", key=f"{key}_fonts", placeholder="Inter, Lora", max_chars=400
    )
    logo = right.text_input(
        "Logo address",
        (visual.logo_url or "") if visual else "",
        key=f"{key}_logo",
        placeholder="https://",
        max_chars=800,
    )
    own = text_of(brand.model) if brand and brand.model else ""
    model = st.selectbox(
        "Model",
        list(dict.fromkeys(("", own, *application().models.choices(workspace_id())))),
        1 if own else 0,
        key=f"{key}_model",
        accept_new_options=True,
        format_func=lambda choice: choice or "The workspace's",
        help="Which language model its agents ask, as provider:model. An agent may choose another one.",
    )
    mood = _area(
        "Mood board links", "\n".join(brand.mood_board) if brand else "", f"{key}_mood", "One address per line"
    )
    return {
        "name": name or "",
        "industry": industry or "",
        "description": description,
        "audience": audience,
        "voice": voice,
        "palette": palette,
        "fonts": fonts or "",
        "logo": logo or "",
        "model": model or "",
        "mood": mood,
    }


def _area(label: str, text: str, key: str, placeholder: str = "") -> str:
    return st.text_area(label, text, key=key, height=96, max_chars=TEXT_CHARS, placeholder=placeholder) or ""


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The fields as a brand takes them; Invalid names the links that are none."""
    texts = {name: values[name].strip() for name in ("industry", "description", "audience", "voice")}
    logo = checked_links(lines_of(values["logo"]), "Logo address")
    visual = {"logo_url": logo[0] if logo else None, "palette": values["palette"], "fonts": words_of(values["fonts"])}
    return {
        "name": checked_title(values["name"]),
        **texts,
        "visual": visual,
        "model": choice_of(values["model"]).model_dump() if values["model"] else None,
        "mood_board": checked_links(lines_of(values["mood"]), "Mood board links"),
    }


def _accounts(workspace: Workspace, brand: Brand) -> None:
    st.caption(
        "Accounts are read here, not changed. A token is never shown: only the name of the secret it is kept under."
    )
    show_connection(
        workspace,
        "Shopify",
        brand.shopify,
        icon=":material/shopping_bag:",
        without="No shop is connected. Orders reach an agent by its webhook or by a file.",
    )
    show_connection(
        workspace,
        "TikTok",
        brand.tiktok,
        icon=":material/music_video:",
        without="No account is connected.",
    )


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
