"""What the pages of brands and creators share: a palette to edit, links, and lists as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import streamlit as st

from ionflux_core.domain.agents import check_value
from ionflux_core.errors import Invalid, Problem
from ionflux_ui.brand_colours import six_digits
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.theme import CHART_PALETTE


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
                chosen.append(st.color_picker(f"Colour {len(chosen) + 1}", six_digits(first), key=name))
                if st.button("Remove", key=f"{name}_gone", type="tertiary", icon=":material/close:"):
                    ids.remove(number)
                    st.rerun()
        if len(ids) < 12 and st.button("Add a colour", key=f"{key}_more", icon=":material/add:"):
            ids.append(max([*ids, len(colours) - 1]) + 1)
            st.rerun()
    return chosen


def show_links(links: Iterable[str]) -> None:
    """Links that open elsewhere, shown by their host; what is no web address is shown as text."""
    with st.container(horizontal=True):
        for link in links:
            if check_value("url", link):
                st.text(link)
            else:
                host = urlsplit(link).hostname or link
                st.link_button(escaped(host), link, icon=":material/open_in_new:", help=escaped(shortened(link, 200)))
