"""The webhook channel: posts an effect's payload as JSON, with its key in the Idempotency-Key header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ionflux_core.channels.base import Channel, Delivery, NotSent, Reach
from ionflux_core.errors import Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.outbound_addresses import OutboundRefused

_OPTIONS = {
    "secret": "Name of the secret that is sent as Authorization: Bearer; empty sends none.",
    "honours_keys": "yes when the receiver takes the same Idempotency-Key only once; else no.",
}
_CERTAIN = (OutboundRefused, Invalid, NotFound)


@dataclass(frozen=True)
class Webhook:
    """Posts JSON to the address the agent names, through the guarded client."""

    kind: str = "webhook"
    title: str = "Webhook"
    description: str = "Posts each effect as JSON to the address the agent names."
    options: Mapping[str, str] = field(default_factory=lambda: dict(_OPTIONS))

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        """Only when a person has said so of the receiver."""
        return options.get("honours_keys", "").strip().casefold() in ("yes", "true")

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        """Post it. Whoever answers 4xx has not taken it; no answer and 5xx leave that open."""
        headers = {"Idempotency-Key": quote(delivery.key, safe=" :/[]@~")}
        try:
            if name := reach.options.get("secret", "").strip():
                headers["Authorization"] = f"Bearer {reach.secret(name)}"
            answer = reach.outbound().request("POST", delivery.target, headers=headers, json=dict(delivery.payload))
        except _CERTAIN as error:
            raise _not_sent(error) from error
        except Unavailable as error:
            if error.code == "outbound_connect":
                raise _not_sent(error) from error
            raise
        if answer.status >= 500:
            raise Unavailable(
                f"The receiver answered with status {answer.status}.", hint="Ask it whether it took the message."
            )
        if answer.status >= 300:
            raise NotSent(
                f"The receiver refused it with status {answer.status}.", hint="Check the address and the payload."
            )
        return {"status": answer.status}


def _not_sent(error: IonfluxError) -> NotSent:
    return NotSent(error.message, hint=error.hint, code=error.code)


def make(data_dir: Path) -> Channel:
    """The channel; it keeps nothing in the data folder."""
    return Webhook()
