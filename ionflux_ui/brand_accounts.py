"""Accounts of a brand or creator: the connected ones, and what is written down of places without a connector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Connection, Creator, Workspace
from ionflux_ui.brand_connected import show_connected
from ionflux_ui.brand_parts import checked_links, lines_of
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, page_link

_SCHEME: Final = "secret://"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a brand or creator is found: its field, its name, its icon, and what agents take from what is noted."""

    field: str
    name: str
    icon: str
    about: str = ""


_PLACES: Final[Mapping[str, Place]] = {
    each.field: each
    for each in (
        Place(
            "shopify",
            "Shopify",
            ":material/shopping_bag:",
            "Agents link to this address. Orders come by a connected account, a webhook or a file.",
        ),
        Place("tiktok", "TikTok", ":material/music_video:"),
        Place("whatsapp", "WhatsApp", ":material/chat:"),
        Place("instagram", "Instagram", ":material/photo_camera:"),
        Place("youtube", "YouTube", ":material/smart_display:"),
    )
}


def show_accounts(
    workspace: Workspace,
    owner: Brand | Creator,
    connections: Mapping[str, Connection],
    save: Callable[[str, Connection], None],
) -> None:
    """Draw the connected accounts, then each place with a form; `save` is given the field and what it should say."""
    show_connected(workspace, owner if isinstance(owner, Brand) else None)
    st.subheader("Written down by hand", anchor=False)
    st.caption("For what cannot be connected. Never a token, only the name of the secret it is stored under.")
    secrets = application().secrets.names(workspace.id)
    connectable = {each.kind for each in application().accounts.kinds()}
    for field, connection in connections.items():
        place = _PLACES[field]
        # A connected account keeps its own tokens; a secret named here before can still be taken out.
        offered = None if field in connectable and not connection.secret else secrets
        with st.container(border=True, gap="xsmall", key=f"account-{field}"):
            _show(workspace, place, connection, offered)
            with st.popover("Change", icon=":material/edit:", key=f"account-change-{field}"):
                _form(place, f"{owner.id}-{field}", connection, offered, save)


def _show(workspace: Workspace, place: Place, connection: Connection, secrets: list[str] | None) -> None:
    st.markdown(f"{place.icon} **{place.name}**")
    if place.about:
        st.caption(place.about)
    if not connection.is_there:
        st.text("Nothing is written down.")
        return
    for said in (connection.handle, connection.url):
        if said:
            st.text(said)
    if secrets is not None:
        _secret_line(connection.secret, secrets)
    if connection.last_sync_at:
        at, zone = connection.last_sync_at, workspace.settings.timezone
        st.caption(
            f"Last sync {ago(at, zone)}: {escaped(connection.last_sync_status or 'no result noted')}",
            help=exact(at, zone),
            width="content",
        )
    elif connection.last_sync_status:
        st.caption(f"Last sync: {escaped(connection.last_sync_status)}")


def _secret_line(reference: str | None, secrets: list[str]) -> None:
    if not reference:
        st.caption("No secret is named for it.")
        return
    name = reference.removeprefix(_SCHEME)
    stored = name in secrets
    st.caption(f"Secret: {escaped(name)}, {'stored' if stored else 'not stored yet'}")
    if not stored:
        page_link("settings", "Store it", icon=":material/key:", tab="secrets", secret=name)


def _form(
    place: Place,
    key: str,
    connection: Connection,
    secrets: list[str] | None,
    save: Callable[[str, Connection], None],
) -> None:
    own = (connection.secret or "").removeprefix(_SCHEME)
    secret: str | None = own
    with st.form(f"account-{key}", border=False):
        handle = st.text_input("Name or handle", connection.handle, max_chars=200)
        url = st.text_input("Address", connection.url or "", max_chars=800, placeholder="https://")
        if secrets is not None:
            names = list(dict.fromkeys(("", own, *secrets)))
            secret = st.selectbox(
                "Secret", names, names.index(own), format_func=lambda name: name or "None",
                help="Secrets are stored in Settings; an agent is given its value at the last moment.",
            )  # fmt: skip
        done = st.form_submit_button("Save account", type="primary")
    if done:
        with errors_shown():
            links = checked_links(lines_of(url or ""), "Address")
            values: dict[str, Any] = {"handle": (handle or "").strip(), "url": links[0] if links else None}
            values["secret"] = f"{_SCHEME}{secret}" if secret else None
            save(place.field, connection.model_copy(update=values))
            flash(f"{place.name} is saved.")
            st.rerun()
