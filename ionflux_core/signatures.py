"""Who sent a webhook: one table of signature schemes, their checks, delivery ids and, for what we send, signing.

Give the raw bytes of the body: the same JSON written anew does not verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets as random_secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from ionflux_core import limits
from ionflux_core.errors import Invalid, LimitExceeded, Unauthorized

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

Kind = Literal["shopify", "meta", "github", "slack", "stripe", "standard", "sendgrid", "token"]
Secret = bytes | str
Headers = Mapping[str, str]

KINDS: tuple[Kind, ...] = get_args(Kind)
TOKEN_HEADER = "x-ionflux-token"
# 256 bits in URL-safe base64.
TOKEN_CHARS = 43
_MOST_SIGNATURES = 16
_ID_CHARS = 200
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SENDGRID_SIGNATURE = "x-twilio-email-event-webhook-signature"
_SENDGRID_TIME = "x-twilio-email-event-webhook-timestamp"
# SendGrid repeats for a day what was not answered; each event in it has an id of its own and counts once.
_SENDGRID_SECONDS = 25 * 60 * 60


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How one sender signs: where the parts stand, what is signed, how the digest is written."""

    signature_header: str
    prefix: str
    encode: Callable[[bytes], str]
    signed: Callable[[str, str, bytes], bytes]
    time_header: str = ""
    id_headers: tuple[str, ...] = ()
    id_field: str = ""


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _body_alone(_id: str, _timestamp: str, body: bytes) -> bytes:
    return body


_SCHEMES: Mapping[Kind, _Scheme] = {
    "shopify": _Scheme(
        "x-shopify-hmac-sha256",
        "",
        _base64,
        _body_alone,
        id_headers=("x-shopify-event-id", "x-shopify-webhook-id"),
    ),
    "meta": _Scheme("x-hub-signature-256", "sha256=", bytes.hex, _body_alone),
    "github": _Scheme("x-hub-signature-256", "sha256=", bytes.hex, _body_alone, id_headers=("x-github-delivery",)),
    "slack": _Scheme(
        "x-slack-signature",
        "v0=",
        bytes.hex,
        lambda _id, timestamp, body: b"v0:" + timestamp.encode() + b":" + body,
        time_header="x-slack-request-timestamp",
        id_field="event_id",
    ),
    # Its header holds the time as well: `_presented` takes it apart.
    "stripe": _Scheme(
        "stripe-signature",
        "v1=",
        bytes.hex,
        lambda _id, timestamp, body: timestamp.encode() + b"." + body,
        id_field="id",
    ),
    "standard": _Scheme(
        "webhook-signature",
        "v1,",
        _base64,
        lambda id, timestamp, body: id.encode("utf-8", "replace") + b"." + timestamp.encode() + b"." + body,
        time_header="webhook-timestamp",
        id_headers=("webhook-id",),
    ),
}


def verify(
    kind: Kind,
    *,
    headers: Headers,
    body: bytes,
    secrets: Sequence[Secret],
    now: datetime,
    token: str | None = None,
) -> None:
    """Return when one of the secrets signed the raw body, and lately where the scheme has a time; else Unauthorized.

    Give both secrets while one is being replaced. For the kind "token", `token` is the one in the path, if any.
    """
    if len(body) > limits.WEBHOOK_BYTES:
        raise LimitExceeded("The webhook's body is too large.", hint=f"Send up to {limits.WEBHOOK_BYTES} bytes.")
    if not (usable := [secret for secret in secrets if secret]):
        raise _refused("This hook has no secret, so nothing can be accepted.", "Set its secret in the trigger.")
    low = _lower(headers)
    if kind == "token":
        return _verify_token(low, token, usable)
    if kind == "sendgrid":
        return _verify_sendgrid(low, body, usable, now)
    scheme = _SCHEMES[kind]
    presented, timestamp = _presented(kind, scheme, low)
    if timestamp is not None:
        _check_time(timestamp, now)
    message_id = low.get("webhook-id", "")
    if kind == "standard" and not message_id:
        raise _refused("The header webhook-id is missing.", "Check the sender's settings.")
    signed = scheme.signed(message_id, timestamp or "", body)
    expected = [scheme.encode(_digest(key, signed)).encode() for key in _keys(kind, usable)]
    # Every pair is compared, so that the time taken tells nothing about which one came close.
    if not any([hmac.compare_digest(given, wanted) for given in presented for wanted in expected]):
        raise _refused("The signature does not fit this body.", "Check that both sides hold the same secret.")


def delivery_id(kind: Kind, headers: Headers, body: bytes) -> str:
    """What tells a repeated delivery from a new one: the sender's id, else the SHA-256 of the body.

    Only call it after `verify`. Shopify and GitHub do not sign their id header, so a recorded body can come back
    under a new id: where that matters, remember `body_id` too.
    """
    scheme = _SCHEMES.get(kind)
    if scheme is None:
        return body_id(body)
    low = _lower(headers)
    found = next((low[name] for name in scheme.id_headers if low.get(name)), None)
    if found is None and scheme.id_field:
        found = _field(body, scheme.id_field)
    return found if found and len(found) <= _ID_CHARS else body_id(body)


