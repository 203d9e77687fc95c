"""What came back of an order: money without tax, units returned to stock, shipping, and the rest.

The money really paid back (successful transactions) is the truth when it is known; the refund lines say which
product it belongs to, and what they do not explain stands as `other`. Since version 2024-10 Shopify lists refunded
shipping as `refund_shipping_lines`, before that as an adjustment of kind `shipping_refund`; both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .money import OrderInvalid
from .reader import Reader

_RETURNED = frozenset({"return", "cancel", "legacy_restock"})


@dataclass(slots=True)
class Refunded:
    """Sums over all refunds of an order; `lines` maps a line id to [units back in stock, net amount]."""

    lines: dict[str, list[int]] = field(default_factory=dict)
    shipping: int = 0
    other: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    net: int
    tax: int


def read_refunds(raw: Mapping[str, Any], read: Reader, included: bool, charged: int) -> Refunded:
    """All refunds of an order in minor units; `included` says that prices contain tax."""
    found = Refunded()
    seen: set[str] = set()
    tax = read.amount(raw, "total_tax") or 0
    for row in read.rows(raw, "refunds"):
        refund_id = str(row.get("id") or "")
        if refund_id and refund_id in seen:
            continue
        seen.add(refund_id)
        _add(found, row, read, included, tax_share=(tax, charged))
    return found


def _add(found: Refunded, row: Mapping[str, Any], read: Reader, included: bool, tax_share: tuple[int, int]) -> None:
    lines = _refund_lines(found, row, read, included)
    shipping = _refund_shipping(row, read, included)
    adjusted = _adjustments(row, read, "refund_discrepancy")
    paid = _paid_back(row, read)
    found.count += 1
    found.shipping += shipping.net
    if paid is None:
        found.other += adjusted.net
        return
    explained = bool(row.get("refund_line_items") or row.get("order_adjustments") or row.get("refund_shipping_lines"))
    tax, charged = tax_share
    # Money alone says nothing about its tax: it then holds the same share of tax as the whole order.
    back = lines.tax + shipping.tax + adjusted.tax if explained else (paid * tax // charged if charged else 0)
    found.other += paid - back - lines.net - shipping.net


def _refund_lines(found: Refunded, row: Mapping[str, Any], read: Reader, included: bool) -> _Part:
    net_sum = tax_sum = 0
    for line in read.rows(row, "refund_line_items"):
        subtotal = read.amount(line, "subtotal", "refund line: ") or 0
        tax = read.amount(line, "total_tax", "refund line: ") or 0
        net = max(subtotal - tax, 0) if included else subtotal
        units = read.count(line, "quantity", "refund line: ")
        entry = found.lines.setdefault(str(line.get("line_item_id") or ""), [0, 0])
        entry[0] += units if str(line.get("restock_type")) in _RETURNED else 0
        entry[1] += net
        net_sum, tax_sum = net_sum + net, tax_sum + tax
    return _Part(net_sum, tax_sum)


def _refund_shipping(row: Mapping[str, Any], read: Reader, included: bool) -> _Part:
    older = _adjustments(row, read, "shipping_refund")
    net = tax = 0
    for line in read.rows(row, "refund_shipping_lines"):
        subtotal = read.amount(line, "subtotal_amount_set", "refunded shipping: ") or 0
        inside = read.amount(line, "tax_amount_set", "refunded shipping: ") or 0
        net, tax = net + (max(subtotal - inside, 0) if included else subtotal), tax + inside
    return _Part(older.net + net, older.tax + tax)


def _adjustments(row: Mapping[str, Any], read: Reader, kind: str) -> _Part:
    """Shopify writes what went back to the customer below zero; here it counts above."""
    net = tax = 0
    for line in read.rows(row, "order_adjustments"):
        if line.get("kind") == kind:
            net -= read.amount(line, "amount", "adjustment: ", signed=True) or 0
            tax -= read.amount(line, "tax_amount", "adjustment: ", signed=True) or 0
    return _Part(net, tax)


def _paid_back(row: Mapping[str, Any], read: Reader) -> int | None:
    """Money paid back in the shop's currency; None when no payment is recorded or it was in another currency."""
    payments = [
        line
        for line in read.rows(row, "transactions")
        if line.get("kind") == "refund" and line.get("status", "success") == "success"
    ]
    if not payments:
        return None
    if any("amount_set" not in line and line.get("currency", read.currency) != read.currency for line in payments):
        if row.get("refund_line_items") or row.get("order_adjustments"):
            return None
        raise OrderInvalid(
            f"{read.label}: a refund was paid in another currency, its amount in {read.currency} is missing.",
            hint="Send the refund with amount_set, as Shopify writes it for shops with several currencies.",
        )
    return read.total(payments, "amount", "refund payment: ")
