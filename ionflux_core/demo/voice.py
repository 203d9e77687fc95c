"""What the demo brand has written: its own short texts, from which its voice is learned."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_TEXTS = Path(__file__).with_name("voice.txt")


@cache
def own_texts() -> tuple[str, ...]:
    """The texts, each as one paragraph; written for this project."""
    return tuple(each.strip() for each in _TEXTS.read_text(encoding="utf-8").split("\n\n") if each.strip())
