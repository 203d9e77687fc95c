"""The API's playbooks: made, saved with a lock, switched on and off, cloned, and what keeps one from running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

AGENTS = Path(__file__).resolve().parents[2] / "agents"
MAIL: dict[str, Any] = {
    "id": "mail",
    "name": "Mail",
    "action": "send_email",
    "config": {"subject": "Hello", "body": "x"},
}
CART: dict[str, Any] = {"name": "Cart", "trigger": {"event": "shop.cart.left"}, "steps": [MAIL]}


@pytest.fixture
def client(make_application: Callable[..., Application]) -> Iterator[TestClient]:
    app = make_application(agents_dir=AGENTS)
    app.workspaces.create("Test")
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        client.base_url = "http://127.0.0.1/api/v1/"
        yield client


def test_a_playbook_is_made_saved_switched_and_cloned(client: TestClient) -> None:
    answer = client.post("playbooks", json=CART)
    made = answer.json()
    place = f"playbooks/{made['id']}"
    assert answer.status_code == 201 and answer.headers["Location"] == f"/api/v1/{place}"
    assert (made["status"], made["slug"], made["flow_id"]) == ("draft", "cart", None)
    newer = {**CART, "steps": [MAIL, {**MAIL, "id": "again", "delay_seconds": 60}]}
    assert client.put(place, json={"version": 1, "draft": newer}).json()["version"] == 2
    stale = client.put(place, json={"version": 1, "draft": CART})
    assert (stale.status_code, stale.json()["code"]) == (409, "edited_elsewhere")
    flow = client.get(f"{place}/flow").json()
    assert flow["problems"] == [] and "again__wait" in flow["yaml"]
    active = client.post(f"{place}/activate").json()
    assert active["status"] == "active" and active["flow_id"]
    assert client.post(f"{place}/pause").json()["status"] == "paused"
    clone = client.post(f"{place}/clone", json={"name": "Porto", "audience": {"name": "Porto"}}).json()
    assert (clone["status"], clone["derived_from"]) == ("draft", {"playbook_id": made["id"], "version": 2})
    lines = client.get("playbooks").json()["playbooks"]
    assert [(each["playbook"]["name"], each["total_triggered"]) for each in lines] == [("Cart", 0), ("Porto", 0)]
    assert client.get(f"{place}/executions").json() == {"executions": [], "cursor": None}
    figures = client.get(f"{place}/performance").json()
    assert figures["conversion_rate"] is None and "Nobody" in figures["not_computed"]["conversion_rate"]
    assert client.post(f"{place}/archive").json()["status"] == "archived"
    assert [each["playbook"]["name"] for each in client.get("playbooks").json()["playbooks"]] == ["Porto"]
    assert client.post(f"{place}/bring-back").json()["status"] == "draft"
    assert client.put(place, json={"version": 2, "draft": CART}).json()["version"] == 3
    again = client.post(f"{place}/activate").json()
    assert (again["status"], again["flow_id"]) == ("active", active["flow_id"])


def test_what_is_wrong_is_named_and_what_is_not_there_is_not_found(client: TestClient) -> None:
    broken = client.post("playbooks", json={**CART, "steps": [{**MAIL, "next": "nowhere"}]})
    assert broken.status_code == 422 and "leads to 'nowhere'" in broken.text
    half = client.post("playbooks", json={**CART, "steps": [{**MAIL, "config": {}}]}).json()
    refused = client.post(f"playbooks/{half['id']}/activate")
    assert refused.status_code == 422 and "has no subject" in refused.text
    assert client.get("playbooks/nobody").status_code == 404
    taken = client.post("playbooks", json=CART)
    assert taken.status_code == 409
    text = "name: Old\ntrigger_event_type: shop_left\nis_active: true\nsteps: []\n"
    old = client.post("playbooks/import", json={"text": text})
    assert old.status_code == 201 and "draft until you activate it" in old.json()["notes"][0]
    assert client.post("playbooks/import", json={"text": "- just\n- a list\n"}).status_code == 422
