"""What a Shopify event means here: an order to announce, or a change to note."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ionflux_core.sdk import Invalid

_NO_ALERT = {"test": "it is a test order", "cancelled_at": "it was cancelled"}


def is_order(event: Mapping[str, Any]) -> bool:
    """Whether a Shopify event is an order."""
    return "total_price" in event and ("line_items" in event or "order_number" in event or "financial_status" in event)


def order_alert(order: Mapping[str, Any], threshold: Decimal) -> dict[str, Any] | None:
    """The alert for an order above the threshold (in the shop's currency), or None; Invalid without a usable total."""
    if any(order.get(field) for field in _NO_ALERT):
        return None
    amount, currency = _total(order)
    if amount <= threshold:
        return None
    name = str(order.get("name") or order.get("order_number") or order.get("id") or "without a number")[:60]
    items = [item for item in _list(order.get("line_items")) if isinstance(item, Mapping)]
    return {
        "kind": "order_above_threshold",
        "order": name,
        "order_id": str(order.get("id") or name),
        "total": f"{amount:.2f}",
        "currency": currency,
        "threshold": f"{threshold:.2f}",
        "items": [f"{item.get('quantity', 1)} x {str(item.get('title', 'item'))[:80]}" for item in items[:10]],
        "text": f"Order {name} of {amount:.2f} {currency} is above the limit of {threshold:.2f}.",
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _total(order: Mapping[str, Any]) -> tuple[Decimal, str]:
    prices = order.get("total_price_set")
    shop = prices.get("shop_money") if isinstance(prices, Mapping) else None
    text, currency = order.get("total_price"), order.get("currency")
    if isinstance(shop, Mapping):
        text, currency = shop.get("amount", text), shop.get("currency_code", currency)
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(text, bool) or not amount.is_finite() or amount < 0:
        raise Invalid(
            f"The order's total_price is {str(text)[:40]!r}.",
            hint="Send the order as Shopify does, with a total of 0 or more.",
        )
    if not isinstance(currency, str) or len(currency) != 3 or not currency.isalpha():
        raise Invalid(f"The order's currency is {str(currency)[:20]!r}.", hint="Send three letters such as USD.")
    return amount, currency.upper()


def change_in(event: Mapping[str, Any], event_type: str | None, now: datetime) -> dict[str, Any] | None:
    """The change a Shopify event tells of ({kind, name, at, text}), or None when it tells of none."""
    subject = (event_type or str(event.get("topic", ""))).replace("/", ".").lower()
    name = str(event.get("name") or event.get("title") or event.get("app_name") or "").strip()[:120]
    at = event.get("updated_at") or event.get("installed_at") or event.get("created_at")
    found = {"name": name, "at": at or now.isoformat()}
    if not name:
        return None
    if "theme" in subject or "theme_store_id" in event or event.get("role") in ("main", "unpublished", "demo"):
        live = event.get("role", "main") == "main"
        return {**found, "kind": "theme", "text": "Theme published" if live else "Theme changed, not live"}
    if "app_" in subject or "app." in subject or "app_name" in event:
        return {**found, "kind": "app", "text": str(event.get("description") or "App installed or updated")[:4000]}
    return None


def product_prices(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """The id and the prices of a product event, or None when the event is no product."""
    variants = _list(event.get("variants"))
    if not variants or not event.get("title"):
        return None
    prices = [str(v.get("price")) for v in variants if isinstance(v, Mapping) and "price" in v]
    return str(event.get("id") or event["title"])[:80], ", ".join(prices[:20])
