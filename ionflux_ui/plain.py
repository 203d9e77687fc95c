"""Text from data as text: nothing in it becomes markup, a picture, a formula or a colour."""

from __future__ import annotations

import re
from typing import Final

# A web or mail address becomes a link even when its marks are escaped; a word joiner (no width) keeps it text.
_ADDRESS: Final = re.compile(r"(?<=:/)(?=/)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_MARKS: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&^=@])")


def escaped(text: str) -> str:
    """The text on one line, for a place inside Markdown or a widget's label."""
    return _MARKS.sub(r"\\\1", _ADDRESS.sub("\u2060", " ".join(text.split())))


def shortened(text: str, chars: int) -> str:
    """The text on one line of at most `chars` characters, cut between words with an ellipsis."""
    line = " ".join(text.split())
    if len(line) <= chars:
        return line
    cut = line[: chars - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut}…"


def counted(count: int, noun: str) -> str:
    """A count with its noun, like "1 run" or "3 runs"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
