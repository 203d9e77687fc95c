"""Sends one notification by mail, webhook or Slack, through the outbox."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context

_SAID = {
    "sent": "Sent.",
    "would_send": "It would have been sent: no way out of this kind is connected, or it is a dry run.",
    "denied": "It was not sent: a person or a policy said no.",
    "failed": "It could not be sent.",
    "uncertain": "Nobody knows whether it was sent.",
}


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """What became of the notification."""
    title, body, link = inputs["title"], inputs.get("body") or "", inputs.get("link")
    payload: dict[str, Any] = {"subject": title, "text": body, "kind": inputs.get("kind") or "", "link": link}
    if inputs.get("details"):
        payload["details"] = inputs["details"]
    if inputs["channel"] == "email":
        # A mail needs words, and its subject is one line.
        payload = {"subject": " ".join(title.split())[:500], "text": body or title}
        if inputs.get("html"):
            payload["html"] = inputs["html"]
    elif inputs["channel"] == "slack":
        payload = {"text": f"{title}\n{body}".strip()}
    sent = ctx.send(inputs["channel"], inputs["target"], payload, summary=title, on_uncertain="skip")
    return {"sent": {"status": sent.status, "effect_id": sent.effect_id}, "summary": _SAID[sent.status]}
