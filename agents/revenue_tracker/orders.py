"""Shopify's order JSON (REST) as a frozen order with exact money.

All amounts are whole minor units of the shop's currency; `net` means after discounts and without tax. An amount is
read from its `..._set.shop_money` when there is one, else from the plain field, which Shopify gives in the shop's
currency too. What a customer paid in (presentment) is kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from .money import FieldMissing, OrderInvalid, known_currency, read_number, split
from .reader import Reader, identity, read_time
from .refunds import Refunded, read_refunds

MAX_LINES = 20_000
_NOT_SALES = {"voided": "voided", "expired": "expired"}
_NEVER_CHARGED = frozenset({"pending", "authorized", "expired", "voided"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line item. `key` names the product in every roll-up; `kept` counts units that did not come back to stock."""

    id: str
    key: str
    variant: str
    title: str
    quantity: int
    kept: int
    discount: int
    net: int
    refunded: int
    gift_card: bool


@dataclass(frozen=True, slots=True)
class Order:
    """An order in minor units of `currency`. `skip` says why it is no sale; `fees` are those the gateway reported."""

    id: str
    name: str
    placed_at: datetime
    updated_at: datetime
    currency: str
    presentment_currency: str
    presentment_rate: Decimal | None
    lines: tuple[Line, ...]
    shipping: int
    shipping_refunded: int
    other_refunded: int
    refunds: int
    tax: int
    tips: int
    charged: int
    fees: int | None
    skip: str | None
    cancelled: bool
    fulfilled: bool
    was_charged: bool
    needs_shipping: bool
    destination: str


def parse_order(raw: Any) -> Order:
    """A Shopify order as a typed order; a child of OrderInvalid names the field that is wrong."""
    if not isinstance(raw, Mapping):
        raise OrderInvalid("An order must be a JSON object.", hint="Send the order as Shopify wrote it.")
    order_id = identity(raw)
    label = f"Order {order_id}"
    for key in ("currency", "line_items", "total_price"):
        if raw.get(key) is None and not (key == "total_price" and raw.get("total_price_set")):
            raise FieldMissing(f"{label} has no {key}.", hint="Send the whole order as Shopify wrote it.")
    read = Reader(label, known_currency(raw["currency"], label))
    placed = read_time(raw.get("processed_at") or raw.get("created_at"), f"{label}: created_at")
    updated = read_time(raw["updated_at"], f"{label}: updated_at") if raw.get("updated_at") else placed
    return _build(raw, read, order_id, placed, updated)


def _build(raw: Mapping[str, Any], read: Reader, order_id: str, placed: datetime, updated: datetime) -> Order:
    included = bool(raw.get("taxes_included"))
    charged = read.amount(raw, "total_price") or 0
    refunded = read_refunds(raw, read, included, charged)
    shipping_rows, shipping = _shipping(raw, read)
    lines, shipping_net = _lines(raw, read, included, shipping_rows, shipping, refunded)
    status = str(raw.get("financial_status") or "")
    rate = _presentment_rate(raw, read)
    return Order(
        id=order_id,
        name=str(raw.get("name") or order_id)[:80],
        placed_at=placed,
        updated_at=updated,
        currency=read.currency,
        presentment_currency=_presentment(raw, read),
        presentment_rate=rate,
        lines=lines,
        shipping=shipping_net,
        shipping_refunded=refunded.shipping,
        other_refunded=refunded.other,
        refunds=refunded.count,
        tax=read.amount(raw, "total_tax") or 0,
        tips=read.amount(raw, "total_tip_received") or 0,
        charged=charged,
        fees=_reported_fees(raw, read),
        skip="test" if raw.get("test") is True else _NOT_SALES.get(status),
        cancelled=bool(raw.get("cancelled_at")),
        fulfilled=raw.get("fulfillment_status") in ("fulfilled", "partial"),
        was_charged=status not in _NEVER_CHARGED,
        needs_shipping=any(row.get("requires_shipping") is not False for row in raw["line_items"]),
        destination=_destination(raw),
    )


def _shipping(raw: Mapping[str, Any], read: Reader) -> tuple[list[Mapping[str, Any]], int]:
    """The shipping lines and what they cost the customer after discounts, as priced."""
    rows, total = read.rows(raw, "shipping_lines"), 0
    for row in rows:
        discounted = read.amount(row, "discounted_price", "shipping line: ")
        if discounted is None:
            price = read.amount(row, "price", "shipping line: ") or 0
            off = read.total(read.rows(row, "discount_allocations"), "amount", "shipping discount: ")
            discounted = max(price - off, 0)
        total += discounted
    return rows, total


