"""Shopify against a shop on loopback: the test, cost and throttling, pages, bulk files, webhooks, and whole orders."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ionflux_core.connectors import base
from ionflux_core.connectors.base import Access, AccessRevoked
from ionflux_core.connectors.downloads import split
from ionflux_core.connectors.shopify import make
from ionflux_core.connectors.shopify_shapes import key_of
from ionflux_core.connectors.shopify_sync import joined
from ionflux_core.demo.shop import generate
from ionflux_core.errors import Invalid, TooManyRequests, Unavailable
from tests.stand_ins.access import Told, access_to
from tests.stand_ins.shopify import DOMAIN, TOKEN, ShopStandIn, shop_stand_in
from tests.stand_ins.shopify_nodes import customer_node, order_node, product_node
from tests.stand_ins.web import Answer, as_json

ROOT = Path(__file__).resolve().parents[2]
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SHOP = make()


@pytest.fixture(scope="module")
def rest_orders() -> list[dict[str, Any]]:
    """Real orders of the demo shop: some refunded, some in other currencies, some with codes and taxes inside."""
    found: list[dict[str, Any]] = list(generate(days=20, end=END).orders)
    return found


@pytest.fixture
def shop() -> Iterator[ShopStandIn]:
    with shop_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def access(shop: ShopStandIn, told: Told) -> Access:
    return reaching(shop, told)


def reaching(shop: ShopStandIn, told: Told | None = None, /, *, token: str = TOKEN, **settings: str) -> Access:
    given = {"shop": DOMAIN, "api_url": shop.url, "version": "2026-07", "customers": "true", **settings}
    return access_to(shop.port, given, {"token": token}, told=told, passing=shop.pass_time)


def brought(access: Access, cursor: dict[str, Any] | None = None) -> tuple[list[base.Fact], dict[str, Any]]:
    facts, last = [], cursor or {}
    for batch in SHOP.sync(access, cursor or {}):
        facts += batch.facts
        last = dict(batch.cursor)
        json.dumps(last)
    return facts, last


def test_a_test_says_whose_shop_it_is(access: Access) -> None:
    tested = SHOP.test(access)
    assert tested.label == "Sun & Salt <b>"
    assert tested.facts == {
        "currency": "USD", "plan": "Basic", "timezone": "America/Phoenix", "scopes": "read_orders, read_products",
    }  # fmt: skip


def test_a_wrong_token_is_revoked_and_not_repeated(shop: ShopStandIn) -> None:
    with pytest.raises(AccessRevoked) as raised:
        SHOP.test(reaching(shop, token="shpat_ffffffffffffffffffffffffffffffff"))
    assert "shpat_" not in str(raised.value)
    with pytest.raises(Invalid) as missing:
        SHOP.test(reaching(shop, token=""))
    assert missing.value.code == "token_missing"


@pytest.mark.parametrize(
    "settings",
    [
        {"shop": "evil.example"},
        {"shop": "x.myshopify.com.evil.example"},
        {"shop": "https://x.myshopify.com"},
        {"shop": "x.myshopify.com/admin"},
        {"shop": ""},
        {"version": "../../x"},
        {"api_url": "ftp://x"},
        {"api_url": "http://user@x"},
    ],
)
def test_what_cannot_be_a_shop_is_refused_before_anything_is_sent(shop: ShopStandIn, settings: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        SHOP.test(reaching(shop, **settings))
    assert shop.asked == []


def test_throttling_is_read_from_the_body_and_waited_for(shop: ShopStandIn, access: Access, told: Told) -> None:
    shop.available = 0.0
    SHOP.test(access)
    assert shop.throttled == 1 and told.waits == [pytest.approx(2.0, abs=0.1)], "100 points at 50 a second"


def test_a_client_that_knows_the_cost_is_not_throttled(shop: ShopStandIn, access: Access, told: Told) -> None:
    shop.products = [product_node(n, f"2026-11-10T00:00:{n:02d}Z") for n in range(60)]
    shop.page_most, shop.available = 2, 150.0
    assert len(SHOP.readings["products"](access, {"limit": 60})) == 60
    assert shop.throttled == 0 and 40 < sum(told.waits) < 61


def test_a_shop_that_never_gives_way_says_when_to_come_back(shop: ShopStandIn, told: Told) -> None:
    shop.available, shop.restore_rate = 0.0, 0.0
    with pytest.raises(TooManyRequests) as raised:
        SHOP.test(reaching(shop, told))
    assert raised.value.details["retry_after"] > 30


@pytest.mark.parametrize(
    ("said", "error", "code"),
    [
        (as_json({"errors": [{"message": f"Access denied {TOKEN}", "extensions": {"code": "ACCESS_DENIED"}}]}), Invalid,
         "scope_missing"),
        (as_json({"errors": [{"message": "odd", "extensions": {"code": "OTHER"}}]}), Invalid, "service_refused"),
        (as_json({"errors": "text"}), Invalid, "service_refused"),
        (as_json({"errors": [{"extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}), Unavailable, "service_down"),
        (as_json({"data": None}), Unavailable, "service_garbage"),
        (as_json({"data": {"shop": None}}), Unavailable, "service_garbage"),
        (as_json([1]), Unavailable, "service_garbage"),
        (Answer(200, b"<html>" + TOKEN.encode()), Unavailable, "service_garbage"),
        (Answer(402, b"frozen"), Invalid, "service_refused"),
        (Answer(404, b""), Invalid, "service_not_found"),
        (Answer(403, b""), AccessRevoked, "access_revoked"),
        (Answer(502, b""), Unavailable, "service_down"),
        (Answer(drops=True), Unavailable, "outbound_broken"),
    ],
)  # fmt: skip
def test_every_error_of_the_vendor_has_its_class(
    shop: ShopStandIn, access: Access, said: Answer, error: type[Exception], code: str
) -> None:
    shop.before = lambda _: said
    with pytest.raises(error) as raised:
        SHOP.test(access)
    assert raised.value.code == code and TOKEN not in str(raised.value)  # type: ignore[attr-defined]


def test_what_fails_in_passing_is_tried_again(shop: ShopStandIn, access: Access, told: Told) -> None:
    answers = iter([Answer(503), Answer(429, headers={"retry-after": "7"}), Answer(drops=True)])
    shop.before = lambda _: next(answers, None)
    assert SHOP.test(access).label
    assert told.waits[1] == 7.0 and len(told.waits) == 3


def agent_module(name: str) -> ModuleType:
    package = "ionflux_shopify_test_tracker"
    if package not in sys.modules:
        made = ModuleType(package)
        made.__path__ = [str(ROOT / "agents" / "revenue_tracker")]
        sys.modules[package] = made
    return importlib.import_module(f"{package}.{name}")


def test_a_synced_order_is_what_its_webhook_would_have_been(
    shop: ShopStandIn, access: Access, rest_orders: list[dict[str, Any]]
) -> None:
    """Every figure the Revenue Tracker reads of a synced order is the one it reads of Shopify's own JSON."""
    parse = agent_module("orders").parse_order
    shop.orders = [order_node(each) for each in rest_orders]
    facts, _ = brought(access)
    synced = {fact.payload["id"]: parse(fact.payload) for fact in facts if ".order." in fact.subject}
    wanted = {order["id"]: parse(order) for order in rest_orders}
    assert len(wanted) > 40 and any(order.refunds for order in wanted.values())
    assert any(order.presentment_currency != "USD" for order in wanted.values())
    assert synced == wanted
    net = sum(line.net - line.refunded for order in synced.values() for line in order.lines)
    assert net == sum(line.net - line.refunded for order in wanted.values() for line in order.lines) > 0


