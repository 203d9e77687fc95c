"""Waits for a person, for a time or for an event, with a step before and one after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionflux_core.sdk import Context


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Ask, wait, and say what came."""
    ctx.step("before", leave_line, inputs["file"], ctx.run_id, "before")
    answer: Any = None
    if inputs["waits_for"] == "approval":
        answer = ctx.approve("Go on?").approved
    elif inputs["waits_for"] == "timer":
        ctx.wait(seconds=1.5)
    else:
        event = ctx.wait_for_event("shop.reply", timeout_seconds=600)
        answer = event and event["payload"]
    ctx.step("after", leave_line, inputs["file"], ctx.run_id, "after")
    return {"answer": answer}


def leave_line(path: str, run_id: str, name: str) -> str:
    """Append `run/name`."""
    with Path(path).open("a") as file:
        file.write(f"{run_id}/{name}\n")
    return name
