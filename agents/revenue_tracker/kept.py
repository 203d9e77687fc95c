"""What is kept of an order's JSON: the fields the figures need, and nothing about the customer but the destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOP = {"shop_money": {"amount": None, "currency_code": None}}
_TOTAL = {**_SHOP, "presentment_money": {"amount": None, "currency_code": None}}
_PRICE = {"price": None, "price_set": _SHOP}
_AMOUNT = {"amount": None, "amount_set": _SHOP}
KEPT_REFUND: dict[str, Any] = {
    "id": None,
    "created_at": None,
    "refund_line_items": {
        **dict.fromkeys(("line_item_id", "quantity", "restock_type", "subtotal", "total_tax")),
        "subtotal_set": _SHOP,
        "total_tax_set": _SHOP,
    },
    "refund_shipping_lines": {"subtotal_amount_set": _SHOP, "tax_amount_set": _SHOP},
    "order_adjustments": {"kind": None, **_AMOUNT, "tax_amount": None, "tax_amount_set": _SHOP},
    "transactions": {"kind": None, "status": None, "currency": None, **_AMOUNT},
}
KEPT: dict[str, Any] = {
    **dict.fromkeys(("id", "name", "created_at", "processed_at", "updated_at", "cancelled_at", "test", "currency")),
    **dict.fromkeys(("presentment_currency", "financial_status", "fulfillment_status", "taxes_included")),
    **dict.fromkeys(("total_price", "total_tax", "total_discounts", "total_tip_received")),
    "total_price_set": _TOTAL,
    "total_tax_set": _SHOP,
    "total_discounts_set": _SHOP,
    "line_items": {
        **dict.fromkeys(("id", "sku", "variant_id", "title", "name", "quantity", "gift_card", "requires_shipping")),
        **_PRICE,
        "total_discount": None,
        "total_discount_set": _SHOP,
        "discount_allocations": _AMOUNT,
        "tax_lines": _PRICE,
    },
    "shipping_lines": {
        **_PRICE,
        "discounted_price": None,
        "discounted_price_set": _SHOP,
        "discount_allocations": _AMOUNT,
        "tax_lines": _PRICE,
    },
    "shipping_address": {"country_code": None, "province_code": None},
    "transactions": {"fees": {"currency": None, **_AMOUNT}},
    "refunds": KEPT_REFUND,
}


def slim(value: Any, kept: Mapping[str, Any] | None) -> Any:
    """Only what is kept of a JSON value."""
    if kept is None:
        return value
    if isinstance(value, Mapping):
        return {key: slim(value[key], inner) for key, inner in kept.items() if value.get(key) is not None}
    return [slim(row, kept) for row in value] if isinstance(value, list) else value