def test_the_first_import_is_one_bulk_file_for_each_kind(
    shop: ShopStandIn, access: Access, rest_orders: list[dict[str, Any]]
) -> None:
    shop.orders = [order_node(each) for each in rest_orders]
    shop.products = [product_node(n, "2026-11-01T00:00:00Z", variants=70) for n in range(1, 4)]
    shop.customers = [customer_node(n, "2026-11-01T00:00:00Z") for n in range(1, 130)]
    shop.polls = 3
    facts, cursor = brought(access)
    assert {fact.subject for fact in facts} == {
        "ionflux.shopify.order.imported", "ionflux.shopify.product.imported", "ionflux.shopify.customer.imported",
    }  # fmt: skip
    assert len(facts) == len(rest_orders) + 3 + 129
    product = next(fact.payload for fact in facts if ".product." in fact.subject)
    assert len(product["variants"]) == 70 and product["tags"] == "new, <b>bold</b>"
    assert "Orders" not in shop.asked and cursor["orders"] == {"since": "2026-11-20T12:00:00+00:00"}


def test_an_import_that_was_killed_goes_on_in_the_same_file(
    shop: ShopStandIn, access: Access, rest_orders: list[dict[str, Any]]
) -> None:
    orders = [order_node({**rest_orders[n % 20], "id": 1_000 + n}) for n in range(170)]
    shop.orders = orders
    whole, _ = brought(access)
    with shop_stand_in() as second:
        second.orders = orders
        for stop in range(1, 6):
            seen: list[str] = []
            cursor: dict[str, Any] = {}
            for batch in itertools.islice(SHOP.sync(reaching(second), {}), stop):
                seen += [fact.key for fact in batch.facts]
                cursor = dict(batch.cursor)
            runs = second.asked.count("RunBulk")
            rest, _ = brought(reaching(second), cursor)
            assert seen + [fact.key for fact in rest] == [fact.key for fact in whole]
            assert second.asked.count("RunBulk") == runs + 2, "only products and customers are asked for anew"