def body_id(body: bytes) -> str:
    """The SHA-256 of a body, as an id."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def sign(kind: Kind, secret: Secret, body: bytes, *, now: datetime, message_id: str = "") -> dict[str, str]:
    """The headers with which a sender of this kind would send the body; for outgoing hooks, the demo and tests.

    Not for `sendgrid`: only SendGrid has the private key.
    """
    if kind == "token":
        return {TOKEN_HEADER: _as_bytes(secret).decode()}
    scheme = _SCHEMES[kind]
    timestamp = str(int(now.timestamp()))
    if kind == "standard" and not message_id:
        message_id = f"msg_{random_secrets.token_hex(12)}"
    [key] = _keys(kind, [secret])
    signature = scheme.prefix + scheme.encode(_digest(key, scheme.signed(message_id, timestamp, body)))
    if kind == "stripe":
        return {scheme.signature_header: f"t={timestamp},{signature}"}
    headers = {scheme.signature_header: signature}
    if scheme.time_header:
        headers[scheme.time_header] = timestamp
    if message_id and scheme.id_headers:
        headers[scheme.id_headers[0]] = message_id
    return headers


def meta_challenge(query: Mapping[str, str], verify_tokens: Sequence[Secret]) -> str:
    """The text to answer when Meta asks whether this address is ours; Unauthorized when the token is not."""
    given = query.get("hub.verify_token", "").encode("utf-8", "replace")
    matches = [hmac.compare_digest(given, _as_bytes(token)) for token in verify_tokens if token]
    if query.get("hub.mode") != "subscribe" or not any(matches):
        raise _refused("The verify token does not fit.", "Enter the same token at Meta and in the trigger.")
    return query.get("hub.challenge", "")[:_ID_CHARS]


def new_token() -> str:
    """A 256-bit token for a path or a header."""
    return random_secrets.token_urlsafe(32)


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _presented(kind: Kind, scheme: _Scheme, low: Mapping[str, str]) -> tuple[list[bytes], str | None]:
    """The signatures given, without their prefix, and the time they name (None where the scheme has none)."""
    header = low.get(scheme.signature_header, "").strip()
    if not header:
        raise _refused(f"The header {scheme.signature_header} is missing.", "Check the sender's settings.")
    parts = re.split(r"\s*,\s*" if kind == "stripe" else r"\s+", header)
    timestamp = low.get(scheme.time_header, "") if scheme.time_header else None
    if kind == "stripe":
        timestamp = next((part[2:] for part in parts if part.startswith("t=")), "")
    # To bytes, because comparing text outside ASCII raises.
    given = [
        part.removeprefix(scheme.prefix).encode("utf-8", "replace") for part in parts if part.startswith(scheme.prefix)
    ]
    if scheme.encode is bytes.hex:
        given = [signature.lower() for signature in given]
    return given[:_MOST_SIGNATURES], timestamp


def _check_time(timestamp: str, now: datetime, oldest: int = limits.WEBHOOK_CLOCK_SKEW_SECONDS) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise _refused("The webhook names no time.", "Check the sender's settings.")
    if not -limits.WEBHOOK_CLOCK_SKEW_SECONDS <= now.timestamp() - int(timestamp) <= oldest:
        raise _refused(
            f"The webhook is more than {oldest} seconds old or ahead.",
            "Send it again; if this repeats, set the clocks of both machines.",
        )


def _verify_sendgrid(low: Mapping[str, str], body: bytes, keys: Sequence[Secret], now: datetime) -> None:
    """ECDSA over time and body with one of the public keys that SendGrid shows as "verification key"."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    timestamp = low.get(_SENDGRID_TIME, "")
    try:
        signature = base64.b64decode(low.get(_SENDGRID_SIGNATURE, ""), validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if not signature:
        raise _refused(f"The header {_SENDGRID_SIGNATURE} is missing.", "Switch signed event webhooks on at SendGrid.")
    _check_time(timestamp, now, _SENDGRID_SECONDS)
    for key in [_verification_key(key) for key in keys]:
        try:
            key.verify(signature, timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
            return
        except InvalidSignature:
            continue
    raise _refused("The signature does not fit this body.", "Check that the verification key is the one of SendGrid.")


def _verification_key(key: Secret) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        found = load_der_public_key(base64.b64decode(_as_bytes(key), validate=True))
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, ec.SECP256R1):
        raise Invalid(
            "The hook's secret is not a verification key of SendGrid.",
            hint="Copy it from SendGrid, Mail Settings, Event Webhook: one line of base64 that begins with MFkw.",
        )
    return found


def _verify_token(low: Mapping[str, str], token: str | None, secrets: Sequence[Secret]) -> None:
    if any(len(secret) < TOKEN_CHARS for secret in secrets):
        raise _refused("This hook's token is too short to be safe.", "Make a new one in the trigger.")
    bearer = re.fullmatch(r"(?i:bearer) +(\S+)", low.get("authorization", "").strip())
    given = token or low.get(TOKEN_HEADER) or (bearer[1] if bearer else "")
    if not given:
        raise _refused("The hook's token is missing.", f"Send it in the path or in the header {TOKEN_HEADER}.")
    # Hashed first, so that not even the length of the token shows.
    hashed = hashlib.sha256(given.encode("utf-8", "replace")).digest()
    wanted = [hashlib.sha256(_as_bytes(secret)).digest() for secret in secrets]
    if not any([hmac.compare_digest(hashed, each) for each in wanted]):
        raise _refused("The hook's token is wrong.", "Copy it again from the trigger.")


def _keys(kind: Kind, secrets: Sequence[Secret]) -> list[bytes]:
    if kind != "standard":
        return [_as_bytes(secret) for secret in secrets]
    return [secret if isinstance(secret, bytes) else _standard_key(secret) for secret in secrets]


def _standard_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise Invalid(
            "The hook's secret is not in the form of Standard Webhooks.", hint="It is 'whsec_' and a base64 text."
        )
    return key


def _as_bytes(secret: Secret) -> bytes:
    return secret if isinstance(secret, bytes) else secret.encode()


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _field(body: bytes, name: str) -> str | None:
    try:
        value = json.loads(body).get(name)
    except (ValueError, AttributeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _refused(reason: str, hint: str) -> Unauthorized:
    return Unauthorized(reason, hint=hint, code="signature_refused")
