"""Two texts compared line by line: what was added and removed, in words, signs and colour."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import streamlit as st

from ionflux_ui.plain import counted

_PLACE = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Difference:
    """The changed lines with three lines around them, signed + and -, and how many of each there are."""

    text: str
    added: int
    removed: int

    @property
    def summary(self) -> str:
        """In words, as Markdown: "+ 2 lines added, − 1 line removed"."""
        parts = []
        if self.added:
            parts.append(f":green[**+ {counted(self.added, 'line')} added**]")
        if self.removed:
            parts.append(f":red[**− {counted(self.removed, 'line')} removed**]")
        return ", ".join(parts) or "no line differs"


# Our own colours for the signs (`theme.GREEN`, `RED`, `GREY`): the usual ones are too pale on the light ground. The
# class stands twice because our rule must outweigh the built-in one.
_LIGHT_SIGNS = """<style>
[data-testid="stCode"] .token.token.inserted { color: #127447; }
[data-testid="stCode"] .token.token.deleted { color: #c22431; }
[data-testid="stCode"] .token.token.unchanged.line { color: #5f5f6c; }
</style>"""
_DARK_SIGNS = """<style>
[data-testid="stCode"] .token.token.inserted { color: #4fc486; }
[data-testid="stCode"] .token.token.deleted { color: #ff8087; }
[data-testid="stCode"] .token.token.unchanged.line { color: #b0b0be; }
</style>"""


def difference(old: str, new: str) -> Difference:
    """How a new text differs from an old one."""
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3))[2:]
    shown = [_PLACE.sub(r"@@ line \1 @@", line) for line in lines]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    return Difference("\n".join(shown), added, removed)


def show_difference(old: str, new: str, what: str) -> None:
    """Draw a comparison; `what` says of what with what."""
    found = difference(old, new)
    st.markdown(f"{found.summary} ({what})")
    if found.text:
        if st.context.theme.type == "dark":
            st.html(_DARK_SIGNS)
        else:
            st.html(_LIGHT_SIGNS)
        st.code(found.text, language="diff")
    elif old != new:
        st.caption("Only the end of the text differs.")
