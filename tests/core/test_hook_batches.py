"""Webhooks in crowds: stored together, and each answered as if it had come alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    IonfluxError,
    TooManyRequests,
    Unauthorized,
)
from ionflux_core.services.hook_batches import Delivery, HookBatch, WaitsForResult
from ionflux_core.services.hooks import Checked, Received
from ionflux_core.web import routes as web
from ionflux_core.web.metrics import Requests
from tests.agents_for_tests.world import World, small_world, world
from tests.core.test_hooks import BODY, SECRET, _signed, _world

__all__ = ["small_world", "world"]


def _delivery(trigger: Trigger, headers: dict[str, str] | None = None, body: bytes = BODY) -> Delivery:
    return Delivery(trigger.hook_path or "", "POST", headers or {}, body)


def _together(app: Application, deliveries: Sequence[Delivery]) -> list[Received | Exception]:
    """What each of these deliveries is answered when all of them come in one batch."""
    batch = HookBatch(app.hooks)
    answers: dict[int, Received | Exception] = {}
    passed: dict[int, Checked] = {}
    for place, delivery in enumerate(deliveries):
        try:
            passed[place] = batch.check(delivery)
        except (IonfluxError, WaitsForResult) as error:
            answers[place] = error
    answers |= zip(passed, batch.finish(list(passed.values())), strict=True)
    return [answers[place] for place in range(len(deliveries))]


def _run_id(answer: Received | Exception) -> str:
    assert isinstance(answer, Received), answer
    return str(answer.body["run_id"])


def test_a_delivery_that_is_repeated_within_a_batch_starts_one_run(world: World) -> None:
    trigger = _world(world, "shopify")
    world.app.secrets.put(world.workspace, "shopify_webhook_secret", SECRET)
    topic = {"X-Shopify-Topic": "orders/create"}
    same, other = _signed(BODY, "e-1", **topic), _signed(b'{"id": 7}', "e-2", **topic)
    deliveries = [_delivery(trigger, same), _delivery(trigger, other, b'{"id": 7}'), _delivery(trigger, same)]
    first, second, again = _together(world.app, deliveries)
    assert [answer.status for answer in (first, second, again) if isinstance(answer, Received)] == [202, 202, 200]
    assert _run_id(first) == _run_id(again) != _run_id(second)
    assert len(world.rows("runs")) == 2 == len(world.events("ionflux.shopify."))
    (later,) = _together(world.app, deliveries[2:])
    assert isinstance(later, Received) and (later.status, later.body["run_id"]) == (200, _run_id(first))
    outcomes = [firing.outcome for firing in world.app.triggers.firings(world.workspace, trigger.id)]
    assert outcomes == ["repeated", "repeated", "started", "started"]


def test_what_is_wrong_with_one_delivery_is_told_to_its_sender_alone(world: World) -> None:
    trigger = _world(world, "shopify")
    world.app.secrets.put(world.workspace, "shopify_webhook_secret", SECRET)
    good = [_delivery(trigger, _signed(BODY, event)) for event in ("e-1", "e-2")]
    bad = [
        _delivery(trigger, {**_signed(BODY, "e-3"), "X-Shopify-Hmac-Sha256": "AAAA"}),
        _delivery(trigger, _signed(b"no json", "e-4"), b"no json"),
        good[0]._replace(path="in/nowhere"),
        good[0]._replace(method="GET"),
    ]
    answers = _together(world.app, [good[0], *bad, good[1]])
    assert [type(answer) for answer in answers[1:5]] == [Unauthorized, Invalid, Forbidden, Invalid]
    assert {row.id for row in world.rows("runs")} == {_run_id(answers[0]), _run_id(answers[5])}


def test_a_delivery_that_cannot_be_stored_takes_no_neighbour_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = _world(world, "none")
    insert = world.app.runs.insert

    def refusing(connection: Any, prepared: Any) -> Any:
        started = insert(connection, prepared)
        if prepared.row["inputs"]["value"] == "bad":
            raise Conflict("The database refuses this.", hint="Reload.")
        return started

    monkeypatch.setattr(world.app.runs, "insert", refusing)
    bodies = [b'"a"', b'"bad"', b'"b"', b'"c"']
    answers = _together(world.app, [_delivery(trigger, body=body) for body in bodies])
    assert isinstance(answers[1], Conflict)
    kept = {_run_id(answers[place]): value for place, value in ((0, "a"), (2, "b"), (3, "c"))}
    assert {row.id: row.inputs["value"] for row in world.rows("runs")} == kept


def test_limits_and_sleeping_agents_hold_within_a_batch(small_world: World) -> None:
    trigger = _world(small_world, "token", ", per_minute: 3")
    answers = _together(small_world.app, [_delivery(trigger)] * 5)
    assert [type(answer) for answer in answers] == [Received] * 3 + [TooManyRequests] * 2
    small_world.app.agents.set_status(small_world.workspace, trigger.instance_id, "inactive")
    small_world.app.hooks._recent.clear()
    (sleeping,) = _together(small_world.app, [_delivery(trigger)])
    assert isinstance(sleeping, Conflict) and sleeping.code == "instance_not_active"
    assert len(small_world.rows("runs")) == 3


def test_a_hook_that_answers_with_the_result_is_not_for_a_batch(small_world: World) -> None:
    trigger = _world(small_world, "token", ", respond: result, per_minute: 1")
    app = small_world.started()
    (answer,) = _together(app, [_delivery(trigger)])
    assert isinstance(answer, WaitsForResult) and small_world.rows("runs") == []
    assert not app.hooks.answers_at_once(trigger.hook_path or "")
    # It has not been counted either: the one delivery of this minute is still to come.
    assert app.hooks.receive(*_delivery(trigger)).status == 200


def test_every_run_of_a_batch_is_executed(small_world: World) -> None:
    trigger = _world(small_world, "token", run=lambda ctx, inputs: {"result": inputs["value"]})
    app = small_world.started(workers=2)
    answers = _together(app, [_delivery(trigger, body=str(number).encode()) for number in range(8)])
    ended = [small_world.ended(_run_id(answer)).outputs for answer in answers]
    assert ended == [{"result": number} for number in range(8)]


# --- through the door


def _client(app: Application) -> TestClient:
    return TestClient(Starlette(middleware=web.middleware(app, Requests())), raise_server_exceptions=False)


def test_many_senders_at_once_are_each_told_of_their_own_run(small_world: World) -> None:
    trigger = _world(small_world, "none")
    app = small_world.app
    with _client(app) as client, ThreadPoolExecutor(16) as senders:

        def send(number: int) -> tuple[int, Any]:
            body = b"no json" if number % 10 == 9 else str(number).encode()
            key = {"idempotency-key": f"k{number % 40}"}
            answer = client.post(f"/hooks/{trigger.hook_path}", content=body, headers=key)
            return answer.status_code, answer.json()

        answers = list(senders.map(send, range(80)))
    refused = [status for number, (status, _) in enumerate(answers) if number % 10 == 9]
    taken = {number: answer for number, answer in enumerate(answers) if number % 10 != 9}
    assert refused == [422] * 8
    assert sorted(status for status, _ in taken.values()) == [200] * 36 + [202] * 36
    assert all(taken[number][1]["run_id"] == taken[number + 40][1]["run_id"] for number in taken if number < 40)
    stored = {row.id: row.inputs["value"] % 40 for row in small_world.rows("runs")}
    assert {answer["run_id"]: number % 40 for number, (_, answer) in taken.items()} == stored


def test_a_hook_that_is_configured_anew_is_answered_as_it_is_now(small_world: World) -> None:
    hook = "{key: hook, type: webhook, is_user_overridable: true, config: {path: /in}, payload_to: value}"
    small_world.agent("probe", lambda ctx, inputs: {"result": inputs["value"]}, triggers=f"  - {hook}\n")
    app, instance = small_world.started(), small_world.instance("probe")
    found = app.triggers.of_instance(small_world.workspace, instance.id)
    (path,) = [trigger.hook_path for trigger in found if trigger.hook_path]
    with _client(app) as client:
        assert [client.post(f"/hooks/{path}", json=number).status_code for number in range(2)] == [202, 202]
        assert app.hooks.answers_at_once(path)
        for respond, status in (("result", 200), ("accepted", 202), ("result", 200)):
            yaml = f"triggers:\n  - key: hook\n    config: {{respond: {respond}}}\n"
            app.agents.save(small_world.workspace, instance.id, yaml)
            answers = [client.post(f"/hooks/{path}", json=5) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [status] * 2, answers[0].text
        assert answers[0].json()["outputs"] == {"result": 5}


def test_a_sender_is_not_kept_when_the_line_does_not_move(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = _world(small_world, "token")
    app, gate = small_world.app, threading.Event()
    store = app.hooks.store

    def stuck(deliveries: Sequence[Checked]) -> list[Received | Exception]:
        gate.wait(10)
        return store(deliveries)

    with _client(app) as client:
        path = f"/hooks/{trigger.hook_path}"
        assert client.post(path, json=1).status_code == 202
        monkeypatch.setattr(app.hooks, "store", stuck)
        monkeypatch.setattr(web, "RESULT_SECONDS", 0.2)
        late = client.post(path, json=2)
        assert (late.status_code, late.json()["hint"]) == (503, "Send it again.")
        gate.set()
        monkeypatch.setattr(web, "RESULT_SECONDS", 30.0)
        assert client.post(path, json=3).status_code == 202
    assert [row.inputs["value"] for row in small_world.rows("runs")] == [1, 2, 3]


def test_an_unforeseen_error_in_the_line_is_one_sentence_and_the_next_is_taken(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = _world(small_world, "token")
    app = small_world.app

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a secret detail")

    with _client(app) as client:
        path = f"/hooks/{trigger.hook_path}"
        assert client.post(path, json=1).status_code == 202
        for where in ("store", "check"):
            with monkeypatch.context() as patched:
                patched.setattr(app.hooks, where, broken)
                answer = client.post(path, json=2)
            assert answer.status_code == 500 and "secret detail" not in answer.text
            assert client.post(path, json=3).status_code == 202
