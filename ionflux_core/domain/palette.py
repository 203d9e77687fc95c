"""The command palette: what it finds, and how well a thing answers what somebody types."""

from __future__ import annotations

import unicodedata
from typing import Literal

from pydantic import BaseModel, ConfigDict

HitKind = Literal[
    "action", "screen", "page", "agent", "definition", "run", "prompt", "library", "brand", "creator", "channel",
    "setting", "workspace",
]  # fmt: skip

# What narrows a question to some kinds, when it begins so.
PREFIXES: dict[str, frozenset[HitKind]] = {
    ">": frozenset({"action"}),
    "@": frozenset({"agent", "definition", "brand", "creator"}),
    "#": frozenset({"channel"}),
    "/": frozenset({"page", "screen", "setting"}),
}
_WORDS_LOOKED_AT = 8
_CHARS_LOOKED_AT = 80


class Hit(BaseModel):
    """One thing the palette offers: choosing it opens `page` with `parameters`."""

    model_config = ConfigDict(frozen=True)

    kind: HitKind
    title: str
    hint: str = ""
    icon: str = ""
    page: str
    parameters: dict[str, str] = {}


def folded(text: str) -> str:
    """The text for comparing: small letters without their marks."""
    plain = unicodedata.normalize("NFKD", text[:_CHARS_LOOKED_AT]).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def score(asked: str, text: str) -> float:
    """How well a folded text answers a folded question: 0 when a word of it cannot be found, letter after letter.

    Letters side by side, at the beginning of words and at the very beginning count more, and so do short texts.
    """
    words = asked.split()[:_WORDS_LOOKED_AT]
    found = [_word_score(word, text) for word in words]
    if not found or min(found) <= 0:
        return 0.0
    return sum(found) / len(found) + 4.0 / (4.0 + len(text))


def _word_score(word: str, text: str) -> float:
    at = text.find(word)
    if at >= 0:
        begins = at == 0 or not text[at - 1].isalnum()
        # The same letters may stand at the beginning of a later word.
        later = begins or any(not text[i - 1].isalnum() for i in _places(word, text, at + 1))
        return 10.0 + (4.0 if at == 0 else 0.0) + (4.0 if later else 0.0)
    return _scattered(word, text)


def _places(word: str, text: str, start: int) -> list[int]:
    found = []
    while (start := text.find(word, start)) > 0:
        found.append(start)
        start += 1
    return found


def _scattered(word: str, text: str) -> float:
    """At most 7 for letters that stand in the text in this order; those at the beginning of words count more."""
    points, at = 0.0, -1
    for letter in word:
        following = text.find(letter, at + 1)
        if following < 0:
            return 0.0
        if following == at + 1 and at >= 0:
            points += 1.0
        elif following == 0 or not text[following - 1].isalnum():
            points += 0.9
        else:
            points += 0.3
        at = following
    share = points / len(word)
    # Letters strewn over a text say little: "aei" stands in almost everything.
    return 7.0 * share if share >= 0.5 else 0.0
