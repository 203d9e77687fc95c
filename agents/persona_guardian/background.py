"""The texts of other voices that a learned voice is contrasted with; they stand beside this file, with their source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "voices"


@dataclass(frozen=True, slots=True)
class Piece:
    """One text of a voice and the subject it is about."""

    voice: str
    subject: str
    text: str


@cache
def voices() -> dict[str, tuple[Piece, ...]]:
    """Every voice by name."""
    return {path.stem: _pieces(path) for path in sorted(_FOLDER.glob("*.txt"))}


def background() -> list[Piece]:
    """The pieces of all voices."""
    return [piece for pieces in voices().values() for piece in pieces]


def _pieces(path: Path) -> tuple[Piece, ...]:
    found: list[Piece] = []
    for block in path.read_text(encoding="utf-8").split("== ")[1:]:
        subject, _, body = block.partition("\n")
        found += [Piece(path.stem, subject.strip(), text.strip()) for text in body.split("\n\n") if text.strip()]
    return tuple(found)
