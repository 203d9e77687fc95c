"""Writes twenty texts of 10 KB, of which every tenth line depends on the input."""

from __future__ import annotations

from typing import Any

WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "one", "very", "lazy", "dog", "today")


def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Twenty steps, each with a text of about 10 KB."""
    who = inputs["text"]
    for number in range(20):
        ctx.step(f"Write {number}", text_of, who, number)
    return {"text": who}


def text_of(who: str, number: int) -> str:
    """165 lines of twelve words; every tenth one names who it is for."""
    lines = []
    for line in range(165):
        words = " ".join(WORDS[(line * 7 + word * 3 + number) % len(WORDS)] for word in range(13))
        lines.append(f"Dear {who}, {words}" if line % 10 == number % 10 else words)
    return "\n".join(lines)
