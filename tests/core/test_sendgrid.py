"""SendGrid: the mail on the wire, every class of error, and events that come signed, doubled and out of order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.channels.base import ChannelFailed, Delivery, NotSent, Outcome, Reach
from ionflux_core.channels.email import Email
from ionflux_core.connectors import sendgrid
from ionflux_core.connectors.base import Access, AccessRevoked
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import Conflict, Invalid, IonfluxError, TooManyRequests, Unauthorized, Unavailable
from ionflux_core.ids import now
from ionflux_core.outbound import Outbound
from ionflux_core.sdk import Outgoing
from ionflux_core.services.mail_events import mail_facts
from ionflux_core.signatures import verify
from tests.agents_for_tests.world import World, small_world, wait_for, world
from tests.stand_ins.access import Told, access_to
from tests.stand_ins.sendgrid_api import SIGNATURE, TIMESTAMP, Signer, accepted, batch, event, refused
from tests.stand_ins.server import StandIn, half, stand_in, whole

__all__ = ["small_world", "world"]

PAYLOAD = {
    "subject": "Olá",
    "text": "Hello",
    "html": "<b>Hello</b>",
    "reply_to": "help@example.com",
    "list_unsubscribe": "https://shop.example/u/1",
    "headers": {"X-Campaign": "autumn"},
}


@pytest.fixture
def api() -> Iterator[StandIn]:
    """SendGrid on loopback."""
    with stand_in() as running:
        yield running


def access(api: StandIn, told: Told | None = None, key: str = "SG.stand-in") -> Access:
    settings = {"from_address": "shop@example.com", "from_name": "Shop", "base_url": api.url}
    return access_to(api.port, settings, {"api_key": key}, told=told)


def send(
    api: StandIn, count: int = 1, told: Told | None = None, sleep: Any = None, **more: Any
) -> list[Outcome]:  # fmt: skip
    account = access(api, told)
    account = replace(account, sleep=sleep) if sleep else account
    reach = Reach({"transport": "sendgrid"}, lambda: Outbound(), lambda _: "", lambda _: account)
    deliveries = [Delivery("ws", f"k{n}", f"to-{n}@example.com", "s", PAYLOAD | more, f"e{n}") for n in range(count)]
    outcomes = {each.delivery.key: each for each in Email(Path("unused")).deliver_many(deliveries, reach)}
    return [outcomes[each.key] for each in deliveries]


def failure(outcome: Outcome) -> IonfluxError:
    assert isinstance(outcome.answer, IonfluxError), outcome
    return outcome.answer


def test_the_mail_on_the_wire_is_what_sendgrid_documents(api: StandIn) -> None:
    api.says(accepted("abc.def"))
    (outcome,) = send(api)
    assert outcome.answer == {"status": 202, "message_id": "abc.def"}
    (asked,) = api.requests
    assert (asked.path, asked.headers["authorization"]) == ("/v3/mail/send", "Bearer SG.stand-in")
    assert asked.body == {
        "personalizations": [{"to": [{"email": "to-0@example.com"}]}],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "reply_to": {"email": "help@example.com"},
        "subject": "Olá",
        "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<b>Hello</b>"}],
        "headers": {
            "X-Campaign": "autumn",
            "List-Unsubscribe": "<https://shop.example/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "categories": ["ionflux"],
        "custom_args": {"ionflux_effect": "e0", "ionflux_key": "k0"},
    }


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, NotSent, "service_refused"),
        (413, NotSent, "service_refused"),
        (401, ChannelFailed, "access_revoked"),
        (403, ChannelFailed, "access_revoked"),
        (500, Unavailable, "service_down"),
        (503, Unavailable, "service_down"),
    ],
)
def test_every_class_of_refusal_says_whether_the_mail_went_out(
    api: StandIn, status: int, kind: type[Exception], code: str
) -> None:
    api.says(refused(status, "SG.stand-in is in this answer"))
    told = Told()
    error = failure(send(api, told=told)[0])
    assert (type(error), error.code) == (kind, code)
    assert "SG.stand-in" not in str(error)
    assert len(api.requests) == 1, "what has an effect is not repeated on a doubt"
    assert [type(each) for each in told.refusals] == ([AccessRevoked] if status in (401, 403) else [])


def test_an_address_sendgrid_has_not_verified_is_no_word_about_the_key(api: StandIn) -> None:
    api.says(refused(403, "The from address does not match a verified Sender Identity."))
    told = Told()
    (outcome,) = send(api, told=told, from_address="other@example.com")
    error = failure(outcome)
    assert (type(error), error.code) == (ChannelFailed, "sender_refused") and "other@example.com" in error.message
    assert told.refusals == [], "one mail's sender must not end all mails of the account"


def test_stopping_while_sendgrid_wants_a_pause_leaves_no_doubt(api: StandIn) -> None:
    api.says(refused(429, retry_after="5"))

    def stopping(_: float) -> None:
        raise Unavailable("IONFLUX is stopping.", code="stopping")

    error = failure(send(api, sleep=stopping)[0])
    assert isinstance(error, ChannelFailed) and len(api.requests) == 1


def test_too_many_requests_are_repeated_after_the_time_that_was_asked_for(api: StandIn) -> None:
    api.says(refused(429, retry_after="7"), refused(429, retry_after="2"), accepted())
    told = Told()
    assert isinstance(send(api, told=told)[0].answer, dict)
    assert (told.waits, len(api.requests)) == ([7.0, 2.0], 3)
    api.says(refused(429, retry_after="3600"))
    assert isinstance(failure(send(api)[0]), ChannelFailed)
    with pytest.raises(TooManyRequests) as caught:
        sendgrid.send(access(api), {})
    assert caught.value.details["retry_after"] == 3600.0


def test_a_broken_answer_leaves_open_whether_it_was_taken(api: StandIn) -> None:
    api.says(half({"a": "b" * 100}))
    error = failure(send(api)[0])
    assert isinstance(error, Unavailable) and not isinstance(error, NotSent)


def test_nobody_at_the_door_means_certainly_not_sent() -> None:
    with stand_in() as gone:
        pass
    assert isinstance(failure(send(gone)[0]), ChannelFailed)


def test_an_account_is_tested_by_the_permissions_of_its_key(api: StandIn) -> None:
    connector = sendgrid.make()
    api.says(whole({"scopes": ["mail.send", "user.read"]}))
    tested = connector.test(access(api))
    assert (tested.label, tested.facts, api.requests[0].path) == (
        "shop@example.com", {"permissions": "2"}, "/v3/scopes"
    )  # fmt: skip
    api.says(whole({"scopes": ["user.read"]}))
    with pytest.raises(Invalid, match="may not send"):
        connector.test(access(api))
    api.says(refused(401))
    with pytest.raises(AccessRevoked):
        connector.test(access(api))
    api.says(whole(["no", "object"]))
    with pytest.raises(Unavailable):
        connector.test(access(api))
    with pytest.raises(Invalid, match="no API key"):
        connector.test(access(api, key=""))


# Events.


def _hook(world: World, signer: Signer) -> Trigger:
    hook = "  - {key: hook, type: webhook, config: {path: /mail, auth: sendgrid}, payload_to: value}\n"
    world.agent("probe", lambda ctx, inputs: {"result": len(inputs["value"])}, triggers=hook)
    instance = world.instance("probe")
    (trigger,) = [t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "webhook"]
    world.app.secrets.put(world.workspace, "sendgrid_webhook_secret", signer.verification_key)
    return trigger


def _receive(world: World, trigger: Trigger, signer: Signer, body: bytes, **late: float) -> Any:
    headers = signer.headers(body, now() - timedelta(**late))
    return world.app.hooks.receive(trigger.hook_path or "", "POST", headers, body)


def _heard(world: World) -> list[tuple[str, str]]:
    return [(kind.rpartition(".")[2], payload["event_id"]) for kind, payload in world.events("ionflux.mail.")]


def test_each_event_is_published_once_in_whatever_order_and_however_often_it_comes(world: World) -> None:
    signer = Signer()
    trigger = _hook(world, signer)
    world.started()
    first = batch(event("click", 3, url="https://shop.example/a"), event("open", 2), event("processed", 9))
    answer = _receive(world, trigger, signer, first)
    assert answer.status == 202
    assert _receive(world, trigger, signer, first).body == answer.body | {"status": "repeated"}
    assert _receive(world, trigger, signer, batch(event("delivered", 1), event("open", 2))).status == 202
    assert _heard(world) == [("clicked", "ev-3"), ("opened", "ev-2"), ("delivered", "ev-1")]
    _, payload = world.events("ionflux.mail.clicked")[0]
    assert payload == {
        "address": "ana@example.com",
        "provider": "sendgrid",
        "url": "https://shop.example/a",
        "message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "event_id": "ev-3",
        "effect_id": "effect-1",
        "effect_key": "autumn:ana",
        "at": "2026-11-18T11:06:40+00:00",
    }
    assert world.ended(answer.body["run_id"]).outputs == {"result": 3}


def test_a_bounce_and_a_complaint_end_the_mails_to_an_address(small_world: World) -> None:
    world, signer = small_world, Signer()
    trigger = _hook(world, signer)
    world.started()
    _receive(world, trigger, signer, batch(
        event("bounce", 1, "gone@example.com", type="bounce", reason="550 5.1.1 unknown"),
        event("bounce", 2, "busy@example.com", type="blocked", reason="421 later"),
        event("spamreport", 3, "Angry@example.com"),
        event("group_unsubscribe", 4, "left@example.com"),
        event("dropped", 5, "dropped@example.com"),
    ))  # fmt: skip
    world.app.followers.catch_up()
    wait_for(lambda: world.app.suppressions.count(world.workspace) == 3, 5)
    kept = {each.address: (each.reason, each.detail) for each in world.app.suppressions.find(world.workspace)}
    assert kept == {
        "gone@example.com": ("bounced", "550 5.1.1 unknown"),
        "angry@example.com": ("complained", ""),
        "left@example.com": ("unsubscribed", ""),
    }


def test_what_became_of_mails_is_known_while_the_agent_behind_the_hook_is_paused(small_world: World) -> None:
    world, signer = small_world, Signer()
    trigger = _hook(world, signer)
    world.app.agents.set_status(world.workspace, trigger.instance_id, "inactive")
    for _ in range(2):
        with pytest.raises(Conflict):
            _receive(world, trigger, signer, batch(event("unsubscribe", 1, "left@example.com")))
    assert _heard(world) == [("unsubscribed", "ev-1")] and world.rows("runs") == []


def test_only_what_sendgrid_has_signed_is_taken(small_world: World) -> None:
    world, signer = small_world, Signer()
    trigger, body = _hook(world, signer), batch(event("open"))
    good = signer.headers(body, now())
    bad = [
        ({}, body),
        (good, body + b" "),
        (good, body.replace(b"\r\n", b"\n") + b"\n"),
        (Signer().headers(body, now()), body),
        (signer.headers(body, now() - timedelta(hours=26)), body),
        (signer.headers(body, now() + timedelta(minutes=6)), body),
        ({name: "AAAA" for name in good}, body),
        ({name: "ä" for name in good}, body),
    ]
    for headers, content in bad:
        with pytest.raises(Unauthorized):
            world.app.hooks.receive(trigger.hook_path or "", "POST", headers, content)
    assert world.rows("runs") == [] and world.rows("events") == []
    assert _receive(world, trigger, signer, body, hours=20).status == 202, "SendGrid repeats itself for a day"


def test_the_vendors_own_example_verifies_and_a_changed_byte_does_not() -> None:
    body = (
        b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
        b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
        b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
        b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
    )
    key = (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8"
        "eNEc6wEA3F+g=="
    )
    headers = {
        SIGNATURE: "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        TIMESTAMP: "1600112502",
    }
    at = datetime.fromtimestamp(1_600_112_503, UTC)
    verify("sendgrid", headers=headers, body=body, secrets=[key], now=at)
    for changed in (body[:-2], body.replace(b"hello", b"hallo")):
        with pytest.raises(Unauthorized):
            verify("sendgrid", headers=headers, body=changed, secrets=[key], now=at)


def test_a_secret_that_is_no_verification_key_says_so(small_world: World) -> None:
    world, signer = small_world, Signer()
    trigger = _hook(world, signer)
    world.app.secrets.put(world.workspace, "sendgrid_webhook_secret", "not-a-verification-key")
    with pytest.raises(Invalid, match="verification key"):
        _receive(world, trigger, signer, batch(event("open")))
    world.app.secrets.put(
        world.workspace, "sendgrid_webhook_secret", f"{Signer().verification_key} {signer.verification_key}"
    )
    assert _receive(world, trigger, signer, batch(event("open"))).status == 202


@pytest.mark.parametrize(
    "payload",
    [
        {}, "text", None, 7, [None, 7, "x", []], [{}], [{"event": "open"}], [{"event": "open", "email": 7}],
        [{"event": "open", "email": ""}], [{"event": ["open"], "email": "a@b.example"}],
        [{"event": "unknown", "email": "a@b.example"}],
    ],
)  # fmt: skip
def test_a_delivery_without_readable_events_says_nothing(payload: Any) -> None:
    assert list(mail_facts(payload)) == []


def test_events_without_an_id_are_told_apart_by_what_they_say() -> None:
    bare = {"event": "open", "email": "a@b.example", "timestamp": 10**30, "sg_event_id": None}
    facts = list(mail_facts([bare, bare, bare | {"email": "c@d.example"}]))
    assert facts[0].key == facts[1].key != facts[2].key
    assert "at" not in facts[0].payload
    json.dumps([fact.payload for fact in facts])


def test_a_key_that_is_revoked_half_way_stops_the_campaign_and_is_shown_with_the_account(
    small_world: World, api: StandIn
) -> None:
    world = small_world
    world.app.workspaces.save_settings(world.workspace, {"outbound_allow": [f"127.0.0.1:{api.port}"]})
    api.says(whole({"scopes": ["mail.send"]}))
    values = {"api_key": "SG.stand-in-key", "from_address": "shop@example.com", "base_url": api.url}
    account = world.app.accounts.save(world.workspace, "sendgrid", "main", values)
    assert world.app.accounts.test(world.workspace, account.id).status == "connected"
    world.app.policies.set_channel(world.workspace, "email", {"dry_run": False})
    world.app.policies.save(world.workspace, [{"channel": "email", "verdict": "allow"}])

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        items = [Outgoing(f"to-{n}@example.com", PAYLOAD, key=f"c:{n}") for n in range(60)]
        return {"result": [(each.error or {}).get("code", each.status) for each in ctx.send_many(
            "email", items, summary="Autumn offer")]}  # fmt: skip

    world.agent("probe", run)
    api.says(*[accepted()] * 10, refused(401))
    first = world.run("probe").outputs
    assert first is not None
    assert first["result"].count("sent") == 10
    assert set(first["result"]) == {"sent", "access_revoked", "channel_down"}
    assert world.app.accounts.get(world.workspace, account.id).status == "revoked"
    # Without a working account the rest is only shown, until somebody connects it anew.
    assert set((world.run("probe").outputs or {})["result"]) == {"sent", "would_send"}
    api.says(whole({"scopes": ["mail.send"]}))
    world.app.accounts.save(
        world.workspace, "sendgrid", "main", {"api_key": "SG.another-key"}, account_id=account.id
    )  # fmt: skip
    assert world.app.accounts.test(world.workspace, account.id).status == "connected"
    api.says(accepted())
    assert (world.run("probe").outputs or {})["result"] == ["sent"] * 60
    assert len(api.requests) == 50
