"""Webhooks in: only who may, once each, answered at once, and one chain from the delivery to the last event."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from ionflux_core import ids, limits
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    IonfluxError,
    LimitExceeded,
    TooManyRequests,
    Unauthorized,
)
from ionflux_core.services.hooks import shopify_subject
from tests.agents_for_tests.world import World, small_world, together, wait_for, world

__all__ = ["small_world", "world"]

SECRET = "ionflux-test-secret"
BODY = b'{"id":820982911946154508,"email":"jon@example.com"}'
AT = datetime.fromtimestamp(1_700_000_000, UTC)
HEX = "e52c6ffc44fb3f4e0c238f25dd9c7f9b44f6ce5d07a0494d1ced0e750d962bc2"
STANDARD = base64.b64encode(b"0123456789abcdef" * 2).decode()
VECTORS: dict[str, dict[str, str]] = {
    "shopify": {"X-Shopify-Hmac-Sha256": "5Sxv/ET7P04MI48l3Zx/m0T2zl0HoElNHO0OdQ2WK8I=", "X-Shopify-Event-Id": "e1"},
    "meta": {"X-Hub-Signature-256": f"sha256={HEX}"},
    "github": {"X-Hub-Signature-256": f"sha256={HEX}", "X-GitHub-Delivery": "d1"},
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
}


def _hook(auth: str, more: str = "") -> str:
    return f"  - {{key: hook, type: webhook, config: {{path: /in, auth: {auth}{more}}}, payload_to: value}}\n"


def _world(world: World, auth: str, more: str = "", run: Any = None) -> Trigger:
    world.agent("probe", run or (lambda ctx, inputs: {"result": inputs.get("value")}), triggers=_hook(auth, more))
    instance = world.instance("probe")
    (trigger,) = [t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "webhook"]
    return trigger


def _send(world: World, trigger: Trigger, headers: dict[str, str] | None = None, body: bytes = BODY) -> Any:
    return world.app.hooks.receive(trigger.hook_path or "", "POST", headers or {}, body)


def _signed(body: bytes, event: str, secret: str = SECRET, **more: str) -> dict[str, str]:
    digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Event-Id": event, **more}


@pytest.mark.parametrize("auth", sorted(VECTORS))
def test_the_vectors_of_every_sender_are_taken_and_a_changed_byte_is_not(small_world: World, auth: str) -> None:
    world = small_world
    trigger = _world(world, auth)
    ids.set_clock(lambda: AT)
    secret = f"whsec_{STANDARD}" if auth == "standard" else SECRET
    world.app.secrets.put(world.workspace, f"{auth}_webhook_secret", secret)
    with pytest.raises(Unauthorized):
        _send(world, trigger, VECTORS[auth], BODY.replace(b"jon", b"jim"))
    with pytest.raises(Unauthorized):
        _send(world, trigger, {})
    assert world.rows("runs") == []
    first = _send(world, trigger, VECTORS[auth])
    assert (first.status, first.body["status"]) == (202, "accepted")
    again = _send(world, trigger, {name.lower(): value for name, value in VECTORS[auth].items()})
    assert (again.status, again.body["status"]) == (200, "repeated")
    assert again.body["run_id"] == first.body["run_id"]
    assert (
        again.body["correlation_id"] == first.body["correlation_id"] == world.get(first.body["run_id"]).correlation_id
    )
    assert world.get(first.body["run_id"]).inputs["value"]["email"] == "jon@example.com"
    assert len(world.rows("runs")) == 1


def test_without_a_signing_secret_nothing_is_accepted(small_world: World) -> None:
    trigger = _world(small_world, "shopify")
    with pytest.raises(Unauthorized) as caught:
        _send(small_world, trigger, VECTORS["shopify"])
    assert caught.value.code == "signing_secret_missing" and "shopify_webhook_secret" in caught.value.hint


def test_two_secrets_are_valid_while_one_replaces_the_other(small_world: World) -> None:
    trigger = _world(small_world, "shopify")
    put = small_world.app.secrets.put
    put(small_world.workspace, "shopify_webhook_secret", "new-secret-value old-secret-value")
    for number, secret in enumerate(("old-secret-value", "new-secret-value")):
        assert _send(small_world, trigger, _signed(BODY, str(number), secret)).status == 202
    put(small_world.workspace, "shopify_webhook_secret", "new-secret-value")
    with pytest.raises(Unauthorized):
        _send(small_world, trigger, _signed(BODY, "3", "old-secret-value"))


def test_what_is_refused_starts_nothing_and_says_why(small_world: World) -> None:
    world = small_world
    trigger = _world(world, "token")
    path = trigger.hook_path or ""
    assert len(path.split("/")[-1]) >= 43
    receive = world.app.hooks.receive
    cases: list[tuple[type[IonfluxError], int, tuple[str, str, bytes]]] = [
        (Forbidden, 403, ("in/wrong", "POST", b"{}")),
        (Forbidden, 403, ("", "POST", b"{}")),
        (Forbidden, 403, (path[:-1], "POST", b"{}")),
        (LimitExceeded, 413, (path, "POST", b'"' + b"x" * limits.WEBHOOK_BYTES + b'"')),
        (Invalid, 422, (path, "POST", b"not json")),
        (Invalid, 422, (path, "POST", b'{"a": NaN}')),
        (Invalid, 422, (path, "POST", b"[" * 100_000)),
        (Invalid, 422, (path, "POST", b"\xff\xfe")),
    ]
    for kind, status, (where, method, body) in cases:
        with pytest.raises(kind) as caught:
            receive(where, method, {}, body)
        assert caught.value.status == status and caught.value.hint
    with pytest.raises(IonfluxError, match="another method"):
        receive(path, "GET", {}, b"")
    assert world.rows("runs") == [] and world.rows("events") == []
    instance = world.app.agents.find(world.workspace)[0]
    world.app.agents.set_status(world.workspace, instance.id, "inactive")
    with pytest.raises(Conflict) as sleeping:
        receive(path, "POST", {}, b"{}")
    assert (sleeping.value.status, sleeping.value.code) == (409, "instance_not_active")


def test_a_hook_takes_only_so_many_a_minute(small_world: World) -> None:
    trigger = _world(small_world, "token", ", per_minute: 3")
    for _ in range(3):
        assert _send(small_world, trigger).status == 202
    with pytest.raises(TooManyRequests) as caught:
        _send(small_world, trigger)
    assert caught.value.status == 429 and 0 < caught.value.details["retry_after"] <= 60


def test_the_same_delivery_on_many_threads_starts_one_run(world: World) -> None:
    trigger = _world(world, "shopify")
    world.app.secrets.put(world.workspace, "shopify_webhook_secret", SECRET)
    headers = _signed(BODY, "e-9", **{"X-Shopify-Topic": "orders/create"})
    answers = together(8, lambda n: _send(world, trigger, headers))
    assert len({answer.body["run_id"] for answer in answers}) == 1
    assert sorted(answer.status for answer in answers) == [200] * 7 + [202]
    assert len(world.events("ionflux.shopify.")) == 1


def test_two_hooks_for_one_order_tell_of_it_once(small_world: World) -> None:
    trigger = _world(small_world, "shopify")
    small_world.app.secrets.put(small_world.workspace, "shopify_webhook_secret", SECRET)
    body = b'{"id": 7, "updated_at": "2026-11-20T12:00:00Z"}'
    for delivery in ("e-1", "e-2"):
        headers = _signed(body, delivery, **{"X-Shopify-Topic": "orders/create"})
        assert small_world.app.hooks.receive(trigger.hook_path or "", "POST", headers, body).status == 202
    assert len(small_world.events("ionflux.shopify.")) == 1


def test_an_unsigned_sender_names_its_deliveries_itself(world: World) -> None:
    trigger = _world(world, "none")
    assert _send(world, trigger).body["run_id"] != _send(world, trigger).body["run_id"]
    long = {"Idempotency-Key": "k" * 5000}
    first, again = _send(world, trigger, long), _send(world, trigger, long)
    assert (first.body["run_id"], again.status) == (again.body["run_id"], 200)
    assert _send(world, trigger, {"Idempotency-Key": "k" * 4999 + "x"}).status == 202


def test_one_correlation_id_from_the_webhook_to_the_last_event(world: World) -> None:
    hears = "  - {key: hears, type: event, config: {topic: ionflux.shopify.order.*}, payload_to: value}\n"
    world.agent("other", lambda ctx, inputs: {"result": ctx.emit("test.seen", {})}, triggers=hears)
    world.agent("probe", lambda ctx, inputs: {"result": inputs["value"]["id"]}, triggers=_hook("shopify") + hears)
    world.started()
    other, own = world.instance("other", "other"), world.instance("probe", "own")
    (trigger,) = [t for t in world.app.triggers.of_instance(world.workspace, own.id) if t.kind == "webhook"]
    world.app.secrets.put(world.workspace, "shopify_webhook_secret", SECRET)
    answer = _send(world, trigger, _signed(BODY, "e-1", **{"X-Shopify-Topic": "orders/create"}))
    wait_for(lambda: world.events("test.seen"))
    wait_for(lambda: world.app.runs.unfinished(world.workspace) == 0)
    found = world.app.runs.find(world.workspace).runs
    # The event does not go back to the instance whose webhook brought it.
    assert sorted(str(run.instance_id) for run in found) == sorted([other.id, own.id])
    assert {world.get(run.id).correlation_id for run in found} == {answer.body["correlation_id"]}
    chain = world.app.events.find(world.workspace, correlation_id=answer.body["correlation_id"])
    assert {event.type for event in chain} == {
        "ionflux.shopify.order.created",
        "test.seen",
        "ionflux.agent.run.completed",
    }


def test_a_hook_may_answer_with_the_result(world: World) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if inputs["value"].get("fail"):
            raise ValueError("no such order")
        if inputs["value"].get("ask"):
            ctx.approve("Go on?")
        return {"result": inputs["value"]["n"] * 2}

    trigger = _world(world, "token", ", respond: result", run)
    world.started()
    done = _send(world, trigger, body=b'{"n": 21}')
    assert (done.status, done.body["outputs"]) == (200, {"result": 42})
    failed = _send(world, trigger, body=b'{"fail": true}')
    assert failed.status == 502 and "no such order" in failed.body["error"]
    assert _send(world, trigger, body=b'{"ask": true}').status == 202


def test_an_accepted_delivery_is_there_before_it_is_answered(world: World) -> None:
    trigger = _world(world, "token")
    answer = _send(world, trigger, {"Idempotency-Key": "x"}, json.dumps({"text": "a\0b", "list": [1]}).encode())
    assert world.get(answer.body["run_id"]).status == "pending"
    (firing,) = world.app.triggers.firings(world.workspace, trigger.id)
    assert (firing.outcome, firing.run_id) == ("started", answer.body["run_id"])
    world.started()
    assert world.ended(answer.body["run_id"]).status == "success"


def test_a_hook_path_stays_when_its_instance_is_saved_and_another_trigger_has_none(small_world: World) -> None:
    world = small_world
    trigger = _world(world, "token")
    instance = world.app.agents.get(world.workspace, trigger.instance_id)
    world.app.agents.save(world.workspace, instance.id, instance.yaml + "\n# saved again\n")
    (after,) = [t for t in world.app.triggers.of_instance(world.workspace, instance.id) if t.kind == "webhook"]
    assert (after.id, after.hook_path) == (trigger.id, trigger.hook_path)


@pytest.mark.parametrize(
    ("topic", "subject"),
    [
        ("orders/create", "ionflux.shopify.order.created"),
        ("ORDERS/PAID", "ionflux.shopify.order.paid"),
        ("inventory_levels/update", "ionflux.shopify.inventory_level.updated"),
        ("orders", None),
        ("", None),
        ("a b/c", None),
        ("orders/../x", None),
    ],
)
def test_shopify_topics_become_subjects(topic: str, subject: str | None) -> None:
    assert shopify_subject(topic) == subject


def test_a_full_batch_of_deliveries_at_once_is_stored(small_world: World) -> None:
    world, gate = small_world, threading.Event()
    trigger = _world(world, "token", run=lambda ctx, inputs: {"result": gate.wait(0)})
    answers = together(16, lambda n: [_send(world, trigger, body=b"{}").body["run_id"] for _ in range(5)])
    assert len({run_id for batch in answers for run_id in batch}) == 80 == len(world.rows("runs"))
