"""What the pages of brands and creators share: colours, links, lists as text, connected accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

import streamlit as st

from ionflux_core.domain.agents import check_value
from ionflux_core.domain.workspaces import Connection, Workspace
from ionflux_core.errors import Invalid, Problem
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.session import application, page_link
from ionflux_ui.theme import CHART_PALETTE

_SCHEME: Final = "secret://"
_HEX: Final = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")


def lines_of(text: str) -> list[str]:
    """The lines of a field that hold something, each once."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def words_of(text: str) -> list[str]:
    """The entries of a field, separated by commas or lines, each once."""
    return lines_of(text.replace(",", "\n"))


def checked_title(text: str) -> str:
    """A name without blanks around it; Invalid when nothing is left."""
    if not text.strip():
        raise Invalid("A name is missing.", hint="Write a name above.")
    return text.strip()


def checked_links(lines: Iterable[str], field: str) -> list[str]:
    """The lines when all are web addresses; Invalid names each that is none."""
    links = list(lines)
    problems = [
        Problem(f"{shortened(link, 60)!r} {wrong}.", path=field)
        for link in links
        if (wrong := check_value("url", link))
    ]
    if problems:
        raise Invalid(
            "This was not saved.", problems=problems, hint="Write one address per line, such as https://example.com."
        )
    return links


def swatches(colours: Sequence[str]) -> None:
    """Show colours as they are, with nothing to change; what is no hex colour is left out."""
    fit = [colour for colour in colours if _HEX.fullmatch(colour)]
    if not fit:
        return
    squares = "".join(
        f'<rect x="{number * 34}" y="0" width="28" height="28" rx="6" fill="{colour}" stroke="#8888" />'
        for number, colour in enumerate(fit)
    )
    width = len(fit) * 34
    st.image(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="28">{squares}</svg>', width=width)


def palette_editor(colours: Sequence[str], *, key: str) -> list[str]:
    """Change, add and remove colours; the palette as it stands on the screen."""
    ids_key = f"{key}_palette"
    if ids_key not in st.session_state:
        st.session_state[ids_key] = list(range(len(colours)))
    ids: list[int] = st.session_state[ids_key]
    chosen: list[str] = []
    st.caption("Palette")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for number in ids:
            first = colours[number] if number < len(colours) else CHART_PALETTE[number % len(CHART_PALETTE)]
            with st.container(width="content", gap="xsmall", horizontal_alignment="center"):
                name = f"{key}_colour_{number}"
                chosen.append(st.color_picker(f"Colour {len(chosen) + 1}", _six_digits(first), key=name))
                if st.button("Remove", key=f"{name}_gone", type="tertiary", icon=":material/close:"):
                    ids.remove(number)
                    st.rerun()
        if len(ids) < 12 and st.button("Add a colour", key=f"{key}_more", icon=":material/add:"):
            ids.append(max([*ids, len(colours) - 1]) + 1)
            st.rerun()
    return chosen


def _six_digits(colour: str) -> str:
    """The colour as #rrggbb, which is what the picker takes."""
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])


def show_links(links: Iterable[str]) -> None:
    """Links that open elsewhere, shown by their host; what is no web address is shown as text."""
    with st.container(horizontal=True):
        for link in links:
            if check_value("url", link):
                st.text(link)
            else:
                host = urlsplit(link).hostname or link
                st.link_button(escaped(host), link, icon=":material/open_in_new:", help=escaped(shortened(link, 200)))


def show_connection(workspace: Workspace, name: str, connection: Connection, *, icon: str, without: str) -> None:
    """A connected account as it stands: address, the name of its secret, and how its last sync went."""
    with st.container(border=True, gap="xsmall"):
        linked = bool(connection.url or connection.secret)
        badge = ":green-badge[connected]" if linked else ":gray-badge[not connected]"
        st.markdown(f"{icon} **{name}** {badge}")
        if not linked:
            st.text(without)
            return
        if connection.url:
            st.text(connection.url)
        _secret_line(workspace, connection.secret)
        if connection.last_sync_at:
            at, zone = connection.last_sync_at, workspace.settings.timezone
            st.caption(
                f"Last sync {ago(at, zone)}: {escaped(connection.last_sync_status or 'no result noted')}",
                help=exact(at, zone),
                width="content",
            )
        elif connection.last_sync_status:
            st.caption(f"Last sync: {escaped(connection.last_sync_status)}")


def _secret_line(workspace: Workspace, reference: str | None) -> None:
    if not reference:
        st.caption("No secret is named for it.")
        return
    name = reference.removeprefix(_SCHEME)
    stored = name in application().secrets.names(workspace.id)
    st.caption(f"Secret: {escaped(name)}, {'stored' if stored else 'not stored yet'}")
    if not stored:
        page_link("settings", "Store it", icon=":material/key:", tab="secrets", secret=name)
