"""One creator: the person's story, niche, platforms and audience, accounts, and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from ionflux_core.domain.workspaces import Connection, Creator, Workspace
from ionflux_core.errors import NotFound
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_core.yaml_text import dump
from ionflux_ui.agent_words import BY
from ionflux_ui.brand_accounts import show_accounts
from ionflux_ui.brand_audience import facts_of, platform_lines, platforms_of, show_audience, show_platforms
from ionflux_ui.brand_draft import draft_of
from ionflux_ui.brand_history import show_history
from ionflux_ui.brand_list import archived_badge, back_button
from ionflux_ui.brand_parts import checked_links, checked_title, lines_of, show_links, words_of
from ionflux_ui.brand_seen import seen, tell_conflict
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.parts import open_part
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page


def show_new_creator(workspace: Workspace) -> None:
    """Draw the form for a creator who is not there yet."""
    back_button("All creators", "creators")
    st.title("New creator", anchor=False)
    st.caption("A name is enough; the rest can come later.")
    values = _fields(None, key="creator_new")
    if st.button("Add the creator", type="primary", icon=":material/check:"):
        with errors_shown():
            made = application().workspaces.add_creator(workspace.id, _checked(values), by=BY)
            flash(f"{made.name} is here.")
            open_page("brands", creator=made.id)


def show_creator(workspace: Workspace, creator_id: str) -> None:
    """Draw a creator's page; an unknown one gets a sentence and the way back."""
    back_button("All creators", "creators")
    try:
        creator = application().workspaces.creator(workspace.id, creator_id)
    except NotFound as error:
        st.title("Brands & Creators", anchor=False)
        show_error(error)
        return
    st.title(f"{escaped(creator.name)}{archived_badge(creator)}", anchor=False)
    st.caption("What agents know of this person when they match, brief or write.")
    parts: dict[str, Callable[[Workspace, Creator], None]] = {
        "Profile": _edit,
        "Accounts": _accounts,
        "History": show_history,
    }
    parts[open_part(parts, key=f"creator_part_{creator.id}")](workspace, creator)


def _edit(workspace: Workspace, creator: Creator) -> None:
    here, told = seen(creator), st.container()
    values = _fields(here.shown, key=here.key)
    with told:
        tell_conflict(here, creator, values)
    archived = creator.status == "archived"
    with st.container(horizontal=True):
        save = st.button("Save", type="primary", icon=":material/check:")
        move = st.button("Bring back" if archived else "Archive", icon=":material/archive:")
    if save:
        with errors_shown():
            draft = draft_of(creator, **_checked(values))
            here.take(
                application().workspaces.save_creator(workspace.id, creator.id, draft, expected=here.expected, by=BY)
            )
            flash(f"{draft['name']} is saved.")
            st.rerun()
    if move:
        with errors_shown():
            _move(workspace, creator)
    shown, audience = st.columns(2)
    with shown:
        show_platforms(creator.platforms)
        if creator.portfolio_links:
            st.caption("Portfolio")
            show_links(creator.portfolio_links)
    with audience:
        show_audience(creator.audience_demographics)


def _move(workspace: Workspace, creator: Creator) -> None:
    archived = creator.status == "archived"
    status = "active" if archived else "archived"
    application().workspaces.set_creator_status(workspace.id, creator.id, status, by=BY)
    flash(f"{creator.name} is {'back' if archived else 'archived'}.")
    st.rerun()


def _accounts(workspace: Workspace, creator: Creator) -> None:
    def save(field: str, connection: Connection) -> None:
        draft = draft_of(creator, **{field: connection.model_dump()})
        application().workspaces.save_creator(workspace.id, creator.id, draft, expected=creator.updated_at, by=BY)

    connections = {"tiktok": creator.tiktok, "instagram": creator.instagram, "youtube": creator.youtube}
    show_accounts(workspace, creator, connections, save)


def _fields(creator: Creator | None, *, key: str) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name", creator.name if creator else "", key=f"{key}_name", max_chars=NAME_CHARS)
        handle = st.text_input(
            "Handle", creator.handle if creator else "", key=f"{key}_handle", max_chars=200, placeholder="@marina"
        )
        niche = st.text_input(
            "Niche", ", ".join(creator.niche_tags) if creator else "", key=f"{key}_niche", max_chars=400,
            placeholder="slow fashion, repair, thrift",
        )  # fmt: skip
        bio = st.text_area("Story", creator.bio if creator else "", key=f"{key}_bio", height=140, max_chars=TEXT_CHARS)
    with right:
        platforms = _area(
            "Platforms", platform_lines(creator.platforms) if creator else "", f"{key}_platforms",
            "Instagram, @marina, 12000", "One per line: platform, handle or address, followers.",
        )  # fmt: skip
        links = _area(
            "Portfolio links", "\n".join(creator.portfolio_links) if creator else "", f"{key}_links",
            "One address per line", None,
        )  # fmt: skip
        facts = creator.audience_demographics if creator else {}
        audience = _area(
            "Audience", dump(facts) if facts else "", f"{key}_audience", "country: Brazil\nage:\n  18-24: 40",
            "One fact per line, as key: value; a group of shares is indented below its name.",
        )  # fmt: skip
    return {
        "name": name or "",
        "handle": handle or "",
        "niche": niche or "",
        "bio": bio or "",
        "platforms": platforms,
        "links": links,
        "audience": audience,
    }


def _area(label: str, text: str, key: str, placeholder: str, help_text: str | None) -> str:
    return (
        st.text_area(label, text, key=key, height=100, max_chars=TEXT_CHARS, placeholder=placeholder, help=help_text)
        or ""
    )


def _checked(values: dict[str, str]) -> dict[str, Any]:
    """The fields as a creator takes them; Invalid names what is wrong."""
    return {
        "name": checked_title(values["name"]),
        "handle": values["handle"].strip(),
        "niche_tags": words_of(values["niche"]),
        "bio": values["bio"].strip(),
        "platforms": platforms_of(values["platforms"]),
        "portfolio_links": checked_links(lines_of(values["links"]), "Portfolio links"),
        "audience_demographics": facts_of(values["audience"]),
    }
