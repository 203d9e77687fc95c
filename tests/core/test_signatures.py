"""Webhooks are accepted only from who holds the secret, and only lately."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from ionflux_core import limits, signatures
from ionflux_core.errors import Invalid, LimitExceeded, Unauthorized
from ionflux_core.signatures import (
    TOKEN_HEADER,
    Kind,
    body_id,
    delivery_id,
    meta_challenge,
    new_token,
    sign,
    verify,
)

# SendGrid signs with a key of its own, so nothing can be signed here: tests/core/test_sendgrid.py.
KINDS = tuple(kind for kind in signatures.KINDS if kind != "sendgrid")
BODY = b'{"id":820982911946154508,"email":"jon@example.com"}'
SECRET = "ionflux-test-secret"
STANDARD_KEY = b"0123456789abcdef" * 2
STANDARD_SECRET = "whsec_" + base64.b64encode(STANDARD_KEY).decode()
TOKEN = "t" * 43
NOW = datetime.fromtimestamp(1_700_000_000, UTC)
HEX = "e52c6ffc44fb3f4e0c238f25dd9c7f9b44f6ce5d07a0494d1ced0e750d962bc2"

# Computed independently of this code, with the standard library and the senders' manuals.
VECTORS: dict[Kind, dict[str, str]] = {
    "shopify": {"X-Shopify-Hmac-Sha256": "5Sxv/ET7P04MI48l3Zx/m0T2zl0HoElNHO0OdQ2WK8I="},
    "meta": {"X-Hub-Signature-256": f"sha256={HEX}"},
    "github": {"X-Hub-Signature-256": f"sha256={HEX}"},
    "slack": {
        "X-Slack-Signature": "v0=4e6efc2d052c262f0a1111ce2bcb0d7d4b93e54bc65f97c1c2d5d13403c4e517",
        "X-Slack-Request-Timestamp": "1700000000",
    },
    "stripe": {"Stripe-Signature": "t=1700000000,v1=80317b55863653cdd3b8569440d028a4b1b067088797975f216b3297ebccd333"},
    "standard": {
        "webhook-id": "msg_ionflux_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,wwUezl4zNFfeQnluGTQ4LMW/hjCFH6BFSQD9Ad/F/1w=",
    },
    "token": {TOKEN_HEADER: TOKEN},
}
SECRETS: dict[Kind, str] = {**dict.fromkeys(KINDS, SECRET), "standard": STANDARD_SECRET, "token": TOKEN}
TIMED: list[Kind] = ["slack", "stripe", "standard"]
OTHER: dict[Kind, str] = {
    **dict.fromkeys(KINDS, "another-secret"),
    "standard": "whsec_" + base64.b64encode(b"x" * 24).decode(),
    "token": "o" * 43,
}


def _verify(kind: Kind, headers: dict[str, str], body: bytes = BODY, at: datetime = NOW) -> None:
    verify(kind, headers=headers, body=body, secrets=[SECRETS[kind]], now=at)


@pytest.mark.parametrize("kind", KINDS)
def test_vector_is_accepted_in_any_header_case_and_signing_gives_the_same(kind: Kind) -> None:
    _verify(kind, VECTORS[kind])
    _verify(kind, {name.upper(): value for name, value in VECTORS[kind].items()})
    signed = sign(kind, SECRETS[kind], BODY, now=NOW, message_id="msg_ionflux_1" if kind == "standard" else "")
    assert signed == {name.lower(): value for name, value in VECTORS[kind].items()}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "token"])
@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", json.dumps(json.loads(BODY)).encode()])
def test_changed_body_is_refused(kind: Kind, body: bytes) -> None:
    with pytest.raises(Unauthorized, match="does not fit this body"):
        _verify(kind, VECTORS[kind], body)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_header_wrong_secret_and_no_secret_are_refused(kind: Kind) -> None:
    with pytest.raises(Unauthorized, match=r"missing|names no time"):
        _verify(kind, {})
    with pytest.raises(Unauthorized):
        verify(kind, headers=VECTORS[kind], body=BODY, secrets=[OTHER[kind]], now=NOW)
    for none in ([], [""], [b""]):
        with pytest.raises(Unauthorized, match="has no secret"):
            verify(kind, headers=VECTORS[kind], body=BODY, secrets=none, now=NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_two_secrets_are_valid_at_once(kind: Kind) -> None:
    for secrets in ([SECRETS[kind], OTHER[kind]], [OTHER[kind], SECRETS[kind]]):
        verify(kind, headers=VECTORS[kind], body=BODY, secrets=secrets, now=NOW)


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize(("seconds", "accepted"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_time_window_is_300_seconds_both_ways(kind: Kind, seconds: int, accepted: bool) -> None:
    at = NOW + timedelta(seconds=seconds)
    if accepted:
        _verify(kind, VECTORS[kind], at=at)
    else:
        with pytest.raises(Unauthorized, match="300 seconds old or ahead"):
            _verify(kind, VECTORS[kind], at=at)


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("time", ["", "now", "-1700000000", "1.7e9", "１７０００００００0", "9" * 400, "1700000001"])
def test_changed_or_odd_time_is_refused(kind: Kind, time: str) -> None:
    headers = {name: value.replace("1700000000", time) for name, value in VECTORS[kind].items()}
    with pytest.raises(Unauthorized):
        _verify(kind, headers)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(max_size=80))
def test_any_header_text_is_refused_and_never_crashes(kind: Kind, text: str) -> None:
    for name, value in VECTORS[kind].items():
        if text.strip() != value.strip():
            with pytest.raises(Unauthorized):
                _verify(kind, {**VECTORS[kind], name: text})


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary(max_size=200))
def test_what_we_sign_verifies(kind: Kind, body: bytes) -> None:
    _verify(kind, sign(kind, SECRETS[kind], body, now=NOW), body)


def test_one_of_several_signatures_is_enough() -> None:
    good = VECTORS["stripe"]["Stripe-Signature"]
    _verify("stripe", {"Stripe-Signature": good.replace(",v1=", ",v1=00,v0=11, v1=")})
    standard = VECTORS["standard"]
    _verify("standard", {**standard, "webhook-signature": f"v1a,x v1,AAAA {standard['webhook-signature']}"})
    with pytest.raises(Unauthorized):
        _verify("stripe", {"Stripe-Signature": good.replace("v1=", "v0=")})


def test_signature_of_another_message_id_is_refused() -> None:
    with pytest.raises(Unauthorized):
        _verify("standard", {**VECTORS["standard"], "webhook-id": "msg_ionflux_2"})


def test_standard_agrees_with_the_reference_library() -> None:
    at = datetime.now(UTC)
    headers = sign("standard", STANDARD_SECRET, BODY, now=at)
    assert Webhook(STANDARD_SECRET).verify(BODY, headers)
    theirs = Webhook(STANDARD_SECRET).sign("msg_1", at, BODY.decode())
    ours = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": theirs}
    _verify("standard", ours, at=at)
    verify("standard", headers=ours, body=BODY, secrets=[STANDARD_KEY], now=at)


def test_standard_secret_in_another_form_is_named() -> None:
    with pytest.raises(Invalid, match="Standard Webhooks"):
        verify("standard", headers=VECTORS["standard"], body=BODY, secrets=["not base64!"], now=NOW)


def test_token_comes_by_path_or_header_and_must_be_long() -> None:
    token = new_token()
    assert len(token) == 43
    for headers, path in (({}, token), ({"Authorization": f"Bearer {token}"}, None), ({TOKEN_HEADER: token}, None)):
        verify("token", headers=headers, body=b"", secrets=[token], now=NOW, token=path)
    with pytest.raises(Unauthorized, match="too short"):
        verify("token", headers={TOKEN_HEADER: "short"}, body=b"", secrets=["short"], now=NOW)
    with pytest.raises(Unauthorized, match="wrong"):
        verify("token", headers={TOKEN_HEADER: token}, body=b"", secrets=[token], now=NOW, token="x" + token[1:] + "y")


def test_oversized_body_is_refused_before_it_is_hashed() -> None:
    with pytest.raises(LimitExceeded):
        _verify("github", VECTORS["github"], b"x" * (limits.WEBHOOK_BYTES + 1))


@pytest.mark.parametrize(
    ("kind", "headers", "body", "expected"),
    [
        ("shopify", {"X-Shopify-Event-Id": "e1", "X-Shopify-Webhook-Id": "w1"}, BODY, "e1"),
        ("shopify", {"X-Shopify-Webhook-Id": "w1"}, BODY, "w1"),
        ("github", {"X-GitHub-Delivery": "d1"}, BODY, "d1"),
        ("slack", {}, b'{"event_id": "Ev1"}', "Ev1"),
        ("stripe", {}, b'{"id": "evt_1"}', "evt_1"),
        ("standard", {"Webhook-Id": "msg_1"}, BODY, "msg_1"),
        ("meta", {}, BODY, body_id(BODY)),
        ("token", {"X-GitHub-Delivery": "d1"}, BODY, body_id(BODY)),
        ("stripe", {}, BODY, body_id(BODY)),
        ("slack", {}, b"not json", body_id(b"not json")),
        ("slack", {}, b"[1]", body_id(b"[1]")),
        ("slack", {}, b"[" * 5000, body_id(b"[" * 5000)),
        ("github", {"X-GitHub-Delivery": "d" * 201}, BODY, body_id(BODY)),
    ],
)
def test_delivery_id(kind: Kind, headers: dict[str, str], body: bytes, expected: str) -> None:
    assert delivery_id(kind, headers, body) == expected


def test_body_id_is_the_sha256() -> None:
    assert body_id(BODY) == "sha256:8c1b8414bf50d14f7791bbc3ebd5692d0e72cd4bd6163f796c28fd8b873c2ab0"


def test_meta_challenge_is_answered_only_with_our_token() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "ours", "hub.challenge": "1158201444"}
    assert meta_challenge(query, ["other", "ours"]) == "1158201444"
    for wrong in ({**query, "hub.verify_token": "ä"}, {**query, "hub.mode": "x"}, {}):
        with pytest.raises(Unauthorized):
            meta_challenge(wrong, ["ours"])
    with pytest.raises(Unauthorized):
        meta_challenge({**query, "hub.verify_token": ""}, [""])
