"""A brand's colours as they are: swatches, and which of them can be read on which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations
from typing import Final

import streamlit as st

_HEX: Final = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_READABLE: Final = 4.5
_PAIRS_SHOWN: Final = 6
_WHITE, _BLACK = "#ffffff", "#000000"


def six_digits(colour: str) -> str:
    """The colour as #rrggbb, which is what the picker takes."""
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])


def contrast(one: str, other: str) -> float:
    """How much two hex colours stand out from each other, from 1 (not at all) to 21 (black on white)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_pairs(palette: Sequence[str]) -> list[tuple[str, str, float]]:
    """Which colour can be read as text on which, with its contrast, the clearest first; each two once."""
    pairs = [(ink, ground, contrast(ink, ground)) for ink, ground in permutations(dict.fromkeys(palette), 2)]
    clear = [pair for pair in pairs if pair[2] >= _READABLE and _luminance(pair[0]) < _luminance(pair[1])]
    return sorted(clear, key=lambda pair: -pair[2])


def swatches(colours: Sequence[str]) -> None:
    """Show colours as they are, with nothing to change; what is no hex colour is left out."""
    fit = _fit(colours)
    if not fit:
        return
    squares = "".join(
        f'<rect x="{number * 34}" y="0" width="28" height="28" rx="6" fill="{colour}" stroke="#8888" />'
        for number, colour in enumerate(fit)
    )
    width = len(fit) * 34
    st.image(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="28">{squares}</svg>', width=width)


def colour_cards(colours: Sequence[str]) -> None:
    """Show each colour with its code and the letters that can be read on it, and which colours go together."""
    fit = [six_digits(colour) for colour in _fit(colours)]
    if not fit:
        return
    with st.container(horizontal=True, gap="small"):
        for colour in fit:
            st.image(_card(colour), width=104)
    pairs = readable_pairs(fit)
    if pairs:
        said = ", ".join(f"`{ink}` on `{ground}` ({ratio:.1f}:1)" for ink, ground, ratio in pairs[:_PAIRS_SHOWN])
        st.caption(f"Text that reads well: {said}")
    elif len(fit) > 1:
        st.caption("No two of these colours reach 4.5:1, which text needs: write in black or white on them.")


def _card(colour: str) -> str:
    white, black = contrast(colour, _WHITE), contrast(colour, _BLACK)
    ink, name, ratio = (_WHITE, "white", white) if white >= _READABLE or white > black else (_BLACK, "black", black)
    words = (
        f'<text x="10" y="26" font-size="18" font-weight="600" fill="{ink}">Aa</text>'
        f'<text x="10" y="46" font-size="12" fill="{ink}">{colour}</text>'
        f'<text x="10" y="62" font-size="11" fill="{ink}">{name} {ratio:.1f}:1</text>'
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="104" height="72" font-family="sans-serif">'
        f'<rect x="0.5" y="0.5" width="103" height="71" rx="8" fill="{colour}" stroke="#8888" />{words}</svg>'
    )


def _fit(colours: Sequence[str]) -> list[str]:
    return [colour for colour in colours if _HEX.fullmatch(colour)]


def _luminance(colour: str) -> float:
    """How light a colour is to the eye, from 0 to 1, by the formula of the accessibility guidelines (WCAG 2)."""
    digits = six_digits(colour)[1:]
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
