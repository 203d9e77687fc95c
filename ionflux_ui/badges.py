"""Badges: a few words in a coloured pill, as Markdown and as what a component draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ionflux_ui.plain import escaped
from ionflux_ui.theme import status_badge, status_look


class Badge(NamedTuple):
    """A few words in a coloured pill; `tone` is a colour's name in the theme, `icon` a Material icon's or empty."""

    tone: str
    icon: str
    text: str


def badge_line(badges: Iterable[Badge]) -> str:
    """Badges as Markdown."""
    return " ".join(
        f":{tone}-badge[{f':material/{icon}: ' if icon else ''}{escaped(text)}]" for tone, icon, text in badges
    )


def badge_of_status(status: str) -> Badge:
    """How a run's status looks."""
    look = status_look(status)
    tone = status_badge(status).removeprefix(":").partition("-badge")[0]
    return Badge(tone, look.icon.removeprefix(":material/").removesuffix(":"), look.label)
