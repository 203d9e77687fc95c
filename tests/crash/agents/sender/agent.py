"""Sends messages to an address, one after the other."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Send, and say what became of each message."""
    sent = [
        ctx.send(
            "webhook",
            inputs["address"],
            {"run": ctx.run_id, "number": number},
            summary=f"Message {number}",
            on_uncertain=inputs["on_uncertain"],
        ).status
        for number in range(int(inputs["count"]))
    ]
    return {"sent": sent}
