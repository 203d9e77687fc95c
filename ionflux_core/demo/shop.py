"""The whole demo shop, made from a seed: the same seed, length and end give the same shop, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

from ionflux_core.demo import catalogue, traffic
from ionflux_core.demo.catalogue import CATALOGUE, OFFSET, Variant
from ionflux_core.demo.costs import cost_inputs
from ionflux_core.demo.orders import FIRST_ORDER_NUMBER, GATEWAYS, ORDER_ID_BASE, Order, build, fulfil
from ionflux_core.demo.people import Crowd, Person, person_of
from ionflux_core.demo.pricing import Basket, Priced, price, rate_table
from ionflux_core.demo.refunds import refund
from ionflux_core.demo.truth import CAMPAIGN_CODE, Period, Truth, change_log, plant
from ionflux_core.errors import Invalid

MAX_DAYS: Final = 400
_POPULARITY: Final = tuple(accumulate(variant.popularity for variant in CATALOGUE))
_BASKET_SIZES: Final = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
_REFUND_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Shop:
    """A generated shop; orders, traffic and changes are plain JSON values in the order of time.

    `orders` have the shape of Shopify's REST Admin API. `traffic` holds a row for each five-minute window and segment
    with at least one session; each order is counted in exactly one row. `costs` is the Revenue Tracker's
    `manual_cost_inputs`; `fx_rates` gives {currency: {local day: shop currency for one unit}}, one entry per change.
    `truth` is what the data hides.
    """

    name: str
    domain: str
    currency: str
    timezone: str
    seed: int
    first_day: date
    end: datetime
    catalogue: tuple[Variant, ...]
    orders: tuple[Order, ...]
    costs: Mapping[str, Any]
    fx_rates: Mapping[str, Mapping[str, str]]
    traffic: tuple[Mapping[str, Any], ...]
    changes: tuple[Mapping[str, Any], ...]
    truth: Truth


def generate(*, seed: int = 4, days: int = 60, end: datetime) -> Shop:
    """A shop with `days` of history before `end`; Invalid when `end` has no time zone or `days` is out of range.

    Pure: no clock, no files, no network. Sixty days are meant to stay below 1.5 seconds of one core.
    """
    period = _period(days, end)
    truth = plant(period)
    visits = traffic.simulate(_stream(seed, "visits"), period, truth)
    rng, crowd = _stream(seed, "orders"), Crowd(_stream(seed, "people"))
    after_sale = _stream(seed, "after sale")
    orders = []
    for n, (at, window) in enumerate(visits.purchases):
        basket = _basket(rng, crowd.next(), at, truth)
        order, priced = _order(rng, FIRST_ORDER_NUMBER + n, at, basket, window.habit.segment, ORDER_ID_BASE + 977 * n)
        window.revenue_minor += priced.shop.total
        _after_sale(after_sale, order, priced, at, period.end)
        orders.append(order)
    return Shop(
        name=catalogue.SHOP_NAME,
        domain=catalogue.SHOP_DOMAIN,
        currency=catalogue.CURRENCY,
        timezone=catalogue.TIMEZONE,
        seed=seed,
        first_day=period.first,
        end=period.end,
        catalogue=CATALOGUE,
        orders=tuple(orders),
        costs=cost_inputs(period, truth, len(orders)),
        fx_rates=rate_table(period.days),
        traffic=traffic.window_rows(_stream(seed, "pages"), visits, truth),
        changes=change_log(period, truth),
        truth=truth,
    )


def new_order(shop: Shop, *, at: datetime, seed: int, min_total_minor: int = 0) -> Order:
    """A fresh, paid order placed at `at`, numbered after the shop's last; the same arguments give the same order.

    The basket doubles until the customer pays at least `min_total_minor` (minor units of the shop's currency).
    """
    if at.tzinfo is None:
        raise Invalid("The time of the order has no time zone.", hint="Give a time with its zone, such as UTC.")
    moment = at.astimezone(UTC).isoformat()
    rng = _stream(seed, f"new order {moment}")
    digest = hashlib.sha256(f"{shop.seed}|{seed}|{moment}".encode()).digest()
    person = person_of(rng, 100_000 + int.from_bytes(digest[:2], "big"))
    basket = _basket(rng, person, at, shop.truth)
    day = at.astimezone(OFFSET).date()
    while price(basket, day).shop.total < min_total_minor:
        lines = tuple((variant, quantity * 2) for variant, quantity in basket.lines)
        basket = Basket(person, lines, basket.code, basket.percent)
    habit = rng.choices(traffic.HABITS, [habit.share for habit in traffic.HABITS])[0]
    # Far above the ids of the shop's own orders, and different for each seed and moment.
    order_id = ORDER_ID_BASE + 1_000_000_000 + int.from_bytes(digest[2:7], "big") % 10**11
    order, _ = _order(rng, FIRST_ORDER_NUMBER + len(shop.orders), at, basket, habit.segment, order_id)
    return order


def _period(days: int, end: datetime) -> Period:
    if end.tzinfo is None:
        raise Invalid("The end of the demo data has no time zone.", hint="Give a time with its zone, such as UTC.")
    if not 1 <= days <= MAX_DAYS:
        raise Invalid(f"Demo data cannot cover {days} days.", hint=f"Choose between 1 and {MAX_DAYS} days.")
    stop = end.astimezone(OFFSET).replace(second=0, microsecond=0)
    stop -= timedelta(minutes=stop.minute % traffic.WINDOW_MINUTES)
    return Period(first=stop.date() - timedelta(days=days - 1), end=stop.astimezone(UTC))


def _stream(seed: int, purpose: str) -> Random:
    # One stream per purpose: a change in one part leaves the random numbers of the others as they were.
    return Random(f"{seed}/{purpose}")


def _basket(rng: Random, person: Person, at: datetime, truth: Truth) -> Basket:
    quantities: dict[Variant, int] = {}
    for _ in range(rng.choice(_BASKET_SIZES)):
        variant = rng.choices(CATALOGUE, cum_weights=_POPULARITY)[0]
        quantities[variant] = quantities.get(variant, 0) + (2 if rng.random() < 0.12 else 1)
    code, percent = _discount(rng, at, truth)
    return Basket(person, tuple(quantities.items()), code, percent)


def _discount(rng: Random, at: datetime, truth: Truth) -> tuple[str | None, int]:
    luck = rng.random()
    drop, day = truth.margin_drop, at.astimezone(OFFSET).date()
    if truth.campaign and truth.campaign[0] <= day <= truth.campaign[1]:
        return (CAMPAIGN_CODE, 15) if luck < 0.5 else (None, 0)
    if drop and day >= drop.day:
        return (drop.discount_code, drop.discount_percent) if luck < drop.discount_share else (None, 0)
    return ("WELCOME10", 10) if luck < 0.12 else (None, 0)


def _order(
    rng: Random, number: int, at: datetime, basket: Basket, segment: tuple[str, str], order_id: int
) -> tuple[Order, Priced]:
    priced = price(basket, at.astimezone(OFFSET).date())
    gateway = GATEWAYS[0] if rng.random() < 0.78 else GATEWAYS[1]
    return build(number, at, basket, priced, segment, gateway, order_id), priced


def _after_sale(rng: Random, order: Order, priced: Priced, at: datetime, end: datetime) -> None:
    shipped = at + timedelta(hours=rng.randint(5, 40))
    if shipped > end:
        return
    fulfil(order, shipped)
    returned = shipped + timedelta(days=rng.randint(3, 11), minutes=rng.randint(0, 600))
    if rng.random() > _REFUND_SHARE or returned > end:
        return
    bought = tuple(item["quantity"] for item in order["line_items"])
    if rng.random() < 0.4:
        refund(order, priced, bought, returned)
    elif sum(bought) > 1:
        refund(order, priced, (1, *(0 for _ in bought[1:])), returned)