def test_from_then_on_only_changes_are_fetched_page_by_page(
    shop: ShopStandIn, access: Access, rest_orders: list[dict[str, Any]]
) -> None:
    _, cursor = brought(access)
    later = [{**rest_orders[n], "id": 7_000 + n, "updated_at": f"2026-11-20T13:00:{n:02d}Z"} for n in range(25)]
    later[0]["created_at"] = "2026-11-20T12:30:00Z"
    later[1]["created_at"] = later[1]["updated_at"]
    shop.orders = [order_node(each) for each in later]
    shop.asked.clear()
    facts, next_cursor = brought(access, cursor)
    subjects = [fact.subject for fact in facts]
    assert (
        subjects.count("ionflux.shopify.order.created") == 2 and subjects.count("ionflux.shopify.order.updated") == 24
    )
    assert shop.asked.count("Orders") == 3 and "RunBulk" not in shop.asked
    assert next_cursor["orders"] == {"since": "2026-11-20T13:00:24+00:00"}
    again, _ = brought(access, next_cursor)
    assert [fact.key for fact in again] == [facts[-1].key], "the last one lies on the border and has the same key"


def test_a_killed_round_goes_on_behind_its_page(
    shop: ShopStandIn, access: Access, rest_orders: list[dict[str, Any]]
) -> None:
    _, cursor = brought(access)
    later = [{**rest_orders[n], "id": 7_000 + n, "updated_at": f"2026-11-20T13:00:{n:02d}Z"} for n in range(25)]
    shop.orders = [order_node(each) for each in later]
    first = next(iter(SHOP.sync(access, cursor)))
    facts, last = brought(access, dict(first.cursor))
    assert len({fact.key for fact in (*first.facts, *facts)}) == 25 and len(facts) == 15
    assert last["orders"] == {"since": "2026-11-20T13:00:24+00:00"}


def test_what_does_not_fit_on_a_page_of_a_page_is_fetched(
    shop: ShopStandIn, access: Access, rest_orders: list[dict[str, Any]]
) -> None:
    long = {**rest_orders[0], "updated_at": "2026-11-21T00:00:00Z"}
    line = long["line_items"][0]
    long["line_items"] = [{**line, "id": 100 + n, "title": f"Line {n}"} for n in range(145)]
    shop.orders = [order_node(long)]
    shop.products = [product_node(5, "2026-11-21T00:00:00Z", variants=95)]
    (order,) = SHOP.readings["orders"](access, {"since": "2026-11-20T00:00:00+00:00"})
    assert [each["title"] for each in order["line_items"]] == [f"Line {n}" for n in range(145)]
    assert shop.asked.count("MoreLines") == 2
    (product,) = SHOP.readings["products"](access, {})
    assert len(product["variants"]) == 95


