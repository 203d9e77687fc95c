"""Messages cut into clauses: code and what is quoted from elsewhere are taken out, every clause knows its message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .messages import Spoken, fold

_LONGEST = 500
_MOST_CLAUSES = 300
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*(?:>|&gt;).*$", re.MULTILINE)
_MASKED = re.compile(r"`[^`\n]{1,300}`|https?://\S{1,500}|\"[^\"\n]{2,300}\"|“[^”\n]{2,300}”|«[^»\n]{2,300}»")
_END = re.compile(r"[.!?…]+(?=[\s)\"'”]|$)|;(?=\s)|\n+")
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|dr|sr|sra|mr|mrs|ms|approx|p\.ex)|^\s*\d{1,3}|\b[a-z])\.$")
_BULLET = re.compile(r"^\s*[-–—*•·]\s+(?:\[[ x]?\]\s*)?|^\s*\d{1,3}[.)]\s+|^\s+")
# Where a second thing begins within one sentence: "... and I'll book it", "... e eu cuido das trocas".
_SECOND = re.compile(
    r"(?:,|\s[-–—]|,?\s(?:and then|and|but|so|then|while|e|mas|entao))\s+(?=(?:i'll|i will|i'm going|i am going|i can|"
    r"we'll|we will|we're|let's|can you|could you|please|eu |vou |a gente vai|vamos|por favor|voce pode|meanwhile)\b)"
)
_CALLS = ("please", "can you", "could you", "por favor", "voce pode")
_SECOND_PERSON = re.compile(
    r",?\s(?:and|while|e|,)\s+(?=(?:[ao] )?[^\W\d_]{2,20} (?:will|to|leads?|takes?|owns?|handles?|vai|fica|cuida|"
    r"faz)\b)"
)
# Stands for each sign of what is quoted or code within a line, so that places stay where they are.
_MASK = "¤"
_LETTER = re.compile(r"[^\W\d_]|\d")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a message that says one thing. `index` is the place of its message, `folded` the text to match."""

    index: int
    number: int
    text: str
    folded: str
    asks: bool
    starts: bool


def clauses_of(index: int, message: Spoken) -> list[Clause]:
    """The clauses of a message, at most 300; none for what is only signs or code."""
    found: list[Clause] = []
    for text, masked in _sentences(message.text):
        asks = "?" in masked[-4:]
        parts = list(_parts(text, masked))
        for place, (words, folded) in enumerate(parts):
            last = place == len(parts) - 1
            found.append(Clause(index, len(found), words, folded, asks and last, not found))
            if len(found) >= _MOST_CLAUSES:
                return found
    return found


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    blank = _QUOTED_LINE.sub(_spaces, _CODE.sub(_spaces, text))
    masked = _MASKED.sub(lambda found: _MASK * len(found[0]), blank)
    start = 0
    for end in [*_ends(masked), len(masked)]:
        cut = _BULLET.match(masked[start:end])
        begin = start + (cut.end() if cut else 0)
        if _LETTER.search(masked, begin, end):
            yield blank[begin:end][:_LONGEST], masked[begin:end][:_LONGEST]
        start = end


def _ends(masked: str) -> Iterator[int]:
    for found in _END.finditer(masked):
        before = masked[max(0, found.start() - 8) : found.end()].lower()
        if found[0] != "." or not _ABBREVIATED.search(before):
            yield found.end()


def _spaces(found: re.Match[str]) -> str:
    return "".join("\n" if letter == "\n" else " " for letter in found[0])


def _parts(text: str, masked: str) -> Iterator[tuple[str, str]]:
    folded = fold(masked)
    start = 0
    cuts = sorted({(m.start(), m.end()) for rule in (_SECOND, _SECOND_PERSON) for m in rule.finditer(folded)})
    for begin, end in [*cuts, (len(folded), len(folded))]:
        called = len(folded[start:begin].split()) < 3 and folded.startswith(_CALLS, end)
        if begin < start or called or not _LETTER.search(folded, start, begin):
            # "Uma, please take care of it": a name in front belongs to what follows.
            continue
        yield text[start:begin].strip(" ,;\n\t"), folded[start:begin].strip(" ,;\n\t")
        start = end
