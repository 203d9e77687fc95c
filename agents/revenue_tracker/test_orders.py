"""Reading Shopify orders: exact money, refunds, taxes, currencies, and what is refused."""

from __future__ import annotations

import copy
import math
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.catalog.loader import Catalog

Catalog([Path(__file__).parents[1]]).code("revenue_tracker")
money = import_module("ionflux_agents.revenue_tracker.money")
orders = import_module("ionflux_agents.revenue_tracker.orders")
parse = orders.parse_order

ORDER: dict[str, Any] = {
    "id": 1001,
    "created_at": "2026-11-19T15:30:00-03:00",
    "currency": "EUR",
    "financial_status": "paid",
    "total_price": "110.00",
    "total_tax": "0.00",
    "line_items": [
        {"id": 1, "sku": "A", "title": "Tee", "quantity": 2, "price": "30.00"},
        {"id": 2, "sku": "B", "title": "Mug", "quantity": 1, "price": "40.00"},
    ],
    "shipping_lines": [{"price": "10.00"}],
}


def order(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ORDER), **changes}


def refund(**parts: Any) -> dict[str, Any]:
    return {"id": 7, "created_at": "2026-11-20T10:00:00Z", **parts}


def paid_back(amount: str, **more: Any) -> list[dict[str, Any]]:
    return [{"kind": "refund", "status": "success", "amount": amount, **more}]


def test_plain_order_is_read_in_minor_units() -> None:
    read = parse(order())
    assert [line.net for line in read.lines] == [6000, 4000]
    assert (read.shipping, read.charged, read.currency, read.skip) == (1000, 11000, "EUR", None)


def test_order_discount_without_allocations_is_split_by_price_and_adds_up() -> None:
    read = parse(order(total_discounts="10.01", total_price="99.99"))
    assert sum(line.discount for line in read.lines) == 1001
    assert [line.discount for line in read.lines] == [601, 400]


def test_discount_allocations_count_instead_of_the_order_discount() -> None:
    raw = order(total_discounts="5.00", total_price="105.00")
    raw["line_items"][1]["discount_allocations"] = [{"amount": "5.00"}]
    assert [line.discount for line in parse(raw).lines] == [0, 500]


def test_included_taxes_are_no_revenue() -> None:
    raw = order(taxes_included=True, total_tax="20.00")
    raw["line_items"][0]["tax_lines"] = [{"price": "10.00"}]
    raw["line_items"][1]["tax_lines"] = [{"price": "8.00"}]
    raw["shipping_lines"][0]["tax_lines"] = [{"price": "2.00"}]
    read = parse(raw)
    assert ([line.net for line in read.lines], read.shipping) == ([5000, 3200], 800)


def test_included_tax_without_tax_lines_is_split_by_price() -> None:
    read = parse(order(taxes_included=True, total_tax="11.00"))
    assert sum(line.net for line in read.lines) + read.shipping == 9900


def test_partial_refund_with_restock_returns_one_unit() -> None:
    lines = [{"line_item_id": 1, "quantity": 1, "subtotal": 30.0, "total_tax": 0, "restock_type": "return"}]
    read = parse(order(refunds=[refund(refund_line_items=lines, transactions=paid_back("30.00"))]))
    assert (read.lines[0].refunded, read.lines[0].kept, read.other_refunded) == (3000, 1, 0)


def test_refund_without_restock_keeps_the_goods_spent() -> None:
    lines = [{"line_item_id": 1, "quantity": 2, "subtotal": "60.00", "restock_type": "no_restock"}]
    assert parse(order(refunds=[refund(refund_line_items=lines)])).lines[0].kept == 2


def test_money_really_paid_back_wins_over_the_refund_lines() -> None:
    lines = [{"line_item_id": 1, "quantity": 2, "subtotal": "60.00", "restock_type": "return"}]
    kept = [{"kind": "refund_discrepancy", "amount": "5.00", "tax_amount": "0.00"}]
    read = parse(order(refunds=[refund(refund_line_items=lines, order_adjustments=kept, transactions=paid_back("55"))]))
    assert read.lines[0].refunded + read.shipping_refunded + read.other_refunded == 5500


def test_refunded_shipping_is_read_from_both_spellings() -> None:
    older = refund(order_adjustments=[{"kind": "shipping_refund", "amount": "-8.00", "tax_amount": "-2.00"}])
    shop = {"shop_money": {"amount": "8.00", "currency_code": "EUR"}}
    newer = refund(refund_shipping_lines=[{"subtotal_amount_set": shop}])
    assert parse(order(refunds=[older])).shipping_refunded == 800
    assert parse(order(refunds=[newer])).shipping_refunded == 800


def test_bare_refund_of_money_holds_its_share_of_tax() -> None:
    read = parse(order(total_tax="10.00", total_price="120.00", refunds=[refund(transactions=paid_back("60.00"))]))
    assert read.other_refunded == 5500


def test_failed_and_repeated_refunds_do_not_count() -> None:
    failed = refund(transactions=paid_back("60.00", status="failure"))
    assert parse(order(refunds=[failed])).other_refunded == 0
    twice = refund(transactions=paid_back("20.00"))
    assert parse(order(refunds=[twice, copy.deepcopy(twice)])).other_refunded == 2000


def test_presentment_money_is_kept_beside_the_shops() -> None:
    both = {
        "shop_money": {"amount": "110.00", "currency_code": "EUR"},
        "presentment_money": {"amount": "132.00", "currency_code": "USD"},
    }
    read = parse(order(total_price="132.00", total_price_set=both, presentment_currency="USD"))
    assert (read.charged, read.presentment_currency, read.presentment_rate) == (11000, "USD", Decimal("1.2"))


