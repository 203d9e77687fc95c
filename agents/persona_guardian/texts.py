"""Texts made comparable: cleaned, cut into sentences, words, emoji and letter patterns; all within fixed limits."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from ionflux_core.sdk import Invalid

MOST_CHARS = 2_000_000
READ_CHARS = 12_000
_SLICES = 10

URL = re.compile(r"(?:https?://|www\.)[^\s<>\"']{1,500}", re.IGNORECASE)
_PICTURE = "[\U0001f300-\U0001faff\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55]"
EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]{{0,2}}"
    f"(?:\u200d{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]{{0,2}}){{0,4}}"
)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]{0,3}\s+|\n+")
_DIGITS = re.compile(r"\d+")
_BREAKS = re.compile(r"\n{3,}")
_SPACE = re.compile(r"\s+")
# Controls, marks of writing direction, invisible blanks and private signs; what joins letters or emoji stays.
_INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ue000-\uf8ff\U000e0000-\U000e0fff]"
)
# What a template holds open is no wording of anybody's.
PLACEHOLDER = re.compile(r"\{\{[^{}]{0,200}\}\}|\[\[[^\[\]]{0,200}\]\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is judged, and how much of what came was read."""

    text: str
    characters: int
    read: int

    @property
    def sampled(self) -> bool:
        """Whether only parts of the text were read."""
        return self.read < self.characters


def clean(text: str) -> str:
    """The text in one normal form, without control characters and marks that turn the writing direction over."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return _BREAKS.sub("\n\n", _INVISIBLE.sub("", text)).strip()


def read(text: str) -> Reading:
    """The cleaned text; of a long one ten slices spread evenly, cut between words. Invalid above two million."""
    if len(text) > MOST_CHARS:
        raise Invalid(
            f"The text has {len(text):,} characters.", hint=f"At most {MOST_CHARS:,} are taken; send a part of it."
        )
    whole = clean(text)
    if len(whole) <= READ_CHARS:
        return Reading(whole, len(whole), len(whole))
    size, gap = READ_CHARS // _SLICES, len(whole) / _SLICES
    parts = [_between_words(whole[int(n * gap) : int(n * gap) + size], n > 0) for n in range(_SLICES)]
    sampled = "\n".join(parts)
    return Reading(sampled, len(whole), len(sampled))


def _between_words(part: str, cut_start: bool) -> str:
    """A slice without the halves of words at its ends; a slice that is one long word stays as it is."""
    inner = _SPACE.split(part)
    start = len(inner[0]) if cut_start and len(inner) > 2 else 0
    end = len(part) - len(inner[-1]) if len(inner) > 2 else len(part)
    return part[start:end].strip()


def sentences(text: str) -> list[str]:
    """The sentences of a text, without empty ones."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def words(text: str) -> list[str]:
    """The words of a text in small letters; addresses and placeholders are no words."""
    return [word.replace("’", "'") for word in WORD.findall(_prose(text).lower())]


def _prose(text: str) -> str:
    return PLACEHOLDER.sub(" ", URL.sub(" ", text)) if "{{" in text or "[[" in text else URL.sub(" ", text)


def emoji(text: str) -> list[str]:
    """The emoji of a text, without the mark that only asks for colour."""
    return [found.replace("\ufe0f", "") for found in EMOJI.findall(text)]


def flat(text: str) -> str:
    """A text as letter patterns see it: small letters, every number the same, no addresses, single blanks."""
    plain = _DIGITS.sub("0", _prose(text).lower().replace("’", "'").replace("\ufe0f", ""))
    return " " + _SPACE.sub(_one_space, plain.strip()) + " "


def _one_space(found: re.Match[str]) -> str:
    return "\n" if "\n" in found[0] else " "


def grams(text: str) -> list[str]:
    """All patterns of two to four letters in a text, as often as they stand there."""
    line = flat(text)
    return [line[n : n + size] for size in (2, 3, 4) for n in range(len(line) - size + 1)]


def counted(text: str) -> Counter[str]:
    """How often each letter pattern stands in a text."""
    line = flat(text)
    # Sliced by hand: this is what a score spends its time on.
    ends = range(2, len(line) + 1)
    counts = Counter([line[end - 2 : end] for end in ends])
    counts.update([line[end - 3 : end] for end in ends[1:]])
    counts.update([line[end - 4 : end] for end in ends[2:]])
    return counts


def pieces_of(text: str, size: int) -> list[str]:
    """A text in parts of about `size` characters, cut between sentences, so that long and short texts compare."""
    if len(text) <= size * 3 // 2:
        return [text]
    parts: list[str] = []
    current = ""
    for sentence in sentences(text):
        for bit in (sentence[n : n + 2 * size] for n in range(0, len(sentence), 2 * size)):
            if current and len(current) + len(bit) > size:
                parts.append(current)
                current = ""
            current = f"{current} {bit}".strip()
    # A short rest says little by itself.
    if current and parts and len(current) < size // 2:
        parts[-1] = f"{parts[-1]} {current}"
    elif current:
        parts.append(current)
    return parts or [text]