def _lines(
    raw: Mapping[str, Any],
    read: Reader,
    included: bool,
    shipping_rows: list[Mapping[str, Any]],
    shipping: int,
    refunded: Refunded,
) -> tuple[tuple[Line, ...], int]:
    """The line items and the shipping income, both without tax."""
    rows = read.rows(raw, "line_items")
    if len(rows) > MAX_LINES:
        raise OrderInvalid(f"{read.label} has {len(rows)} line items.", hint=f"At most {MAX_LINES} are read.")
    quantities = [read.count(row, "quantity", f"line {n}: ") for n, row in enumerate(rows, 1)]
    listed = [
        _price(read, row, n) * quantity for n, (row, quantity) in enumerate(zip(rows, quantities, strict=True), 1)
    ]
    discounts = _discounts(raw, read, rows, listed)
    taxes, shipping_tax = [0] * len(rows), 0
    if included:
        priced = [amount - off for amount, off in zip(listed, discounts, strict=True)]
        taxes, shipping_tax = _included_taxes(raw, read, rows, shipping_rows, [*priced, shipping])
    lines = []
    for n, row in enumerate(rows):
        gift = row.get("gift_card") is True
        net = listed[n] - discounts[n] - taxes[n]
        if net < 0:
            raise OrderInvalid(
                f"{read.label}: line {n + 1} is discounted or taxed below zero.",
                hint="The discounts and taxes of a line cannot be more than its price.",
            )
        line_id = str(row.get("id") or f"#{n + 1}")
        back = refunded.lines.get(line_id)
        lines.append(_line(row, line_id, quantities[n], 0 if gift else discounts[n], 0 if gift else net, back, gift))
    return tuple(lines), shipping - shipping_tax


def _line(
    row: Mapping[str, Any], line_id: str, quantity: int, discount: int, net: int, back: list[int] | None, gift: bool
) -> Line:
    restocked, refunded = (min(back[0], quantity), 0 if gift else back[1]) if back else (0, 0)
    variant = str(row.get("variant_id") or "")
    title = str(row.get("title") or row.get("name") or row.get("sku") or "Untitled product")[:200]
    key = str(row.get("sku") or "").strip()[:120] or (f"variant:{variant}" if variant else f"title:{title}")
    return Line(line_id, key, variant, title, quantity, quantity - restocked, discount, net, refunded, gift)


def _price(read: Reader, row: Mapping[str, Any], n: int) -> int:
    price = read.amount(row, "price", f"line {n}: ")
    if price is None:
        raise FieldMissing(f"{read.label}: line {n} has no price.", hint="Send the order as Shopify wrote it.")
    return price


def _discounts(raw: Mapping[str, Any], read: Reader, rows: list[Mapping[str, Any]], listed: list[int]) -> list[int]:
    """What each line was reduced by; a discount of the whole order without allocations is split by price."""
    if any(row.get("discount_allocations") for row in rows):
        return [read.total(read.rows(row, "discount_allocations"), "amount", "discount: ") for row in rows]
    own = [read.amount(row, "total_discount", f"line {n}: ") or 0 for n, row in enumerate(rows, 1)]
    shipping = sum(
        read.total(read.rows(line, "discount_allocations"), "amount", "shipping discount: ")
        for line in read.rows(raw, "shipping_lines")
    )
    rest = (read.amount(raw, "total_discounts") or 0) - sum(own) - shipping
    if rest <= 0:
        return own
    room = [max(amount - off, 0) for amount, off in zip(listed, own, strict=True)]
    return [off + more for off, more in zip(own, split(rest, room), strict=True)]


def _included_taxes(
    raw: Mapping[str, Any],
    read: Reader,
    rows: list[Mapping[str, Any]],
    shipping_rows: list[Mapping[str, Any]],
    priced: list[int],
) -> tuple[list[int], int]:
    """The tax inside each line and inside shipping; without tax lines the order's tax is split by price."""
    if any(row.get("tax_lines") for row in (*rows, *shipping_rows)):
        taxes = [read.total(read.rows(row, "tax_lines"), "price", "tax: ") for row in rows]
        return taxes, sum(read.total(read.rows(row, "tax_lines"), "price", "shipping tax: ") for row in shipping_rows)
    *taxes, shipping_tax = split(read.amount(raw, "total_tax") or 0, priced)
    return taxes, shipping_tax


def _reported_fees(raw: Mapping[str, Any], read: Reader) -> int | None:
    """Fees the gateway itself reported with the transactions, or None when it reported none."""
    fees = [fee for row in read.rows(raw, "transactions") for fee in read.rows(row, "fees")]
    if not fees or any(fee.get("currency", read.currency) != read.currency for fee in fees):
        return None
    return read.total(fees, "amount", "fee: ")


def _presentment(raw: Mapping[str, Any], read: Reader) -> str:
    code = raw.get("presentment_currency")
    return known_currency(code, f"{read.label}: presentment_currency") if code else read.currency


def _presentment_rate(raw: Mapping[str, Any], read: Reader) -> Decimal | None:
    """How much of the presentment currency one unit of the shop's currency was, as charged."""
    money = raw.get("total_price_set")
    paid = money.get("presentment_money") if isinstance(money, Mapping) else None
    shop = money.get("shop_money") if isinstance(money, Mapping) else None
    if not isinstance(paid, Mapping) or not isinstance(shop, Mapping):
        return None
    theirs = read_number(paid.get("amount"), f"{read.label}: presentment total")
    ours = read_number(shop.get("amount"), f"{read.label}: total")
    return (theirs / ours).quantize(Decimal("1e-8")) if ours else None


def _destination(raw: Mapping[str, Any]) -> str:
    """`BR-CE`, `PT` or an empty text."""
    address = raw.get("shipping_address")
    if not isinstance(address, Mapping):
        return ""
    country, province = str(address.get("country_code") or ""), str(address.get("province_code") or "")
    return f"{country}-{province}".strip("-").upper()[:20]
