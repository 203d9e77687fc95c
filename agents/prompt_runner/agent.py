"""Asks a model with a filled prompt of the library."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """The model's answer and the engine that gave it."""
    if model := inputs.get("model"):
        answer = ctx.llm.complete(inputs["text"], model=model)
    else:
        answer = ctx.llm.complete(inputs["text"])
    return {"answer": answer.text, "engine": answer.engine}
