"""Margins, sums and the decomposition: the worked example to the cent, and what must always hold."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionflux_core.catalog.loader import Catalog
from ionflux_core.sdk import Invalid

Catalog([Path(__file__).parents[1]]).code("revenue_tracker")
costs = import_module("ionflux_agents.revenue_tracker.costs")
margins = import_module("ionflux_agents.revenue_tracker.margins")
variance = import_module("ionflux_agents.revenue_tracker.variance")
parse_order = import_module("ionflux_agents.revenue_tracker.orders").parse_order
Tally = margins.Tally

SHIRTS: dict[str, Any] = {
    "id": 1,
    "created_at": "2026-11-19T15:30:00-03:00",
    "currency": "BRL",
    "financial_status": "paid",
    "fulfillment_status": "fulfilled",
    "total_price": "110.00",
    "line_items": [{"id": 1, "sku": "TSHIRT", "title": "T-shirt", "quantity": 2, "price": "50.00"}],
    "shipping_lines": [{"price": "10.00"}],
}
COSTS: dict[str, Any] = {
    "cogs": {"TSHIRT": 15},
    "gateway_fee_percent": 2.9,
    "gateway_fee_fixed": 0.30,
    "shipping_cost_per_order": 10,
    "app_fees": 100,
    "orders_per_month": 200,
}


def work_out(raw: dict[str, Any], entered: Any = COSTS, rates: Any = None, currency: str = "BRL", **rules: Any) -> Any:
    cogs, per_order = costs.read_costs(entered, currency)
    book = costs.CostBook(currency, cogs, [per_order], costs.read_rates(rates, currency))
    return margins.order_margin(
        parse_order(raw), book, margins.MarginRules(currency, ZoneInfo("America/Sao_Paulo"), **rules)
    )


@pytest.mark.parametrize(
    ("fee_base", "shipping_income", "fees", "gross", "net"),
    [("charged", "include", 349, 6651, 6601), ("net_items", "exclude", 320, 5680, 5630)],
)
def test_worked_example_to_the_cent(fee_base: str, shipping_income: str, fees: int, gross: int, net: int) -> None:
    total = work_out(SHIRTS, fee_base=fee_base, shipping_income=shipping_income).total
    assert (total.fees, total.gross, total.net) == (fees, gross, net)


def test_missing_cost_of_goods_leaves_the_margin_empty_and_tells_how_much_is_known() -> None:
    mug = {"id": 2, "sku": "MUG", "title": "Mug", "quantity": 2, "price": "5.00"}
    found = work_out({**SHIRTS, "line_items": [*SHIRTS["line_items"], mug]})
    assert (found.total.gross, found.total.net, found.total.net_pct) == (None, None, None)
    assert (found.total.completeness, found.missing) == (Decimal("50.00"), ("MUG",))


def test_cost_of_goods_is_that_of_the_day_of_the_order() -> None:
    dated = {"TSHIRT": [{"from": "2026-01-01", "cost": 10}, {"from": "2026-11-19", "cost": 20}]}
    assert work_out(SHIRTS, {"cogs": dated}).total.cogs == 4000
    earlier = {**SHIRTS, "created_at": "2026-11-19T01:00:00Z"}
    assert work_out(earlier, {"cogs": dated}).total.cogs == 2000, "it is still the 18th in São Paulo"
    assert work_out({**SHIRTS, "created_at": "2025-05-05T12:00:00Z"}, {"cogs": dated}).total.net is None


def test_other_currency_is_converted_with_the_rate_of_its_day_never_a_later_one() -> None:
    euros = {**SHIRTS, "currency": "EUR"}
    rates = {"EUR": {"2026-11-01": "6.00", "2026-11-20": "9.00"}}
    found = work_out(euros, rates=rates)
    assert (found.total.net_revenue, found.rate.rate, found.rate.since) == (66000, Decimal("6.00"), "2026-11-01")
    assert work_out(euros, rates={"EUR": {"2026-11-20": "9.00"}}).total is None


def test_cost_in_another_currency_needs_a_rate_too() -> None:
    entered = {"cogs": {"TSHIRT": [{"cost": "3", "currency": "EUR"}]}}
    assert work_out(SHIRTS, entered, {"EUR": "6"}).total.cogs == 3600
    assert work_out(SHIRTS, entered).total.net is None


def test_currency_without_decimals() -> None:
    yen = {**SHIRTS, "currency": "JPY", "total_price": "11000", "shipping_lines": []}
    yen["line_items"] = [{"sku": "TSHIRT", "quantity": 1, "price": "11000"}]
    found = work_out(yen, {"cogs": {"TSHIRT": 4000}, "gateway_fee_percent": 3.6}, currency="JPY")
    assert (found.total.net_revenue, found.total.cogs, found.total.fees, found.total.net) == (11000, 4000, 396, 6604)


def test_full_refund_with_goods_back_costs_fee_shipping_and_apps() -> None:
    line = {"line_item_id": 1, "quantity": 2, "subtotal": "100.00", "restock_type": "return"}
    money = [{"kind": "refund", "status": "success", "amount": "110.00"}]
    total = work_out({**SHIRTS, "refunds": [{"id": 1, "refund_line_items": [line], "transactions": money}]}).total
    assert (total.net_revenue, total.cogs, total.net) == (0, 0, -349 - 1000 - 50)


def test_cancelled_order_before_it_left_costs_only_what_was_spent() -> None:
    raw = {**SHIRTS, "cancelled_at": "2026-11-19T20:00:00Z", "fulfillment_status": None}
    total = work_out(raw).total
    assert (total.orders, total.cancelled, total.net_revenue, total.cogs, total.shipping_cost) == (0, 1, 0, 0, 0)
    assert total.net == -349 - 50
    assert work_out({**raw, "financial_status": "pending"}).total.fees == 0


def test_fees_the_gateway_reported_win_over_the_model() -> None:
    assert work_out({**SHIRTS, "transactions": [{"fees": [{"amount": "4.10"}]}]}).total.fees == 410


def test_gift_cards_and_test_orders_are_no_sale() -> None:
    card = {**SHIRTS["line_items"][0], "gift_card": True}
    assert work_out({**SHIRTS, "line_items": [card], "shipping_lines": []}).total.net_revenue == 0
    assert work_out({**SHIRTS, "test": True}).total is None


@pytest.mark.parametrize(
    "entered",
    [
        {"cost": 5},
        {"cogs": {"A": -1}},
        {"cogs": {"A": "NaN"}},
        {"cogs": [{"cost": 1}]},
        {"cogs": {"A": {"from": "soon", "cost": 1}}},
        {"app_fees": 100},
        {"gateway_fee_percent": "much"},
        [],
        "text",
    ],
)
def test_bad_costs_are_refused_with_a_next_step(entered: Any) -> None:
    with pytest.raises(Invalid) as caught:
        costs.read_costs(entered, "EUR")
    assert caught.value.hint


def test_break_even_is_exact_and_never_made_up() -> None:
    total = work_out(SHIRTS).total
    found = margins.break_even(total, 100_000, "BRL")
    assert found["orders_per_month"] == 16, "1000.00 / 66.01 = 15.1 orders"
    assert found["revenue_per_month"] == pytest.approx(1666.41)
    assert "not_computed" in margins.break_even(total, 0, "BRL")
    assert "not_computed" in margins.break_even(Tally(), 100_000, "BRL")


FIGURES = st.integers(0, 10**7)
PRODUCT = st.builds(
    lambda u, s, d, r, i, *c: Tally(
        orders=1, units=u, known_units=u, sales=s, discounts=d, refunds=r, shipping_income=i, net_revenue=s - d - r + i,
        cogs=c[0], fees=c[1], shipping_cost=c[2], marketing=c[3], app_share=c[4],
    ),
    st.integers(0, 500), *[FIGURES] * 9,
)  # fmt: skip
PRODUCTS = st.dictionaries(st.sampled_from("ABCDE"), PRODUCT, max_size=5)


@given(PRODUCTS, PRODUCTS)
def test_decomposition_adds_up_to_the_unit(before: dict[str, Any], after: dict[str, Any]) -> None:
    parts = variance.decompose(before, after)
    change = sum(t.net for t in after.values()) - sum(t.net for t in before.values())
    assert parts.price + parts.volume + parts.mix + parts.cost == parts.change == change
    kinds = parts.by_kind
    assert parts.price == sum(kinds[k] for k in ("list_price", "discounts", "refunds", "shipping_income"))
    assert parts.cost == sum(kinds[k] for k in ("cogs", "fees", "shipping_cost", "marketing", "app_share"))


def test_decomposition_names_the_right_cause() -> None:
    base = {"A": Tally(units=10, sales=1000, net_revenue=1000, cogs=400)}
    twice = {"A": Tally(units=20, sales=2000, net_revenue=2000, cogs=800)}
    dearer = {"A": Tally(units=10, sales=1000, net_revenue=1000, cogs=500)}
    cheaper = {"A": Tally(units=10, sales=1000, discounts=300, net_revenue=700, cogs=400)}
    parts = [variance.decompose(base, other) for other in (twice, dearer, cheaper)]
    assert [(p.price, p.volume, p.mix, p.cost) for p in parts] == [(0, 600, 0, 0), (0, 0, 0, -100), (-300, 0, 0, 0)]
    good, poor = Tally(units=10, sales=1000, net_revenue=1000), Tally(units=10, sales=200, net_revenue=200)
    more = Tally(units=20, sales=400, net_revenue=400)
    shifted = variance.decompose({"A": good, "B": poor}, {"B": more})
    assert (shifted.price, shifted.volume, shifted.mix, shifted.cost) == (0, 0, -800, 0)


@st.composite
def an_order(draw: st.DrawFn) -> dict[str, Any]:
    items = draw(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 5), st.integers(0, 10_000)), max_size=4))
    total = sum(q * p for _, q, p in items) + 500
    return {
        "id": draw(st.integers(1, 10**6)),
        "created_at": f"2026-11-{draw(st.integers(1, 28)):02d}T{draw(st.integers(0, 23)):02d}:00:00Z",
        "currency": draw(st.sampled_from(["BRL", "EUR", "JPY"])).upper(),
        "total_price": str(total),
        "cancelled_at": draw(st.sampled_from([None, None, "2026-11-29T00:00:00Z"])),
        "line_items": [{"id": n, "sku": s, "quantity": q, "price": str(p)} for n, (s, q, p) in enumerate(items)],
        "shipping_lines": [{"price": "500"}],
        "refunds": draw(st.sampled_from([[], [{"id": 1, "transactions": [{"kind": "refund", "amount": "7"}]}]])),
    }


ENTERED = {**COSTS, "cogs": {"A": "3.333", "B": "0"}, "marketing_cost_per_order": "1.11"}


@settings(max_examples=60)
@given(st.lists(an_order(), max_size=12))
def test_sums_of_orders_products_days_weeks_and_months_agree(raws: list[dict[str, Any]]) -> None:
    found = [work_out(raw, ENTERED, {"EUR": "6.1234", "JPY": "0.0371"}) for raw in raws]
    days: dict[str, Any] = {}
    total, by_product = Tally(), Tally()
    for margin in found:
        days.setdefault(margin.day, Tally()).add(margin.total)
        total.add(margin.total)
        for tally in margin.products.values():
            by_product.add(tally)
    for by in ("day", "week", "month"):
        rolled = Tally()
        for tally in margins.roll_up(days, by).values():
            rolled.add(tally)
        assert rolled == total
    for name in ("units", "sales", "discounts", "refunds", "net_revenue", "cogs", "fees", "shipping_cost", "marketing"):
        assert getattr(by_product, name) == getattr(total, name), name
    assert total.sales - total.discounts - total.refunds + total.shipping_income == total.net_revenue


def series(*values: float) -> list[tuple[str, float]]:
    return [(f"day {n:03d}", value) for n, value in enumerate(values)]


def test_falling_margin_is_seen_and_noise_is_not() -> None:
    wave = [50 + (n * 7 % 5 - 2) * 0.8 for n in range(42)]
    assert not variance.watch_margin(series(*wave)).falling
    watch = variance.watch_margin(series(*wave[:36], *[value - 6 for value in wave[36:]]))
    assert watch.falling and watch.since in ("day 035", "day 036") and set(watch.detectors) == {"cusum", "ewma"}
    assert not variance.watch_margin(series(*wave[:36], *[value + 6 for value in wave[36:]])).falling
    assert variance.watch_margin(series(*wave[:23])) is None
