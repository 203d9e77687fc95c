"""The demo shop: reproducible, adds up to the cent, hides what it says it hides, and names nobody real."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import re
from collections import Counter, defaultdict
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.demo import files, order_csv
from ionflux_core.demo.order_csv import COLUMNS
from ionflux_core.demo.orders import Order
from ionflux_core.demo.shop import Shop, generate, new_order
from ionflux_core.demo.truth import Fault
from ionflux_core.errors import Invalid, NotFound

END = datetime(2026, 11, 21, 10, 2, 33, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return generate(end=END)


@pytest.fixture(scope="module")
def small() -> Shop:
    return generate(days=3, end=END)


def as_bytes(shop: Shop) -> bytes:
    return json.dumps({field.name: getattr(shop, field.name) for field in fields(shop)}, default=str).encode()


def dec(value: Any) -> Decimal:
    return Decimal(str(value))


# --- reproducible -----------------------------------------------------------------------------------------------


def test_shop_is_byte_identical_when_made_again(shop: Shop) -> None:
    assert as_bytes(generate(end=END)) == as_bytes(shop)


def test_shop_is_the_same_when_the_end_is_given_in_another_zone() -> None:
    elsewhere = END.astimezone(timezone(timedelta(hours=9)))
    assert as_bytes(generate(days=3, end=elsewhere)) == as_bytes(generate(days=3, end=END))


def test_shop_differs_when_the_seed_differs() -> None:
    assert generate(seed=1, days=2, end=END).orders != generate(seed=2, days=2, end=END).orders


def test_generate_refuses_what_it_cannot_cover() -> None:
    with pytest.raises(Invalid, match="no time zone"):
        generate(end=END.replace(tzinfo=None))
    for days in (0, 401):
        with pytest.raises(Invalid, match=f"{days} days"):
            generate(days=days, end=END)


# --- the shape of sixty days ------------------------------------------------------------------------------------


def test_orders_per_day_grow_and_peak_on_the_campaign_weekend(shop: Shop) -> None:
    per_day = Counter(order["created_at"][:10] for order in shop.orders)
    days = [per_day[(shop.first_day + timedelta(days=n)).isoformat()] for n in range(59)]
    campaign = [day.isoformat() for day in shop.truth.campaign or ()]
    ordinary = [count for day, count in per_day.items() if day not in campaign][:-1]
    assert min(ordinary) >= 12
    assert max(ordinary) <= 62
    assert sum(days[-14:]) > 1.2 * sum(days[:14])
    assert min(per_day[day] for day in campaign) > 1.4 * sum(ordinary) / len(ordinary)


def test_orders_are_numbered_in_the_order_of_time_and_end_before_the_end(shop: Shop) -> None:
    created = [order["created_at"] for order in shop.orders]
    assert created == sorted(created)
    assert all(stamp.endswith("-07:00") for stamp in created)
    assert datetime.fromisoformat(created[-1]) < shop.end
    assert [order["name"] for order in shop.orders] == [f"#{1001 + n}" for n in range(len(shop.orders))]


def test_ids_are_unique(shop: Shop) -> None:
    lines = [item["id"] for order in shop.orders for item in order["line_items"]]
    assert len(set(lines)) == len(lines)
    assert len({order["id"] for order in shop.orders}) == len(shop.orders)


def test_every_kind_of_order_occurs(shop: Shop) -> None:
    assert {order["financial_status"] for order in shop.orders} == {"paid", "refunded", "partially_refunded"}
    assert {order["presentment_currency"] for order in shop.orders} == {"USD", "EUR", "GBP"}
    assert {order["fulfillment_status"] for order in shop.orders} == {None, "fulfilled"}
    assert {order["taxes_included"] for order in shop.orders} == {True, False}


# --- money ------------------------------------------------------------------------------------------------------


def pick(order: Order, side: str, name: str) -> Decimal:
    return dec(order[f"{name}_set"][side]["amount"])


def check_sums(order: Order, side: str) -> None:
    lines = order["line_items"]
    gross = sum(dec(item["price_set"][side]["amount"]) * item["quantity"] for item in lines)
    off = sum(dec(cut["amount_set"][side]["amount"]) for item in lines for cut in item["discount_allocations"])
    taxed = [*lines, *order["shipping_lines"]]
    tax = sum(dec(line["price_set"][side]["amount"]) for item in taxed for line in item["tax_lines"])
    shipping = sum(dec(line["price_set"][side]["amount"]) for line in order["shipping_lines"])
    assert pick(order, side, "total_line_items_price") == gross
    assert pick(order, side, "total_discounts") == off
    assert pick(order, side, "subtotal_price") == gross - off
    assert pick(order, side, "total_tax") == tax
    assert pick(order, side, "total_shipping_price") == shipping
    assert pick(order, side, "total_price") == gross - off + shipping + (0 if order["taxes_included"] else tax)


def check_order(order: Order) -> None:
    check_sums(order, "shop_money")
    check_sums(order, "presentment_money")
    for name in ("total_price", "subtotal_price", "total_tax", "total_discounts", "total_line_items_price"):
        assert dec(order[name]) == pick(order, "shop_money", name)
    assert sum(dec(code["amount"]) for code in order["discount_codes"]) == dec(order["total_discounts"])


def check_refunds(order: Order) -> None:
    back = Decimal(0)
    for refund in order["refunds"]:
        goods = sum(dec(line["subtotal"]) for line in refund["refund_line_items"])
        tax = sum(dec(line["total_tax"]) for line in refund["refund_line_items"])
        shipping = -sum(dec(entry["amount"]) + dec(entry["tax_amount"]) for entry in refund["order_adjustments"])
        paid_back = sum(dec(entry["amount"]) for entry in refund["transactions"])
        assert paid_back == goods + shipping + (0 if order["taxes_included"] else tax)
        assert order["created_at"] < refund["created_at"] == order["updated_at"]
        back += paid_back
    assert dec(order["current_total_price"]) == dec(order["total_price"]) - back
    assert (order["financial_status"] == "refunded") == (dec(order["current_total_price"]) == 0)
    assert (order["financial_status"] == "paid") == (back == 0)
    if order["financial_status"] == "refunded":
        assert {order["current_total_tax"], order["current_subtotal_price"]} == {"0.00"}
        assert all(item["current_quantity"] == 0 for item in order["line_items"])


def test_every_order_adds_up_to_the_cent(shop: Shop) -> None:
    for order in shop.orders:
        check_order(order)
        check_refunds(order)


def test_foreign_orders_follow_the_stored_rate(shop: Shop) -> None:
    foreign = [order for order in shop.orders if order["presentment_currency"] != "USD"]
    for order in foreign:
        history = shop.fx_rates[order["presentment_currency"]]
        rate = dec([value for day, value in history.items() if day <= order["created_at"][:10]][-1])
        pair = order["total_price_set"]
        converted = dec(pair["presentment_money"]["amount"]) * rate
        # Each unit price, line and tax is rounded on its own in both currencies.
        slack = Decimal("0.02") * sum(item["quantity"] + 2 for item in order["line_items"])
        assert abs(converted - dec(pair["shop_money"]["amount"])) <= slack


@given(seed=st.integers(0, 10_000), minutes=st.integers(0, 60 * 24 * 30), least=st.sampled_from([0, 10_000, 500_000]))
@settings(max_examples=40, deadline=None)
def test_new_order_adds_up_and_is_large_enough(small: Shop, seed: int, minutes: int, least: int) -> None:
    at = END + timedelta(minutes=minutes)
    order = new_order(small, at=at, seed=seed, min_total_minor=least)
    check_order(order)
    assert dec(order["total_price"]) * 100 >= least
    assert datetime.fromisoformat(order["created_at"]) == at
    assert order == new_order(small, at=at, seed=seed, min_total_minor=least)
    assert order["id"] not in {old["id"] for old in small.orders}
    assert order["order_number"] == small.orders[-1]["order_number"] + 1


def test_new_order_needs_a_time_zone(small: Shop) -> None:
    with pytest.raises(Invalid, match="no time zone"):
        new_order(small, at=END.replace(tzinfo=None), seed=1)


def test_new_orders_have_different_ids(shop: Shop) -> None:
    assert len({new_order(shop, at=END, seed=seed)["id"] for seed in range(200)}) == 200


def test_every_sold_sku_has_a_cost_on_the_day_it_was_sold(shop: Shop) -> None:
    for order in shop.orders:
        day = order["created_at"][:10]
        for item in order["line_items"]:
            assert any(row["from"] <= day for row in shop.costs["cogs"][item["sku"]])


# --- traffic ----------------------------------------------------------------------------------------------------


def segment_of(order: Order) -> tuple[str, str]:
    notes = {note["name"]: note["value"] for note in order["note_attributes"]}
    return notes["device"], notes["browser"]


def test_traffic_and_orders_tell_the_same_story(shop: Shop) -> None:
    placed: dict[tuple[str, tuple[str, str]], list[int]] = defaultdict(lambda: [0, 0])
    for order in shop.orders:
        at = datetime.fromisoformat(order["created_at"]).astimezone(UTC)
        start = at.replace(minute=at.minute // 5 * 5, second=0).isoformat()
        cell = placed[start, segment_of(order)]
        cell[0] += 1
        cell[1] += int(dec(order["total_price"]) * 100)
    rows = {(row["start"], tuple(row["segment"].values())): row for row in shop.traffic}
    assert len(rows) == len(shop.traffic)
    counted = {key: [row["orders"], row["revenue_minor"]] for key, row in rows.items() if row["orders"]}
    assert counted == placed


def test_traffic_rows_are_plausible_funnels(shop: Shop) -> None:
    for row in shop.traffic:
        assert row["minutes"] == 5
        assert row["orders"] == row["checkouts_completed"] <= row["checkouts_started"] <= row["sessions"]
        assert row["sessions"] > 0
        assert row["page_ms_p75"] > 0
        assert datetime.fromisoformat(row["start"]) + timedelta(minutes=5) <= shop.end
    assert 6 <= len({tuple(row["segment"].values()) for row in shop.traffic}) <= 8
    assert 0.026 < len(shop.orders) / sum(row["sessions"] for row in shop.traffic) < 0.034


# --- what is planted --------------------------------------------------------------------------------------------


def funnel(rows: list[Any]) -> tuple[int, int, int]:
    names = ("sessions", "checkouts_started", "checkouts_completed")
    sessions, started, completed = (sum(row[name] for row in rows) for name in names)
    return sessions, started, completed


def split_by_fault(shop: Shop, fault: Fault) -> tuple[list[Any], list[Any]]:
    inside: list[Any] = []
    outside: list[Any] = []
    for row in shop.traffic:
        segment = (row["segment"]["device"], row["segment"]["browser"])
        if fault.segment in (None, segment):
            hit = fault.start <= datetime.fromisoformat(row["start"]) < fault.end
            (inside if hit else outside).append(row)
    return inside, outside


@pytest.mark.parametrize("seed", [4, 11])
def test_checkouts_collapse_in_the_planted_faults(seed: int) -> None:
    shop = generate(seed=seed, end=END)
    assert [fault.kind for fault in shop.truth.faults] == ["gateway_outage", "app_breaks_checkout"]
    for fault in shop.truth.faults:
        inside, outside = split_by_fault(shop, fault)
        sessions, started, completed = funnel(inside)
        base_sessions, base_started, base_completed = funnel(outside)
        assert sessions > 250
        assert completed / started < 0.35 * base_completed / base_started
        assert completed / sessions < 0.35 * base_completed / base_sessions
        assert sum(row["errors"] for row in inside) / sessions > 3 * (
            sum(row["errors"] for row in outside) / base_sessions
        )


def test_other_segments_stay_well_while_the_app_breaks_one(shop: Shop) -> None:
    app = shop.truth.faults[1]
    others = [
        row
        for row in shop.traffic
        if tuple(row["segment"].values()) != app.segment and app.start <= datetime.fromisoformat(row["start"]) < app.end
    ]
    _, started, completed = funnel(others)
    assert completed / started > 0.25


@given(hours=st.integers(0, 24 * 14), minutes=st.integers(0, 59))
@settings(max_examples=25, deadline=None)
def test_the_app_fault_is_fresh_and_over_whenever_the_data_ends(hours: int, minutes: int) -> None:
    end = END + timedelta(hours=hours, minutes=minutes)
    shop = generate(days=4, end=end)
    (app,) = shop.truth.faults
    assert timedelta(hours=12) <= shop.end - app.start <= timedelta(hours=36)
    assert app.end + timedelta(hours=1) <= shop.end
    assert app.segment == ("mobile", "safari")


def test_the_gateway_outage_lies_about_three_weeks_back(shop: Shop) -> None:
    outage = shop.truth.faults[0]
    assert timedelta(days=18) < shop.end - outage.start < timedelta(days=28)
    assert outage.end - outage.start == timedelta(minutes=65)


def test_culprits_stand_in_the_change_log_just_before_their_fault(shop: Shop) -> None:
    assert len(shop.changes) >= 12
    for fault in shop.truth.faults:
        before = [c for c in shop.changes if datetime.fromisoformat(c["at"]) <= fault.start]
        assert before[-1]["name"] == fault.culprit
        assert fault.start - datetime.fromisoformat(before[-1]["at"]) <= timedelta(minutes=15)
    names = {change["name"] for change in shop.changes}
    assert len(names - {fault.culprit for fault in shop.truth.faults}) >= 8


def goods_margin(shop: Shop, orders: list[Order]) -> Decimal:
    net = goods = Decimal(0)
    for order in orders:
        included = dec(order["total_tax"]) if order["taxes_included"] else Decimal(0)
        net += dec(order["subtotal_price"]) - included
        for item in order["line_items"]:
            history = shop.costs["cogs"][item["sku"]]
            goods += dec([r["cost"] for r in history if r["from"] <= order["created_at"][:10]][-1]) * item["quantity"]
    return (net - goods) / net


def test_margin_falls_from_the_stated_day(shop: Shop) -> None:
    drop = shop.truth.margin_drop
    assert drop is not None
    day = drop.day.isoformat()
    after = [order for order in shop.orders if order["created_at"][:10] >= day]
    before = [order for order in shop.orders if order["created_at"][:10] < day]
    assert goods_margin(shop, after) < goods_margin(shop, before) - Decimal("0.05")
    codes = Counter(code["code"] for order in after for code in order["discount_codes"])
    assert 0.28 < codes[drop.discount_code] / len(after) < 0.48
    assert not any(code["code"] == drop.discount_code for order in before for code in order["discount_codes"])
    raised = {sku for sku, history in shop.costs["cogs"].items() if history[-1]["from"] == day}
    assert raised == set(drop.skus)


def test_nothing_is_claimed_to_be_planted_before_the_first_day() -> None:
    day = generate(days=1, end=END)
    assert day.truth.margin_drop is None
    assert day.truth.campaign is None
    assert all(datetime.fromisoformat(change["at"]) <= day.end for change in day.changes)


# --- nobody real ------------------------------------------------------------------------------------------------


def test_mail_addresses_are_below_example_com_only(shop: Shop) -> None:
    text = files.orders_json(shop).decode()
    found = re.findall(r"[\w.+-]+@[\w.-]+", text)
    assert found
    assert all(address.endswith("@example.com") for address in found)
    assert shop.domain.endswith(".example.com")
    assert not re.search(r'"phone":"', text)


# --- files and webhooks -----------------------------------------------------------------------------------------


def test_csv_holds_the_same_orders_as_the_json(shop: Shop) -> None:
    day = shop.first_day + timedelta(days=3)
    orders = json.loads(files.orders_json(shop, day))["orders"]
    rows = list(csv.DictReader(io.StringIO(order_csv.write(orders).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(COLUMNS) == len(set(COLUMNS)) == 79
    assert orders
    by_name: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_name[row["Name"]].append(row)
    assert set(by_name) == {order["name"] for order in orders}
    for order in orders:
        first, *rest = by_name[order["name"]]
        assert [row["Lineitem sku"] for row in (first, *rest)] == [item["sku"] for item in order["line_items"]]
        assert (first["Total"], first["Taxes"]) == (order["total_price"], order["total_tax"])
        assert datetime.fromisoformat(first["Created at"]) == datetime.fromisoformat(order["created_at"])
        assert dec(first["Refunded Amount"]) == dec(order["total_price"]) - dec(order["current_total_price"])
        assert all(row["Total"] == row["Currency"] == row["Id"] == "" for row in rest)


def test_all_days_together_are_all_orders(shop: Shop) -> None:
    assert json.loads(files.orders_json(shop))["orders"] == list(shop.orders)


def test_webhook_is_signed_over_its_raw_body(shop: Shop) -> None:
    refunded = next(n for n, order in enumerate(shop.orders) if order["refunds"])
    headers, body = files.order_webhook(shop, refunded, secret="open sesame")
    expected = base64.b64encode(hmac.new(b"open sesame", body, hashlib.sha256).digest()).decode()
    assert headers["X-Shopify-Hmac-Sha256"] == expected
    assert headers["X-Shopify-Topic"] == "orders/create"
    assert headers["X-Shopify-Shop-Domain"] == shop.domain
    order = json.loads(body)
    assert order["name"] == shop.orders[refunded]["name"]
    assert (order["refunds"], order["financial_status"]) == ([], "paid")
    check_refunds(order)
    assert shop.orders[refunded]["refunds"], "the shop itself is left alone"


def test_webhook_id_is_the_same_for_the_same_order_only(shop: Shop) -> None:
    ids = [files.order_webhook(shop, n, secret="s")[0]["X-Shopify-Webhook-Id"] for n in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]


def test_webhook_of_an_order_that_does_not_exist(shop: Shop) -> None:
    for n in (-1, len(shop.orders)):
        with pytest.raises(NotFound):
            files.order_webhook(shop, n, secret="s")


def test_tracked_sample_matches_the_generator() -> None:
    made = files.sample_files()
    for name, content in made.items():
        assert (files.SAMPLE_FOLDER / name).read_bytes() == content, f"run python -m ionflux_core.demo.files for {name}"


def test_tracked_sample_shows_every_case() -> None:
    orders = json.loads((files.SAMPLE_FOLDER / "orders.json").read_text())["orders"]
    assert len(orders) == 20
    assert {order["financial_status"] for order in orders} == {"paid", "refunded", "partially_refunded"}
    assert {order["presentment_currency"] for order in orders} == {"USD", "EUR", "GBP"}
    assert any(len(order["line_items"]) > 1 for order in orders)
    assert any(order["discount_codes"] for order in orders)
