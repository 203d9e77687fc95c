"""What became of mails, as SendGrid tells it: each event of a delivery as a fact of this platform, once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ionflux_core.connectors.sendgrid import EFFECT_ARGUMENT, KEY_ARGUMENT
from ionflux_core.domain.suppressions import MAIL_EVENT

_WHAT: Final = {
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "bounced",
    "dropped": "dropped",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
_EVENTS_MOST: Final = 5_000
_WORD_CHARS: Final = 2_000
_LATEST: Final = 4_102_444_800
# What is taken over as it is, under the name it has here.
_WORDS: Final = {
    "reason": "reason",
    "response": "response",
    "url": "url",
    "useragent": "user_agent",
    "sg_message_id": "message_id",
    "sg_event_id": "event_id",
    EFFECT_ARGUMENT: "effect_id",
    KEY_ARGUMENT: "effect_key",
}


class MailFact(NamedTuple):
    """One fact about a mail: the event to publish, and the key under which it is published once."""

    subject: str
    payload: dict[str, Any]
    key: str


def mail_facts(payload: Any) -> Iterator[MailFact]:
    """The facts of one delivery, in whatever order they came; what cannot be read is left out, and so is the rest."""
    for event in payload[:_EVENTS_MOST] if isinstance(payload, list) else ():
        if isinstance(event, dict) and (what := _WHAT.get(str(event.get("event")))):
            address = event.get("email")
            if isinstance(address, str) and 0 < len(address) <= 320:
                yield MailFact(f"{MAIL_EVENT}.{what}", _payload(what, event), _key(event))


def _payload(what: str, event: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"address": event["email"].strip().lower(), "provider": "sendgrid"}
    for theirs, ours in _WORDS.items():
        if isinstance(event.get(theirs), str) and event[theirs]:
            found[ours] = event[theirs][:_WORD_CHARS]
    at = event.get("timestamp")
    if isinstance(at, int) and not isinstance(at, bool) and 0 < at < _LATEST:
        found["at"] = datetime.fromtimestamp(at, UTC).isoformat()
    if what == "bounced":
        # A block is a refusal of this moment; a bounce without a kind is taken for one that stays.
        found["hard"] = event.get("type") != "blocked"
    if isinstance(event.get("sg_machine_open"), bool):
        found["machine"] = event["sg_machine_open"]
    return found


def _key(event: Mapping[str, Any]) -> str:
    named = event.get("sg_event_id")
    if isinstance(named, str) and 0 < len(named) <= 200:
        return f"sendgrid:{named}"
    told = [str(event.get(name)) for name in ("event", "email", "timestamp", "sg_message_id", "url")]
    return f"sendgrid:{hashlib.sha256(chr(0).join(told).encode('utf-8', 'replace')).hexdigest()}"