def test_refund_paid_in_another_currency_without_shop_money_is_refused() -> None:
    with pytest.raises(orders.OrderInvalid, match="another currency"):
        parse(order(refunds=[refund(transactions=paid_back("30.00", currency="USD"))]))


@pytest.mark.parametrize(("changes", "skip"), [({"test": True}, "test"), ({"financial_status": "voided"}, "voided")])
def test_orders_that_are_no_sale_say_why(changes: dict[str, Any], skip: str) -> None:
    assert parse(order(**changes)).skip == skip


def test_currencies_without_and_with_three_decimals() -> None:
    yen = order(currency="JPY", total_price="110", line_items=[{"quantity": 1, "price": "100"}])
    yen["shipping_lines"] = [{"price": "10.00"}]
    assert parse(yen).charged == 110
    assert parse(order(currency="KWD", total_price="1.234", line_items=[], shipping_lines=[])).charged == 1234


def broken(path: list[Any], value: Any) -> dict[str, Any]:
    raw: Any = order()
    place = raw
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    result: dict[str, Any] = raw
    return result


@pytest.mark.parametrize(
    ("path", "value", "error", "word"),
    [
        (["id"], ..., "FieldMissing", "no id"),
        (["currency"], ..., "FieldMissing", "currency"),
        (["line_items"], ..., "FieldMissing", "line_items"),
        (["total_price"], ..., "FieldMissing", "total_price"),
        (["line_items", 0, "price"], ..., "FieldMissing", "line 1 has no price"),
        (["line_items", 0, "quantity"], ..., "FieldMissing", "quantity"),
        (["line_items", 0, "price"], "-1.00", "AmountNegative", "negative"),
        (["line_items", 1, "quantity"], -1, "AmountNegative", "line 2"),
        (["line_items", 1, "quantity"], 1.5, "OrderInvalid", "whole number"),
        (["total_price"], "NaN", "AmountInvalid", "total_price"),
        (["total_price"], math.nan, "AmountInvalid", "total_price"),
        (["total_price"], math.inf, "AmountInvalid", "total_price"),
        (["total_price"], "1e999999", "AmountInvalid", "larger"),
        (["total_price"], "ten", "AmountInvalid", "no number"),
        (["total_price"], True, "AmountInvalid", "number"),
        (["total_price"], "10.005", "AmountInvalid", "decimals"),
        (["total_price"], {"a": 1}, "AmountInvalid", "number"),
        (["currency"], "XYZ", "CurrencyUnknown", "XYZ"),
        (["currency"], 5, "CurrencyUnknown", "5"),
        (["created_at"], "yesterday", "DateInvalid", "created_at"),
        (["created_at"], "2026-11-19T15:30:00", "DateInvalid", "offset"),
        (["line_items"], {"a": 1}, "OrderInvalid", "list"),
        (["line_items"], [1, 2], "OrderInvalid", "list"),
        (["total_discounts"], "500.00", "OrderInvalid", "below zero"),
        (["total_price_set"], {"shop_money": {"amount": "1", "currency_code": "USD"}}, "OrderInvalid", "same currency"),
    ],
)
def test_bad_order_is_refused_with_a_sentence_and_a_next_step(
    path: list[Any], value: Any, error: str, word: str
) -> None:
    with pytest.raises(getattr(money, error)) as caught:
        parse(broken(path, value))
    assert word in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("value", [None, 5, "text", [], [{}]])
def test_what_is_no_object_is_no_order(value: Any) -> None:
    with pytest.raises(orders.OrderInvalid):
        parse(value)


def test_ten_thousand_line_items_are_read_and_too_many_are_refused() -> None:
    items = [{"sku": f"S{n}", "quantity": 1, "price": "1.00"} for n in range(10_000)]
    assert sum(line.net for line in parse(order(line_items=items, shipping_lines=[])).lines) == 1_000_000
    with pytest.raises(orders.OrderInvalid, match="line items"):
        parse(order(line_items=items * 3))


ODD = st.sampled_from([None, True, -1, 1.5, "", "x", "NaN", math.inf, [], {}, [1], {"a": 1}, [None], 10**30, "-5"])
FULL = order(
    cancelled_at="2026-11-20T10:00:00Z",
    taxes_included=True,
    total_tax="1.00",
    total_discounts="1.00",
    transactions=[{"fees": [{"amount": "1.00"}]}],
    refunds=[
        refund(
            refund_line_items=[{"line_item_id": 1, "quantity": 1, "subtotal": "30.00", "restock_type": "return"}],
            order_adjustments=[{"kind": "shipping_refund", "amount": "-1.00"}],
            transactions=paid_back("31.00"),
        )
    ],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, part in inner for deeper in places(part, (*path, key)))]


@given(st.sampled_from([path for path in places(FULL) if path]), ODD)
def test_any_field_may_hold_anything_and_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    raw: Any = copy.deepcopy(FULL)
    place = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        parse(raw)
    except orders.OrderInvalid as error:
        assert error.hint


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), max_size=20))
def test_split_adds_up_and_follows_the_weights(total: int, weights: list[int]) -> None:
    parts = money.split(total, weights)
    assert sum(parts) == (total if weights else 0)
    if sum(weights):
        assert all(abs(part - total * w / sum(weights)) <= 1 for part, w in zip(parts, weights, strict=True))


@given(st.integers(0, 10**12), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_amounts_survive_text_and_back(minor: int, currency: str) -> None:
    assert money.read_minor(str(money.to_major(minor, currency)), currency, "amount") == minor
