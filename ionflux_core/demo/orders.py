"""A priced basket as the order JSON of Shopify's REST Admin API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ionflux_core.demo.catalogue import CURRENCY, OFFSET, SHOP_NAME
from ionflux_core.demo.pricing import Basket, Priced, money_set, text
from ionflux_core.demo.truth import Segment

ORDER_ID_BASE: Final = 5_610_000_000_000
LINE_ID_BASE: Final = 14_320_000_000_000
FIRST_ORDER_NUMBER: Final = 1001
GATEWAYS: Final = ("shopify_payments", "paypal")

Order = dict[str, Any]


def stamp(at: datetime) -> str:
    """A moment as the shop writes it: local time with its offset."""
    return at.astimezone(OFFSET).isoformat(timespec="seconds")


def build(
    number: int, at: datetime, basket: Basket, priced: Priced, segment: Segment, gateway: str, order_id: int
) -> Order:
    """A paid, not yet fulfilled order; sums agree to the cent in both currencies."""
    person = basket.person
    head: Order = {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "name": f"#{number}",
        "order_number": number,
        "number": number - 1000,
        "test": False,
        "created_at": stamp(at),
        "processed_at": stamp(at),
        "updated_at": stamp(at),
        "cancelled_at": None,
        "cancel_reason": None,
        "closed_at": None,
        "confirmed": True,
        "email": person.email,
        "contact_email": person.email,
        "currency": CURRENCY,
        "presentment_currency": priced.currency,
        "financial_status": "paid",
        "fulfillment_status": None,
        "payment_gateway_names": [gateway],
        "source_name": "web",
        "tags": "",
        "note": None,
        "note_attributes": [{"name": "device", "value": segment[0]}, {"name": "browser", "value": segment[1]}],
        "buyer_accepts_marketing": person.number % 3 == 0,
    }
    return {
        **head,
        **_totals(priced),
        **_discounts(basket, priced),
        "line_items": _line_items(order_id, basket, priced),
        "shipping_lines": [_shipping_line(order_id, basket, priced)],
        "fulfillments": [],
        "refunds": [],
        "customer": person.as_customer(),
        "shipping_address": person.as_address(),
        "billing_address": person.as_address(),
    }


def _totals(priced: Priced) -> Order:
    shop, shown = priced.shop, priced.shown

    def both(name: str, shop_minor: int, shown_minor: int) -> Order:
        return {name: text(shop_minor), f"{name}_set": money_set(shop_minor, shown_minor, priced.currency)}

    totals: Order = {
        "taxes_included": shop.taxes_included,
        **both("total_line_items_price", sum(shop.gross), sum(shown.gross)),
        **both("total_discounts", sum(shop.discounts), sum(shown.discounts)),
        **both("subtotal_price", shop.subtotal, shown.subtotal),
        **both("total_tax", shop.tax, shown.tax),
        **both("total_price", shop.total, shown.total),
        "total_shipping_price_set": money_set(shop.shipping, shown.shipping, priced.currency),
        "total_outstanding": "0.00",
        "total_tip_received": "0.00",
    }
    for name in ("subtotal_price", "total_discounts", "total_tax", "total_price"):
        totals[f"current_{name}"] = totals[name]
    return totals


def _discounts(basket: Basket, priced: Priced) -> Order:
    if basket.code is None:
        return {"discount_codes": [], "discount_applications": []}
    amount = text(sum(priced.shop.discounts))
    application = {
        "type": "discount_code",
        "code": basket.code,
        "value": f"{basket.percent}.0",
        "value_type": "percentage",
        "allocation_method": "across",
        "target_selection": "all",
        "target_type": "line_item",
    }
    return {
        "discount_codes": [{"code": basket.code, "amount": amount, "type": "percentage"}],
        "discount_applications": [application],
    }


def _tax_lines(basket: Basket, shop_minor: int, shown_minor: int, currency: str) -> list[Order]:
    place = basket.person.place
    if not place.tax_per_mille:
        return []
    return [
        {
            "title": place.tax_name,
            "rate": place.tax_per_mille / 1000,
            "price": text(shop_minor),
            "price_set": money_set(shop_minor, shown_minor, currency),
            "channel_liable": False,
        }
    ]


def _line_items(order_id: int, basket: Basket, priced: Priced) -> list[Order]:
    shop, shown, currency = priced.shop, priced.shown, priced.currency
    items = []
    for i, (variant, quantity) in enumerate(basket.lines):
        off = {
            "amount": text(shop.discounts[i]),
            "amount_set": money_set(shop.discounts[i], shown.discounts[i], currency),
            "discount_application_index": 0,
        }
        items.append(
            {
                "id": line_id(order_id, i),
                "product_id": variant.product_id,
                "variant_id": variant.variant_id,
                "sku": variant.sku,
                "title": variant.title,
                "variant_title": variant.option,
                "name": f"{variant.title} - {variant.option}",
                "vendor": SHOP_NAME,
                "quantity": quantity,
                "current_quantity": quantity,
                "grams": variant.grams,
                "price": text(shop.units[i]),
                "price_set": money_set(shop.units[i], shown.units[i], currency),
                "total_discount": "0.00",
                "discount_allocations": [off] if basket.code else [],
                "tax_lines": _tax_lines(basket, shop.taxes[i], shown.taxes[i], currency),
                "taxable": True,
                "requires_shipping": True,
                "gift_card": False,
                "fulfillment_status": None,
                "properties": [],
            }
        )
    return items


def line_id(order_id: int, index: int) -> int:
    """The id of the n-th line item of an order; unique over the shop."""
    return LINE_ID_BASE + (order_id - ORDER_ID_BASE) * 8 + index


def _shipping_line(order_id: int, basket: Basket, priced: Priced) -> Order:
    shop, shown, currency = priced.shop, priced.shown, priced.currency
    abroad = basket.person.place.country_code != "US"
    taxed = priced.shop.shipping_tax > 0
    return {
        "id": order_id + 900_000_000_000,
        "title": "International" if abroad else ("Standard" if shop.shipping else "Free shipping"),
        "code": "international" if abroad else "standard",
        "price": text(shop.shipping),
        "price_set": money_set(shop.shipping, shown.shipping, currency),
        "discounted_price": text(shop.shipping),
        "discount_allocations": [],
        "tax_lines": _tax_lines(basket, shop.shipping_tax, shown.shipping_tax, currency) if taxed else [],
    }


def fulfil(order: Order, at: datetime) -> None:
    """Mark everything of an order as shipped at `at`."""
    order["fulfillment_status"] = "fulfilled"
    order["updated_at"] = stamp(at)
    order["fulfillments"] = [
        {"id": order["id"] + 300_000_000_000, "order_id": order["id"], "status": "success", "created_at": stamp(at)}
    ]
    for item in order["line_items"]:
        item["fulfillment_status"] = "fulfilled"
