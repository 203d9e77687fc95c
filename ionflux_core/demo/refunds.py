"""Refunds of demo orders: everything with shipping, or a part of the lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ionflux_core.demo.catalogue import CURRENCY
from ionflux_core.demo.orders import Order, stamp
from ionflux_core.demo.pricing import Amounts, Priced, money_set, text

_REFUND_ID_SHIFT: Final = 400_000_000_000


@dataclass(frozen=True, slots=True)
class Returned:
    """What comes back in one currency, in minor units: per line after discount, its tax, its discount, and shipping."""

    net: tuple[int, ...]
    tax: tuple[int, ...]
    discount: int
    shipping: int
    shipping_tax: int
    taxes_included: bool

    @property
    def total(self) -> int:
        """What the customer gets back."""
        goods_and_shipping = sum(self.net) + self.shipping
        return goods_and_shipping + (0 if self.taxes_included else sum(self.tax) + self.shipping_tax)


def refund(order: Order, priced: Priced, quantities: tuple[int, ...], at: datetime) -> None:
    """Give back `quantities` of the lines; when that is all of them, the shipping too.

    Adds the refund with its transaction and brings statuses and the `current_*` sums up to date.
    """
    bought = tuple(item["quantity"] for item in order["line_items"])
    full = quantities == bought
    shop = _returned(priced.shop, quantities, bought, full)
    shown = _returned(priced.shown, quantities, bought, full)
    refund_id = order["id"] + _REFUND_ID_SHIFT
    order["refunds"] = [
        {
            "id": refund_id,
            "order_id": order["id"],
            "created_at": stamp(at),
            "processed_at": stamp(at),
            "note": "Return" if full else "Partial return",
            "restock": True,
            "refund_line_items": _lines(refund_id, order, quantities, shop, shown, priced.currency),
            "order_adjustments": _adjustments(refund_id, order["id"], shop, shown, priced.currency),
            "transactions": [_transaction(order, refund_id, shop, shown, priced.currency, at)],
        }
    ]
    order["financial_status"] = "refunded" if full else "partially_refunded"
    order["updated_at"] = stamp(at)
    for item, quantity in zip(order["line_items"], quantities, strict=True):
        item["current_quantity"] -= quantity
    whole = priced.shop
    order["current_subtotal_price"] = text(whole.subtotal - sum(shop.net))
    order["current_total_discounts"] = text(sum(whole.discounts) - shop.discount)
    order["current_total_tax"] = text(whole.tax - sum(shop.tax) - shop.shipping_tax)
    order["current_total_price"] = text(whole.total - shop.total)


def _returned(amounts: Amounts, quantities: tuple[int, ...], bought: tuple[int, ...], full: bool) -> Returned:
    def parts(minors: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(m * q // b for m, q, b in zip(minors, quantities, bought, strict=True))

    return Returned(
        net=parts(amounts.net),
        tax=parts(amounts.taxes),
        discount=sum(parts(amounts.discounts)),
        shipping=amounts.shipping if full else 0,
        shipping_tax=amounts.shipping_tax if full else 0,
        taxes_included=amounts.taxes_included,
    )


def _lines(
    refund_id: int, order: Order, quantities: tuple[int, ...], shop: Returned, shown: Returned, currency: str
) -> list[dict[str, Any]]:
    return [
        {
            "id": refund_id * 8 + i,
            "line_item_id": item["id"],
            "quantity": quantities[i],
            "restock_type": "return",
            "subtotal": shop.net[i] / 100,
            "subtotal_set": money_set(shop.net[i], shown.net[i], currency),
            "total_tax": shop.tax[i] / 100,
            "total_tax_set": money_set(shop.tax[i], shown.tax[i], currency),
        }
        for i, item in enumerate(order["line_items"])
        if quantities[i]
    ]


def _adjustments(refund_id: int, order_id: int, shop: Returned, shown: Returned, currency: str) -> list[dict[str, Any]]:
    if not shop.shipping:
        return []
    # Shopify adds tax_amount to amount, so the amount is without tax even where prices include it.
    net_shop, net_shown = shop.shipping - shop.shipping_tax, shown.shipping - shown.shipping_tax
    return [
        {
            "id": refund_id + 1,
            "order_id": order_id,
            "refund_id": refund_id,
            "kind": "shipping_refund",
            "reason": "Shipping refund",
            "amount": text(-net_shop),
            "amount_set": money_set(-net_shop, -net_shown, currency),
            "tax_amount": text(-shop.shipping_tax),
            "tax_amount_set": money_set(-shop.shipping_tax, -shown.shipping_tax, currency),
        }
    ]


def _transaction(
    order: Order, refund_id: int, shop: Returned, shown: Returned, currency: str, at: datetime
) -> dict[str, Any]:
    return {
        "id": refund_id + 2,
        "order_id": order["id"],
        "kind": "refund",
        "status": "success",
        "gateway": order["payment_gateway_names"][0],
        "amount": text(shop.total),
        "amount_set": money_set(shop.total, shown.total, currency),
        "currency": CURRENCY,
        "created_at": stamp(at),
        "processed_at": stamp(at),
        "test": False,
    }
