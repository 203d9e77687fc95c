"""One creator: the person's story, niche, audience and links."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.domain.workspaces import Creator, Workspace
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_core.yaml_text import dump, load
from ionflux_ui.brand_draft import draft_of
from ionflux_ui.brand_list import archived_badge, back_button
from ionflux_ui.brand_parts import checked_links, checked_title, lines_of, show_connection, show_links, words_of
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, open_page


def show_new_creator(workspace: Workspace) -> None:
    """Draw the form for a creator who is not there yet."""
    back_button("All creators", "creators")
    st.title("New creator")
    st.caption("A name is enough; the rest can come later.")
    values = _fields(None, key="creator_new")
    if st.button("Add the creator", type="primary", icon=":material/check:"):
        with errors_shown():
            made = application().workspaces.add_creator(workspace.id, _checked(values))
            flash(f"{made.name} is here.")
            open_page("brands", creator=made.id)


def show_creator(workspace: Workspace, creator_id: str) -> None:
    """Draw a creator's page; an unknown one gets a sentence and the way back."""
    back_button("All creators", "creators")
    everyone = application().workspaces.creators(workspace.id, archived=True)
    creator = next((each for each in everyone if each.id == creator_id), None)
    if creator is None:
        st.title("Brands & Creators")
        show_error(NotFound("There is no such creator.", hint="Choose one from the list."))
        return
    st.title(f"{escaped(creator.name)}{archived_badge(creator)}", anchor=False)
    st.caption("What agents know of this person when they match, brief or write.")
    values = _fields(creator, key=f"creator_{creator.id}_{creator.updated_at.timestamp()}")
    archived = creator.status == "archived"
    with st.container(horizontal=True):
        save = st.button("Save", type="primary", icon=":material/check:")
        move = st.button("Bring back" if archived else "Archive", icon=":material/archive:")
    if save:
        with errors_shown():
            _save(workspace, creator, _checked(values), [each for each in everyone if each.id != creator.id])
    if move:
        with errors_shown():
            _move(workspace, creator)
    if creator.portfolio_links:
        st.caption("Portfolio")
        show_links(creator.portfolio_links)
    show_connection(
        workspace,
        "TikTok",
        creator.tiktok,
        icon=":material/music_video:",
        without="No account is connected.",
    )


def _save(workspace: Workspace, creator: Creator, values: dict[str, Any], others: list[Creator]) -> None:
    if any(other.name == values["name"] for other in others):
        raise Conflict(f"There is a creator {values['name']!r} already.", hint="Choose another name.")
    application().workspaces.save_creator(workspace.id, creator.id, draft_of(creator, **values))
    flash(f"{values['name']} is saved.")
    st.rerun()


def _move(workspace: Workspace, creator: Creator) -> None:
    archived = creator.status == "archived"
    application().workspaces.set_creator_status(workspace.id, creator.id, "active" if archived else "archived")
    flash(f"{creator.name} is {'back' if archived else 'archived'}.")
    st.rerun()


def _fields(creator: Creator | None, *, key: str) -> dict[str, str]:
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name", creator.name if creator else "", key=f"{key}_name", max_chars=NAME_CHARS)
        niche = st.text_input(
            "Niche",
            ", ".join(creator.niche_tags) if creator else "",
            key=f"{key}_niche",
            placeholder="slow fashion, repair, thrift",
            max_chars=400,
        )
        bio = st.text_area("Story", creator.bio if creator else "", key=f"{key}_bio", height=140, max_chars=TEXT_CHARS)
    with right:
        links = st.text_area(
            "Portfolio links",
            "\n".join(creator.portfolio_links) if creator else "",
            key=f"{key}_links",
            height=96,
            placeholder="One address per line",
            max_chars=TEXT_CHARS,
        )
        audience = creator.audience_demographics if creator else {}
        demographics = st.text_area(
            "Audience",
            dump(audience) if audience else "",
            key=f"{key}_audience",
            height=140,
            placeholder="country: Brazil\nage: 18-34",
            help="One fact per line, as key: value.",
            max_chars=TEXT_CHARS,
        )
    return {
        "name": name or "",
        "niche": niche or "",
        "bio": bio or "",
        "links": links or "",
        "audience": demographics or "",
    }


def _checked(values: dict[str, str]) -> dict[str, Any]:
    """The fields as a creator takes them; Invalid names what is wrong."""
    return {
        "name": checked_title(values["name"]),
        "niche_tags": words_of(values["niche"]),
        "bio": values["bio"].strip(),
        "portfolio_links": checked_links(lines_of(values["links"]), "Portfolio links"),
        "audience_demographics": _facts(values["audience"]),
    }


def _facts(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    read = load(text).numbers()
    if not isinstance(read, dict):
        raise Invalid("The audience cannot be read.", hint="Write one fact per line, such as country: Brazil.")
    return {str(key): value for key, value in read.items()}
