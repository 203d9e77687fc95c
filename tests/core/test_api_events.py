"""The API's events: found by pattern, opened, followed as a chain, replayed, and what could not be delivered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.errors import NotFound
from ionflux_core.services.tokens import Caller
from ionflux_core.web import auth
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.agents_for_tests.world import World, small_world, wait_for
from tests.core.test_event_replays import hears, listener

__all__ = ["hears", "small_world"]


@pytest.fixture
def application(small_world: World) -> Application:
    return small_world.started()


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"
        yield opened


def types(client: TestClient, **asked: Any) -> list[str]:
    answer = client.get("events", params=asked)
    assert answer.status_code == 200, answer.text
    return [event["type"] for event in answer.json()["events"] if not event["type"].startswith("ionflux.")]


def test_events_are_found_and_opened(small_world: World, client: TestClient) -> None:
    trigger = listener(small_world)
    event_id = client.post("events", json={"type": "shop.order", "payload": {"n": "A7"}}).json()["event_id"]
    client.post("events", json={"type": "shop.refund", "payload": {"n": "B8"}})
    assert types(client, type="shop.*") == ["shop.refund", "shop.order"] == types(client, type="shop.")
    assert types(client, type="*.order") == ["shop.order"] == types(client, text="a7")
    assert types(client, source="api", type="shop.>") == ["shop.refund", "shop.order"]
    assert types(client, source="nobody") == [] == types(client, brand_id="b" * 90)
    assert client.get("events", params={"type": "a..*"}).status_code == 422
    assert client.get("events", params={"status": "nonsense"}).status_code == 422
    wait_for(lambda: small_world.rows("runs") and small_world.app.runs.unfinished(small_world.workspace) == 0)
    opened = client.get(f"events/{event_id}").json()
    assert opened["event"]["payload"] == {"n": "A7"}
    (delivery,) = opened["deliveries"]
    assert (delivery["trigger_id"], delivery["status"], delivery["replays"]) == (trigger.id, "started", 0)
    assert client.get("events/nothing").status_code == 404
    chain = client.get(f"events/chain/{event_id}").json()
    assert [node["kind"] for node in chain["nodes"]][:2] == ["event", "run"] and chain["runs"] == 1
    assert client.get("events/chain/nothing").status_code == 404


def test_an_event_is_replayed(small_world: World, client: TestClient) -> None:
    trigger = listener(small_world)
    event_id = client.post("events", json={"type": "other.fact"}).json()["event_id"]
    answer = client.post(f"events/{event_id}/replay", json={"trigger_id": trigger.id})
    assert answer.status_code == 202
    assert small_world.get(answer.json()["run_id"]).trigger.event_id == event_id
    assert client.post(f"events/{event_id}/replay", json={"trigger_id": "nothing"}).status_code == 404


def test_dead_letters_are_listed_tried_again_and_set_aside(
    small_world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = listener(small_world)

    def gone(*_: Any, **__: Any) -> Any:
        raise NotFound("The agent is gone.", hint="Put it back.")

    with monkeypatch.context() as patch:
        patch.setattr(small_world.app.runs, "prepare", gone)
        for _ in range(2):
            client.post("events", json={"type": "shop.order"})
        wait_for(lambda: len(client.get("events/dead-letters").json()["dead"]) == 2)
        first, second = client.get("events/dead-letters").json()["dead"]
        assert first["error"]["hint"] == "Put it back." and first["event_type"] == "shop.order"
        refused = client.post(f"events/dead-letters/{first['event_id']}/{trigger.id}/retry")
        assert refused.status_code == 404 and refused.json()["hint"] == "Put it back."
    assert client.post(f"events/dead-letters/{first['event_id']}/{trigger.id}/retry").status_code == 202
    assert client.post(f"events/dead-letters/{first['event_id']}/{trigger.id}/retry").status_code == 409
    aside = f"events/dead-letters/{second['event_id']}/{trigger.id}/set-aside"
    assert [client.post(aside).json()["set_aside"] for _ in range(2)] == [1, 0]
    assert client.get("events/dead-letters").json() == {"dead": [], "failing": []}


def test_a_viewer_looks_and_changes_nothing(
    small_world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = small_world.app.events.publish(small_world.workspace, "a.b", {})
    monkeypatch.setattr(auth, "LOCAL_OWNER", Caller(name="Vera", role="viewer", workspace_id=None))
    assert client.get(f"events/{event_id}").status_code == 200
    assert client.post(f"events/{event_id}/replay", json={"trigger_id": "t"}).status_code == 403
    assert client.post("events/dead-letters/e/t/retry").status_code == 403
    assert client.post("events/dead-letters/e/t/set-aside").status_code == 403
