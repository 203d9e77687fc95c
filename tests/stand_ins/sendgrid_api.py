"""SendGrid's wire format: what its API answers, and event webhooks as it signs them."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.stand_ins.server import Reply, whole

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


def accepted(message_id: str = "14c5d75ce93.dfd.64b469") -> Reply:
    """The mail was taken."""
    return Reply(202, b"", {"x-message-id": message_id})


def refused(status: int, message: str = "refused", **headers: Any) -> Reply:
    """The mail was not taken, in SendGrid's words."""
    return whole({"errors": [{"message": message, "field": None, "help": None}]}, status, **headers)


class Signer:
    """SendGrid's side of a signed event webhook: its private key, and the verification key it shows its customer."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def verification_key(self) -> str:
        """What a person copies from SendGrid's settings: base64 of the public key."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        """The headers of a delivery."""
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {TIMESTAMP: timestamp, SIGNATURE: base64.b64encode(signature).decode()}


def event(kind: str, number: int | str = 1, address: str = "ana@example.com", **more: Any) -> dict[str, Any]:
    """One event as it comes, with the custom arguments our mails carry."""
    return {
        "email": address,
        "timestamp": 1_795_000_000,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "category": ["ionflux"],
        "sg_event_id": f"ev-{number}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "ionflux_effect": "effect-1",
        "ionflux_key": "autumn:ana",
        **more,
    }


def batch(*events: dict[str, Any]) -> bytes:
    """A delivery: events in one array, with line breaks as SendGrid writes them."""
    return ("[" + ",\r\n".join(json.dumps(each) for each in events) + "]").encode()
