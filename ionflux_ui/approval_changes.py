"""What a person changed in a draft before agreeing to it: kept with the answer, and shown word by word."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ionflux_core.domain.differences import Piece, text_difference
from ionflux_core.domain.runs import Approval
from ionflux_core.yaml_text import dump
from ionflux_ui.approval_fields import label_of
from ionflux_ui.plain import escaped

_TEXT_CHARS: Final = 20_000


def draw_changes(approval: Approval) -> None:
    """Every edited field: what the agent drafted, and what was approved."""
    for name, after in approval.edits.items():
        st.markdown(f"**{label_of(name)}** :gray[drafted, then approved]")
        with st.container(border=True):
            st.markdown(changed_words(_text(approval.data.get(name)), _text(after)))


def _text(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else dump(value).strip()
    return text[:_TEXT_CHARS]


def changed_words(before: str, after: str) -> str:
    """Two texts as Markdown lines: taken out in red and struck through, put in in green."""
    lines: list[str] = []
    for row in text_difference(before, after).rows:
        if row.mark == "skipped":
            lines.append(f":gray[… {row.skipped} lines as drafted]")
        elif row.mark == "same":
            lines.append(_line(row.right, ""))
        else:
            lines += [f":red[−] {_line(row.left, 'red')}"] if row.left else []
            lines += [f":green[+] {_line(row.right, 'green')}"] if row.right else []
    return "  \n".join(lines)


def _line(pieces: tuple[Piece, ...], tone: str) -> str:
    alone = all(not piece.differs for piece in pieces)
    return "".join(_piece(piece.text, tone, piece.differs or alone) for piece in pieces)


def _piece(text: str, tone: str, marked: bool) -> str:
    """Blanks stay outside the marks: Markdown takes no emphasis that begins or ends with one."""
    inner = text.strip()
    if not inner:
        return text
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    shown = escaped(inner)
    if tone and marked:
        shown = f":red[~~{shown}~~]" if tone == "red" else f":green[**{shown}**]"
    return lead + shown + trail
