"""The marketplace's cards as one light element; its buttons say which agent is to be read about or used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition
from ionflux_ui.badges import Badge
from ionflux_ui.marketplace_parts import readiness, services, tags
from ionflux_ui.plain import shortened
from ionflux_ui.theme import ACCENT_FILL, ACCENT_FILL_HOVER

_FOLDER: Final = Path(__file__).parent / "components"
_ACCENT: Final = f":host {{ --accent-fill: {ACCENT_FILL}; --accent-fill-hover: {ACCENT_FILL_HOVER}; }}\n"
_CHARS: Final = 220

# Registered here and not where it is drawn: a script run anew would register it anew.
_mount = st.components.v2.component(
    "ionflux_marketplace_cards",
    js=(_FOLDER / "marketplace_cards.js").read_text(encoding="utf-8"),
    css=_ACCENT + (_FOLDER / "marketplace_cards.css").read_text(encoding="utf-8"),
)


class Clicked(NamedTuple):
    """What was clicked on a card: the slugs of the agent to use and of the one to read about, or None."""

    used: str | None
    opened: str | None


def marketplace_cards(definitions: Sequence[AgentDefinition], *, kept: Mapping[str, str]) -> Clicked:
    """Draw one card per agent; `kept` is what of the address goes along to an agent's detail."""
    # A tuple, because Streamlit asks pandas whether a list is a table, and loading pandas takes longer than this page.
    data = {"cards": tuple(card_of(each, kept) for each in definitions), "label": "Agents"}
    result = _mount(key="marketplace_cards", data=data, on_used_change=_ignore, on_opened_change=_ignore)
    known = {each.slug for each in definitions}
    usable = {each.slug for each in definitions if not each.planned}
    used, opened = result.get("used"), result.get("opened")
    return Clicked(used if used in usable else None, opened if opened in known else None)


def card_of(definition: AgentDefinition, kept: Mapping[str, str]) -> dict[str, Any]:
    """What one card says, all of it plain text."""
    story = definition.narrative
    names = [capability.split(":")[0].strip() for capability in story.capabilities]
    return {
        "slug": definition.slug,
        "name": definition.name,
        "version": definition.version,
        "address": "?" + urlencode({**kept, "agent": definition.slug}),
        "usable": not definition.planned,
        "state": _plain(readiness(definition)),
        "epithet": story.epithet or "",
        "tagline": story.tagline or "",
        "introduction": shortened(story.introduction or "", _CHARS),
        "can": shortened(" · ".join(names), _CHARS),
        "about": _plain([*services(definition), *tags(definition)]),
    }


def _plain(badges: Iterable[Badge]) -> list[dict[str, str]]:
    return [badge._asdict() for badge in badges]


def _ignore() -> None:
    """Naming a value without doing anything is how Streamlit learns that it exists."""
