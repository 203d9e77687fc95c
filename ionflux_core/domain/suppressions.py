"""Addresses nobody mails any more, why, and which facts about mails put them there."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ionflux_core.errors import Invalid

SuppressionReason = Literal["bounced", "complained", "unsubscribed", "by_hand"]

MAIL_EVENT = "ionflux.mail"
"""Facts about mails that left are events `ionflux.mail.<what>`; each has `address` in its payload."""
SUPPRESSING: dict[str, SuppressionReason] = {
    f"{MAIL_EVENT}.bounced": "bounced",
    f"{MAIL_EVENT}.complained": "complained",
    f"{MAIL_EVENT}.unsubscribed": "unsubscribed",
}
WORDS: dict[SuppressionReason, str] = {
    "bounced": "a mail to it came back",
    "complained": "its owner complained",
    "unsubscribed": "its owner unsubscribed",
    "by_hand": "somebody put it on the list",
}
_ADDRESS_CHARS = 320


class Suppression(BaseModel):
    """One address that is not mailed any more, in lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: str
    address: str
    reason: SuppressionReason
    detail: str = ""
    at: datetime


def mailbox(address: str) -> str:
    """An address as the list keeps it, in lower case and with its host in ASCII; Invalid when it is none."""
    name, _, host = address.strip().lower().rpartition("@")
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    plain = f"{name}@{host}"
    if not name or not host or len(plain) > _ADDRESS_CHARS or any(not c.isprintable() or c.isspace() for c in plain):
        raise Invalid(f"{address[:80]!r} is no mail address.", hint="Write one like ana@example.com.")
    return plain


def reason_of(event_type: str, payload: dict[str, Any]) -> SuppressionReason | None:
    """Why a fact about a mail ends all mails to its address; None when it does not, as a bounce that may pass."""
    reason = SUPPRESSING.get(event_type)
    return None if reason == "bounced" and payload.get("hard") is False else reason
