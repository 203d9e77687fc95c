"""Contribution margins: of one order, and of any sum of orders.

    net revenue  = items after discounts and refunds, without tax (+ shipping income when the setting includes it)
    gross margin = net revenue - cost of goods - payment fees - shipping
    net margin   = gross margin - marketing - app share

Everything is counted on the day the order was placed; a later refund changes that day. A sum that holds one order
with an unknown cost has no margin; `known_costs` beside it tells the margin of the orders that are complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from typing import Any, Literal
from zoneinfo import ZoneInfo

from .costs import CostBook, CostSettings, Rate
from .money import convert, rounded, split, to_major, to_minor
from .orders import Line, Order

FeeBase = Literal["charged", "net_items"]
ShippingIncome = Literal["include", "exclude"]
NO_PRODUCT = "(no product)"


@dataclass(slots=True)
class Tally:
    """Sums of orders in minor units of the reporting currency; `unknown` counts orders with an unknown cost of goods.

    sales - discounts - refunds + shipping_income = net_revenue, always. The `known_` fields sum complete orders only.
    """

    orders: int = 0
    cancelled: int = 0
    unknown: int = 0
    units: int = 0
    known_units: int = 0
    refund_orders: int = 0
    sales: int = 0
    discounts: int = 0
    refunds: int = 0
    shipping_income: int = 0
    net_revenue: int = 0
    cogs: int = 0
    fees: int = 0
    shipping_cost: int = 0
    marketing: int = 0
    app_share: int = 0
    known_orders: int = 0
    known_revenue: int = 0
    known_gross: int = 0
    known_net: int = 0

    def add(self, other: Tally) -> None:
        """Add another sum to this one."""
        for name in FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def to_row(self) -> list[int]:
        """The sums as a plain list, in the order of the fields."""
        return list(_ROW(self))

    @staticmethod
    def from_rows(rows: Iterable[Iterable[int]]) -> Tally:
        """The sum of what `to_row` wrote; zeros for no rows."""
        return Tally(*map(sum, zip(*rows, strict=True)))

    @property
    def gross(self) -> int | None:
        """Gross contribution margin; None while a cost of goods is unknown."""
        return None if self.unknown else self.net_revenue - self.cogs - self.fees - self.shipping_cost

    @property
    def net(self) -> int | None:
        """Net contribution margin; None while a cost of goods is unknown."""
        gross = self.gross
        return None if gross is None else gross - self.marketing - self.app_share

    @property
    def net_pct(self) -> Decimal | None:
        """Net margin in percent of net revenue; None without revenue or with an unknown cost."""
        return percent(self.net, self.net_revenue)

    @property
    def completeness(self) -> Decimal | None:
        """Percent of the units sold whose cost of goods is known; None without units."""
        return percent(self.known_units, self.units)

    def close(self) -> None:
        """Fill the `known_` sums of a single order or product from its own costs."""
        if self.unknown:
            return
        self.known_orders = self.orders + self.cancelled
        self.known_revenue, self.known_gross, self.known_net = self.net_revenue, self.gross or 0, self.net or 0


FIELDS = tuple(f.name for f in fields(Tally))
_ROW = attrgetter(*FIELDS)


@dataclass(frozen=True, slots=True)
class OrderMargin:
    """What one order contributed. Without a rate `total` is None and the order is in no sum."""

    order_id: str
    name: str
    day: str
    total: Tally | None
    products: dict[str, Tally]
    titles: dict[str, str]
    missing: tuple[str, ...]
    skip: str | None
    currency: str
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class MarginRules:
    """The settings that margins depend on."""

    currency: str
    zone: ZoneInfo
    fee_base: FeeBase = "charged"
    shipping_income: ShippingIncome = "include"

    def day_of(self, moment: datetime) -> str:
        """The business day of a moment, in the workspace's time zone."""
        return moment.astimezone(self.zone).date().isoformat()


def percent(part: int | None, whole: int) -> Decimal | None:
    """Part of the whole in percent with two decimals; None when it has no meaning."""
    if part is None or whole <= 0:
        return None
    return (Decimal(part) * 100 / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)


def order_margin(order: Order, book: CostBook, rules: MarginRules, kept_rate: Rate | None = None) -> OrderMargin:
    """The margin of one order with the costs of its day; `kept_rate` is the rate it was first counted with."""
    day = rules.day_of(order.placed_at)
    rate = kept_rate if kept_rate and kept_rate.source == order.currency else book.rate(order.currency, day)
    if order.skip or rate is None:
        return OrderMargin(order.id, order.name, day, None, {}, {}, (), order.skip, order.currency, rate)
    settings = book.settings(day)
    money = _Money(order.currency, rules.currency, rate.rate)
    products: dict[str, Tally] = {}
    titles: dict[str, str] = {}
    missing: dict[str, None] = {}
    for line in order.lines:
        tally = products.setdefault(line.key, Tally())
        titles[line.key] = line.title
        if not _add_line(tally, line, order, book, day, money):
            missing[line.key] = None
    if not products:
        products[NO_PRODUCT], titles[NO_PRODUCT] = Tally(), "Orders without line items"
    _share(list(products.values()), order, settings, rules, money)
    for key, tally in products.items():
        tally.unknown = int(key in missing)
        tally.close()
    total = _total(products.values(), order, bool(missing))
    return OrderMargin(order.id, order.name, day, total, products, titles, tuple(missing), None, order.currency, rate)


