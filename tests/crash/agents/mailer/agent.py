"""Sends a personal mail to each of many people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ionflux_core.sdk import Context, Outgoing


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Send, and count how the mails fared."""
    campaign = inputs["campaign"]
    items = [
        Outgoing(
            f"to-{number}@example.com",
            {"subject": f"Hello {number}", "text": f"An offer for number {number}.", "html": f"<p>For {number}.</p>"},
            key=f"{campaign}:{number}",
        )
        for number in range(int(inputs["count"]))
    ]
    sent = ctx.send_many("email", items, summary=f"Campaign {campaign}")
    return {"counts": dict(Counter(each.status for each in sent))}
