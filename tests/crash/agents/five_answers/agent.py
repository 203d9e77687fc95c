"""Asks a model five times, each time with the answer it got before."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """The five answers."""
    answers: list[str] = []
    for n in range(5):
        answers.append(ctx.llm.complete(f"{ctx.run_id}/question {n}: {answers[-1:]}").text)
    return {"answers": answers}
