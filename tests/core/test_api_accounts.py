"""The API's accounts: everything a screen can do, and never a secret in an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ionflux_core.application import Application
from tests.core.test_routes import assert_problem, client_of
from tests.stand_ins.shopify import CLIENT_ID, CLIENT_SECRET, DOMAIN, TOKEN, ShopStandIn, shop_stand_in
from tests.stand_ins.shopify_nodes import product_node

HERE = "/api/v1/accounts"
DEEDS = ("test", "sync", "disconnect", "oauth", "webhooks")


@pytest.fixture
def shop() -> Iterator[ShopStandIn]:
    with shop_stand_in() as stand_in:
        stand_in.cost, stand_in.polls = 0.0, 0
        yield stand_in


@pytest.fixture
def client(application: Application, shop: ShopStandIn) -> Iterator[TestClient]:
    workspace = application.workspaces.all()[0]
    application.workspaces.save_settings(workspace.id, {"outbound_allow": [f"127.0.0.1:{shop.port}"]})
    with client_of(application) as opened:
        yield opened


def draft(shop: ShopStandIn, **values: Any) -> dict[str, Any]:
    given = {"shop": DOMAIN, "token": TOKEN, "client_secret": CLIENT_SECRET, "api_url": shop.url, **values}
    return {"connector": "shopify", "name": "Shop", "values": given}


def connected(client: TestClient, shop: ShopStandIn) -> dict[str, Any]:
    made = client.post(HERE, json=draft(shop, client_id=CLIENT_ID))
    assert made.status_code == 201, made.text
    tested = client.post(f"{HERE}/{made.json()['id']}/test")
    assert TOKEN not in made.text + tested.text and CLIENT_SECRET not in made.text + tested.text
    found: dict[str, Any] = tested.json()
    return found


def test_connectors_name_their_fields(client: TestClient) -> None:
    found = {each["kind"]: each for each in client.get("/api/v1/connectors").json()["connectors"]}
    assert {"shopify", "slack"} <= set(found)
    kinds = {field["name"]: field["kind"] for field in found["shopify"]["fields"]}
    assert kinds["token"] == "secret" and kinds["customers"] == "boolean"
    assert found["shopify"]["readings"] == ["customers", "orders", "products", "shop"] and found["shopify"]["syncs"]


def test_an_account_goes_through_its_life(client: TestClient, shop: ShopStandIn) -> None:
    account = connected(client, shop)
    assert (account["status"], account["label"]) == ("connected", "Sun & Salt <b>")
    assert account["stored_secrets"] == ["client_secret", "token"] and "secrets" not in account
    assert (
        client.get(HERE).json()["accounts"]
        == [account]
        == client.get(HERE, params={"connector": "shopify"}).json()["accounts"]
    )
    renamed = client.patch(f"{HERE}/{account['id']}", json={"name": "Other"}).json()
    assert (renamed["name"], renamed["status"]) == ("Other", "connected")
    gone = client.post(f"{HERE}/{account['id']}/disconnect").json()
    assert gone["status"] == "disconnected" and gone["stored_secrets"] == []
    assert client.delete(f"{HERE}/{account['id']}").status_code == 204
    assert_problem(client.get(f"{HERE}/{account['id']}"), 404)


def test_a_sync_is_begun_and_then_looked_at(client: TestClient, shop: ShopStandIn) -> None:
    shop.products = [product_node(n, "2026-11-01T00:00:00Z") for n in range(1, 4)]
    account = connected(client, shop)
    begun = client.post(f"{HERE}/{account['id']}/sync")
    assert begun.status_code == 202
    for _ in range(200):
        found = client.get(f"{HERE}/{account['id']}").json()
        if found["synced_at"]:
            break
        time.sleep(0.02)
    assert found["synced"] == {"ionflux.shopify.product.imported": 3} and not found["sync_error"]
    listed = client.get("/api/v1/events", params={"prefix": "ionflux.shopify.product"}).json()
    assert len(listed["events"]) == 3


def test_a_secret_does_not_follow_an_account_elsewhere(client: TestClient, shop: ShopStandIn) -> None:
    account = connected(client, shop)
    moved = client.patch(f"{HERE}/{account['id']}", json={"values": {"api_url": "https://evil.example"}})
    problem = assert_problem(moved, 422)
    assert {each["path"] for each in problem["problems"]} == {"token", "client_secret"}


WRONG: list[tuple[dict[str, Any], int]] = [
    ({"connector": "nobody"}, 404),
    ({"name": ""}, 422),
    ({"values": {"shop": "evil.example", "token": TOKEN}}, 422),
    ({"values": {"shop": DOMAIN, "token": "short"}}, 422),
    ({"values": {"shop": DOMAIN, "token": [TOKEN]}}, 422),
    ({"values": {f"f{n}": "x" for n in range(50)}}, 422),
    ({"brand_id": "nobody"}, 404),
    ({"secrets": {}}, 422),
]


def test_what_is_wrong_is_said_without_the_secret(client: TestClient, shop: ShopStandIn) -> None:
    for change, code in WRONG:
        answer = client.post(HERE, json=draft(shop) | change)
        assert_problem(answer, code)
        assert TOKEN not in answer.text, change
    assert client.get(HERE).json()["accounts"] == []


def test_oauth_and_webhooks_have_their_doors(client: TestClient, shop: ShopStandIn) -> None:
    account = connected(client, shop)
    begun = client.post(f"{HERE}/{account['id']}/oauth").json()
    assert begun["url"].startswith(f"{shop.url}/admin/oauth/authorize?") and begun["callback"].endswith("/callback")
    assert_problem(client.post(f"{HERE}/{account['id']}/webhooks"), 409, "no_public_address")


def test_another_workspace_finds_nothing(application: Application, client: TestClient, shop: ShopStandIn) -> None:
    account = connected(client, shop)
    other = {"X-Ionflux-Workspace": application.workspaces.create("Theirs").id}
    place = f"{HERE}/{account['id']}"
    assert client.get(HERE, headers=other).json()["accounts"] == []
    for answer in (
        client.get(place, headers=other), client.patch(place, json={"name": "x"}, headers=other),
        client.delete(place, headers=other),
        *(client.post(f"{place}/{deed}", headers=other) for deed in DEEDS),
    ):  # fmt: skip
        assert_problem(answer, 404)
    assert client.get(place).json()["status"] == "connected"


def test_who_may_only_look_changes_nothing(make_application: Callable[..., Application]) -> None:
    guarded = make_application(auth="on")
    workspace = guarded.workspaces.create("Ours")
    account = guarded.accounts.save(workspace.id, "shopify", "Shop", {"shop": DOMAIN, "token": TOKEN})
    viewer = {"Authorization": f"Bearer {guarded.tokens.create(workspace.id, 'Looks', role='viewer')}"}
    place = f"{HERE}/{account.id}"
    with client_of(guarded) as looking:
        assert looking.get(place, headers=viewer).status_code == 200
        assert_problem(looking.patch(place, json={"name": "x"}, headers=viewer), 403)
        for deed in DEEDS:
            assert_problem(looking.post(f"{place}/{deed}", headers=viewer), 403)
        assert_problem(looking.delete(place, headers=viewer), 403)
