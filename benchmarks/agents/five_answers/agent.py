"""Asks a model five times, each time about a text of a few hundred words."""

from __future__ import annotations

from typing import Any


def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Five questions, five answers."""
    return {"answers": [ctx.llm.complete(_text(inputs["text"], number)).text for number in range(5)]}


def _text(about: str, number: int) -> str:
    return " ".join(f"Sentence {line} of text {number} says that {about} matters in year {line}." for line in range(40))
