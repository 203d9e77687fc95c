"""What a person types to find runs, and where a text answers it."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ionflux_core import limits

Part = Literal["inputs", "outputs", "errors", "logs"]
PARTS: tuple[Part, ...] = ("errors", "outputs", "inputs", "logs")

_TERM = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_WORD = re.compile(r"[^\W_]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BEFORE, _AROUND = 24, 200


class Term(BaseModel):
    """Words that stand side by side; the last one may only begin so, and the whole may be what must not be there."""

    model_config = ConfigDict(frozen=True)

    words: tuple[str, ...]
    begins: bool = False
    excluded: bool = False


class Piece(BaseModel):
    """A stretch of a fragment: `hit` where it answers the question."""

    model_config = ConfigDict(frozen=True)

    text: str
    hit: bool = False


class Fragment(BaseModel):
    """Where a run answers a question: which part of it, and the text around, as data."""

    model_config = ConfigDict(frozen=True)

    part: Part
    pieces: list[Piece]

    @property
    def text(self) -> str:
        """The whole as plain text."""
        return "".join(piece.text for piece in self.pieces)


def terms(question: str) -> list[Term]:
    """The terms of a question: words that all must be there, "side by side", -without; any text is a question.

    A word outside of quotation marks also finds longer ones that begin with it.
    """
    found: list[Term] = []
    count = 0
    for minus, quoted, plain in _TERM.findall(question):
        words = tuple(_WORD.findall((quoted or plain).casefold()))[: limits.SEARCH_WORDS - count]
        if words:
            found.append(Term(words=words, begins=bool(plain), excluded=bool(minus)))
            count += len(words)
    return found


def fragment(texts: Sequence[tuple[Part, str]], asked: Sequence[Term]) -> Fragment | None:
    """The first place where one of the terms stands, with what is around it and every hit in it marked."""
    pattern = _pattern(asked)
    if pattern is None:
        return None
    for part, text in texts:
        line = " ".join(text.split())
        folded = _folded(line)
        first = pattern.search(folded)
        if first:
            start = max(0, first.start() - _BEFORE)
            # Begin with a whole word when one is near.
            space = line.find(" ", start, first.start())
            start = space + 1 if start and space >= 0 else start
            return Fragment(part=part, pieces=_pieces(line, folded, pattern, start, start + _AROUND))
    return None


def _pieces(line: str, folded: str, pattern: re.Pattern[str], start: int, end: int) -> list[Piece]:
    pieces = [Piece(text="…")] if start else []
    at = start
    for hit in pattern.finditer(folded, start, end):
        if hit.start() > at:
            pieces.append(Piece(text=line[at : hit.start()]))
        pieces.append(Piece(text=line[hit.start() : hit.end()], hit=True))
        at = hit.end()
    if at < end:
        pieces.append(Piece(text=line[at:end]))
    return [*pieces, Piece(text="…")] if end < len(line) else pieces


def _pattern(asked: Sequence[Term]) -> re.Pattern[str] | None:
    wanted = [
        r"[\W_]+".join(re.escape(_folded(word)) for word in term.words) + (r"[^\W_]*" if term.begins else r"(?![^\W_])")
        for term in asked
        if not term.excluded
    ]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(wanted)})") if wanted else None


def _folded(text: str) -> str:
    """The text in small letters without accents, of the same length, so that places in it are places in the text."""
    plain = text if text.isascii() else _NOT_ASCII.sub(lambda letter: _plain_letter(letter[0]), text)
    return plain.translate(_SMALL)


def _plain_letter(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0].casefold()
    return base if len(base) == 1 else letter