def test_readings_keep_to_their_limits(shop: ShopStandIn, access: Access) -> None:
    shop.customers = [customer_node(n, f"2026-11-10T00:{n // 60:02d}:{n % 60:02d}Z") for n in range(120)]
    found = SHOP.readings["customers"](
        access, {"since": "2026-11-10T00:00:10+00:00", "until": "2026-11-10T00:01:30+00:00", "limit": 70}
    )
    assert len(found) == 70 and found[0]["id"] == 10 and found[0]["email"] == "ana.10@example.com"
    for wrong in ({"limit": 0}, {"limit": 251}, {"limit": True}, {"since": "yesterday"}, {"query": "x"}):
        with pytest.raises(Invalid):
            SHOP.readings["customers"](access, wrong)


def test_people_stay_where_they_are_when_nobody_wants_them(
    shop: ShopStandIn, rest_orders: list[dict[str, Any]]
) -> None:
    shop.customers = [customer_node(1, "2026-11-01T00:00:00Z")]
    shop.orders = [order_node(each) for each in rest_orders[:3]]
    without = reaching(shop, customers="false")
    facts, cursor = brought(without)
    assert len(facts) == 3 and "customers" not in cursor
    read = SHOP.readings["orders"](without, {})
    told = json.dumps([*(dict(fact.payload) for fact in facts), *read])
    for order in rest_orders[:3]:
        assert order["name"] in told and order["total_price"].rstrip("0") in told
        assert order["email"] not in told and order["shipping_address"]["address1"] not in told


def test_a_cursor_of_another_shop_counts_as_none(shop: ShopStandIn, access: Access) -> None:
    _, cursor = brought(access)
    shop.asked.clear()
    brought(access, {**cursor, "shop": "another.myshopify.com"})
    assert shop.asked.count("RunBulk") == 3


@pytest.mark.parametrize("end", ["FAILED", "CANCELED", "EXPIRED"])
def test_an_import_that_fails_there_begins_anew(shop: ShopStandIn, access: Access, end: str) -> None:
    shop.bulk_ends = end
    last: dict[str, Any] = {}
    with pytest.raises(Unavailable):
        for batch in SHOP.sync(access, {}):
            last = dict(batch.cursor)
    assert last["orders"] == {}
    shop.bulk_ends = "COMPLETED"
    assert brought(access, last)[1]["orders"]["since"]


def test_an_import_whose_file_is_kept_no_longer_begins_anew(shop: ShopStandIn, access: Access) -> None:
    shop.products = [product_node(1, "2026-11-01T00:00:00Z")]
    shop.bulk_files_are_gone = True
    last: dict[str, Any] = {}
    with pytest.raises(Unavailable):
        for batch in SHOP.sync(access, {}):
            last = dict(batch.cursor)
    assert last["orders"]["since"] and last["products"] == {}, "no orders are none, products without a file are not"
    shop.bulk_files_are_gone = False
    assert [fact.payload["id"] for fact in brought(access, last)[0]] == [1]


def test_pages_that_go_in_circles_end(shop: ShopStandIn, access: Access) -> None:
    page = {"nodes": [{"id": "a", "topic": "X", "uri": "u"}], "pageInfo": {"hasNextPage": True, "endCursor": "same"}}
    shop.before = lambda name: as_json({"data": {"webhookSubscriptions": page}}) if name == "Hooks" else None
    with pytest.raises(Unavailable):
        SHOP.register_hooks(access, "https://ionflux.example.com/x")  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", ["1" + "0" * 400, "NaN", "-1e999"])
def test_a_cost_nobody_can_pay_or_count_is_no_accident(shop: ShopStandIn, access: Access, number: str) -> None:
    status = f'{{"maximumAvailable": {number}, "currentlyAvailable": {number}, "restoreRate": {number}}}'
    said = f'{{"data": {{"shop": {{"name": "S"}}}}, "extensions": {{"cost": {{"throttleStatus": {status}}}}}}}'
    shop.before = lambda _: Answer(200, said.encode())
    assert SHOP.test(access).label == "S"


def test_an_import_somebody_else_runs_is_said(shop: ShopStandIn, access: Access) -> None:
    shop.polls = 10_000
    next(iter(SHOP.sync(access, {})))
    with pytest.raises(Invalid) as raised:
        list(SHOP.sync(access, {}))
    assert "already in progress" in raised.value.message


