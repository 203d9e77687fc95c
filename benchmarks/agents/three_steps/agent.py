"""Three steps that do nothing: what remains is the cost of the journal."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context


def nothing() -> None:
    """Do nothing."""


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Journal three steps and hand the text back."""
    for name in ("first", "second", "third"):
        ctx.step(name, nothing)
    return {"result": inputs.get("text", "")}