@dataclass(frozen=True, slots=True)
class _Money:
    source: str
    target: str
    rate: Decimal

    def __call__(self, minor: int) -> int:
        same = self.source == self.target and self.rate == 1
        return minor if same or not minor else convert(minor, self.source, self.target, self.rate)


def _add_line(tally: Tally, line: Line, order: Order, book: CostBook, day: str, money: _Money) -> bool:
    """Add a line's own figures; False when its cost of goods is unknown."""
    net, refunded = money(line.net), money(line.refunded)
    tally.discounts += money(line.discount)
    tally.sales += net + money(line.discount)
    tally.refunds += net if order.cancelled else refunded
    kept = 0 if order.cancelled and not order.fulfilled else line.kept
    units = 0 if line.gift_card or order.cancelled else line.quantity
    tally.units += units
    if line.gift_card or kept == 0:
        tally.known_units += units
        return True
    cost = book.unit_cost(line.key, line.variant, day)
    if cost is None:
        return False
    tally.cogs += rounded(cost * kept)
    tally.known_units += units
    return True


def _share(tallies: list[Tally], order: Order, settings: CostSettings, rules: MarginRules, money: _Money) -> None:
    """Split what belongs to the whole order over its products by sales (by units when nothing was charged)."""
    weights = [t.sales - t.discounts for t in tallies]
    if not any(weights):
        weights = [t.units for t in tallies]
    income = money(order.shipping) if rules.shipping_income == "include" else 0
    back = money(order.other_refunded)
    if rules.shipping_income == "include":
        back += income if order.cancelled else money(order.shipping_refunded)
    if order.cancelled:
        back = income
    unshipped = not order.needs_shipping or (order.cancelled and not order.fulfilled)
    units = sum(line.quantity for line in order.lines)
    shared = {
        "shipping_income": income,
        "refunds": back,
        "fees": _fee(order, settings, rules, money, sum(t.sales - t.discounts for t in tallies)),
        "shipping_cost": 0 if unshipped else settings.shipping(units, order.destination, rules.currency),
        "marketing": to_minor(settings.get("marketing_cost_per_order"), rules.currency),
        "app_share": settings.app_share(rules.currency),
    }
    for name, amount in shared.items():
        for tally, part in zip(tallies, split(amount, weights), strict=True):
            setattr(tally, name, getattr(tally, name) + part)
    for tally in tallies:
        tally.net_revenue = tally.sales - tally.discounts - tally.refunds + tally.shipping_income
        tally.orders, tally.cancelled = int(not order.cancelled), int(order.cancelled)
        tally.refund_orders = int(order.refunds > 0 and not order.cancelled)


def _fee(order: Order, settings: CostSettings, rules: MarginRules, money: _Money, net_items: int) -> int:
    """What the gateway kept: its own report when there is one; it keeps its fee when money goes back."""
    if order.fees is not None:
        return money(order.fees)
    if order.cancelled and not order.was_charged:
        return 0
    return settings.fee(money(order.charged) if rules.fee_base == "charged" else net_items, rules.currency)


def _total(products: Iterable[Tally], order: Order, unknown: bool) -> Tally:
    total = Tally()
    for tally in products:
        total.add(tally)
    total.orders, total.cancelled = int(not order.cancelled), int(order.cancelled)
    total.refund_orders = int(order.refunds > 0 and not order.cancelled)
    total.unknown = int(unknown)
    total.known_orders = total.known_revenue = total.known_gross = total.known_net = 0
    total.close()
    return total


def roll_up(days: Mapping[str, Tally], by: Literal["day", "week", "month"]) -> dict[str, Tally]:
    """Sums per day, ISO week (`2026-W47`) or month (`2026-11`), by name of the period."""
    periods: dict[str, Tally] = {}
    for day in sorted(days):
        periods.setdefault(period_of(day, by), Tally()).add(days[day])
    return periods


def period_of(day: str, by: Literal["day", "week", "month"]) -> str:
    """The name of the period a day lies in."""
    if by == "week":
        year, week, _ = date.fromisoformat(day).isocalendar()
        return f"{year}-W{week:02d}"
    return day[:7] if by == "month" else day


def break_even(total: Tally, fixed_minor: int, currency: str) -> dict[str, Any]:
    """Orders and revenue per month at which fixed costs are covered, at the margins of this sum (closed form).

    orders = fixed costs / net margin per order, rounded up; revenue = fixed costs / net margin ratio.
    """
    net = total.net
    if fixed_minor <= 0:
        return {"not_computed": "no fixed_costs_per_month was entered in manual_cost_inputs"}
    if net is None:
        return {"not_computed": "the cost of goods of some orders is unknown"}
    if not total.orders or net <= 0 or total.net_revenue <= 0:
        return {"not_computed": "orders do not leave a positive margin, so no number of them covers the fixed costs"}
    revenue = rounded(Decimal(fixed_minor) * total.net_revenue / net)
    return {
        "fixed_costs_per_month": float(to_major(fixed_minor, currency)),
        "orders_per_month": -(-fixed_minor * total.orders // net),
        "revenue_per_month": float(to_major(revenue, currency)),
    }