def test_an_import_that_takes_for_ever_is_gone_on_with_later(shop: ShopStandIn, access: Access) -> None:
    shop.polls, shop.cost = 400, 0.0
    last: dict[str, Any] = {}
    with pytest.raises(Unavailable):
        for batch in SHOP.sync(access, {}):
            last = dict(batch.cursor)
    assert last["orders"]["bulk"]
    shop.polls = 1
    brought(access, last)
    assert shop.asked.count("RunBulk") == 3


@pytest.mark.parametrize(
    "body",
    [b"not json\n", b"[1]\n", b'{"id": "a"}\n{"id": "b", "__parentId": "nobody"}\n'],
)
def test_a_broken_file_is_no_import(shop: ShopStandIn, access: Access, body: bytes) -> None:
    shop.products = [product_node(1, "2026-11-01T00:00:00Z")]
    shop.before = lambda name: Answer(200, body) if name == "file" else None
    with pytest.raises(Unavailable):
        brought(access)


@pytest.mark.parametrize("said", [Answer(500), Answer(drops=True)])
def test_a_file_that_does_not_come_is_asked_for_later(shop: ShopStandIn, access: Access, said: Answer) -> None:
    shop.products = [product_node(1, "2026-11-01T00:00:00Z")]
    shop.before = lambda name: said if name == "file" else None
    with pytest.raises(Unavailable) as raised:
        brought(access)
    assert "bulk/" not in str(raised.value), "the address of the file is a key to it"


def test_a_file_may_be_larger_than_other_answers_but_not_endless(
    shop: ShopStandIn, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = product_node(1, "2026-11-01T00:00:00Z")
    product["title"] = "x" * 12_000_000
    shop.products = [product]
    with pytest.raises(Invalid) as raised:
        brought(access)
    assert "line" in raised.value.message
    shop.products = [{**product_node(n, "2026-11-01T00:00:00Z"), "title": "x" * 1_000_000} for n in range(1, 14)]
    assert len(brought(access)[0]) == 13, "thirteen megabytes"


def test_lines_come_whole_from_pieces() -> None:
    assert list(split([b'{"a"', b": 1}\n\n{", b'"b": 2}\n', b'{"c": 3}'])) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
    lines = [b'{"id": "a"}', b'{"id": "a1", "__parentId": "a"}', b'{"id": "a11", "__parentId": "a1"}', b'{"id": "b"}']
    assert [(root["id"], [each["id"] for each in below]) for root, below in joined(iter(lines))] == [
        ("a", ["a1", "a11"]), ("b", []),
    ]  # fmt: skip


def test_one_fact_has_one_key_whoever_tells_of_it() -> None:
    assert key_of("order", "updated", {"id": 7, "updated_at": "0001-01-01T00:00:00+14:00"}) is None
    sent = key_of("order", "updated", {"id": 7, "updated_at": "2026-11-20T09:00:00-03:00"})
    assert sent == key_of("order", "imported", {"id": 7, "updated_at": "2026-11-20T12:00:00Z"})
    assert sent != key_of("order", "updated", {"id": 7, "updated_at": "2026-11-20T12:00:01Z"})
    made = key_of("order", "created", {"id": 7, "updated_at": "2026-11-20T12:00:00Z"})
    assert made != sent and made == key_of("order", "created", {"id": 7, "updated_at": "2026-11-21T12:00:00Z"})
    assert key_of("order", "updated", {"id": 7}) is None


def test_webhooks_are_asked_for_once_and_refusals_are_told(shop: ShopStandIn, access: Access) -> None:
    register: Callable[[Access, str], dict[str, str]] = SHOP.register_hooks  # type: ignore[attr-defined]
    shop.refused_topics = {"THEMES_PUBLISH"}
    found = register(access, "https://ionflux.example.com/shopify/webhooks/1")
    assert found["ORDERS_CREATE"] == "registered" and found["THEMES_PUBLISH"].startswith("refused: You cannot")
    again = register(access, "https://ionflux.example.com/shopify/webhooks/1")
    assert again["ORDERS_CREATE"] == "was there already" and len(shop.hooks) == len(found) - 1
    elsewhere = register(access, "https://other.example.com/shopify/webhooks/1")
    assert elsewhere["ORDERS_CREATE"] == "registered"
