"""Shopify's GraphQL nodes in the shape its webhooks have, so that agents meet one kind of order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ionflux_core.connectors.calls import garbage
from ionflux_core.connectors.shopify_calls import SERVICE

Node = Mapping[str, Any]
_FULFILLED = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "RESTOCKED": "restocked"}


def order_of(node: Node, lines: Sequence[Node], shipping: Sequence[Node], refunds: Sequence[Node]) -> dict[str, Any]:
    """An order with everything that belongs to it, as `orders/updated` sends it."""
    order_id = id_of(node)
    rest = {
        **_head(node, order_id),
        **_amounts(node),
        "discount_codes": [{"code": str(code)} for code in _list(node.get("discountCodes"))],
        "note_attributes": [
            {"name": each.get("key"), "value": each.get("value")} for each in _nodes(node.get("customAttributes"))
        ],
        "line_items": [_line(each) for each in lines],
        "shipping_lines": [_shipping(each) for each in shipping],
        "refunds": [_refund(each, order_id) for each in refunds],
        "customer": _customer_of(node.get("customer")),
        "shipping_address": _address(node.get("shippingAddress")),
        "billing_address": _address(node.get("billingAddress")),
    }
    transactions = [_transaction(each, order_id) for each in _nodes(node.get("transactions"))]
    return {**rest, "transactions": transactions} if any(each["fees"] for each in transactions) else rest


def product_of(node: Node, variants: Sequence[Node]) -> dict[str, Any]:
    """A product as `products/update` sends it."""
    product_id = id_of(node)
    return {
        "id": product_id, "admin_graphql_api_id": node.get("id"), "title": node.get("title"),
        "handle": node.get("handle"), "status": _lower(node.get("status")), "vendor": node.get("vendor"),
        "product_type": node.get("productType"), "tags": _tags(node), "created_at": node.get("createdAt"),
        "updated_at": node.get("updatedAt"), "published_at": node.get("publishedAt"),
        "variants": [
            {
                "id": id_of(each), "product_id": product_id, "title": each.get("title"), "sku": each.get("sku"),
                "price": each.get("price"), "position": each.get("position"),
                "inventory_quantity": each.get("inventoryQuantity"),
            }
            for each in variants
        ],
    }  # fmt: skip


def customer_of(node: Node) -> dict[str, Any]:
    """A customer as `customers/update` sends it."""
    spent, mail = _table(node.get("amountSpent")), _table(node.get("defaultEmailAddress"))
    return {
        "id": id_of(node), "admin_graphql_api_id": node.get("id"), "email": mail.get("emailAddress"),
        "first_name": node.get("firstName"), "last_name": node.get("lastName"), "state": _lower(node.get("state")),
        "tags": _tags(node), "note": node.get("note"), "verified_email": node.get("verifiedEmail"),
        "orders_count": _count(node.get("numberOfOrders")), "total_spent": spent.get("amount"),
        "currency": spent.get("currencyCode"), "email_marketing_consent": _consent(mail),
        "phone": _table(node.get("defaultPhoneNumber")).get("phoneNumber"),
        "default_address": _address(node.get("defaultAddress")), "created_at": node.get("createdAt"),
        "updated_at": node.get("updatedAt"),
    }  # fmt: skip


def key_of(noun: str, action: str, payload: Mapping[str, Any]) -> str | None:
    """One key for one fact, whether a webhook or a sync tells of it; None without an id or a time.

    That a thing was made is a fact once, whatever has become of it since; every other fact is a state of it.
    """
    moment = moment_of(payload.get("updated_at"))
    if moment is None or not payload.get("id"):
        return None
    return f"shopify:{noun}:{str(payload['id'])[:80]}:{action if action == 'created' else moment.isoformat()}"


def moment_of(text: Any) -> datetime | None:
    """A time of Shopify's in UTC; None when it cannot be read."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.astimezone(UTC).replace(microsecond=0) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def id_of(node: Node) -> int:
    """The number a thing has outside GraphQL; Unavailable when it has none."""
    found = node.get("legacyResourceId") if isinstance(node, Mapping) else None
    if found is None and isinstance(node, Mapping):
        found = str(node.get("id", "")).rpartition("/")[2].partition("?")[0]
    try:
        return int(str(found))
    except ValueError:
        raise garbage(SERVICE) from None


def _head(node: Node, order_id: int) -> dict[str, Any]:
    return {
        "id": order_id, "admin_graphql_api_id": node.get("id"), "name": node.get("name"),
        "order_number": node.get("number"), "test": node.get("test") is True, "email": node.get("email"),
        "created_at": node.get("createdAt"), "processed_at": node.get("processedAt"),
        "updated_at": node.get("updatedAt"), "cancelled_at": node.get("cancelledAt"),
        "cancel_reason": _lower(node.get("cancelReason")), "closed_at": node.get("closedAt"),
        "currency": node.get("currencyCode"), "presentment_currency": node.get("presentmentCurrencyCode"),
        "financial_status": _lower(node.get("displayFinancialStatus")),
        "fulfillment_status": _FULFILLED.get(str(node.get("displayFulfillmentStatus"))),
        "taxes_included": node.get("taxesIncluded") is True, "tags": _tags(node), "note": node.get("note"),
        "source_name": node.get("sourceName"), "payment_gateway_names": _list(node.get("paymentGatewayNames")),
    }  # fmt: skip


def _amounts(node: Node) -> dict[str, Any]:
    both = {
        "total_price": "totalPriceSet", "subtotal_price": "subtotalPriceSet", "total_discounts": "totalDiscountsSet",
        "total_tax": "totalTaxSet", "total_tip_received": "totalTipReceivedSet",
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, source in both.items():
        found |= _both(name, node.get(source))
    return found | {"total_shipping_price_set": _money(node.get("totalShippingPriceSet"))}


def _line(node: Node) -> dict[str, Any]:
    variant, product = node.get("variant"), node.get("product")
    return {
        "id": id_of(node), "variant_id": id_of(variant) if variant else None,
        "product_id": id_of(product) if product else None, "sku": node.get("sku"), "title": node.get("title"),
        "variant_title": node.get("variantTitle"), "name": node.get("name"), "vendor": node.get("vendor"),
        "quantity": node.get("quantity"), "current_quantity": node.get("currentQuantity"),
        "requires_shipping": node.get("requiresShipping"), "taxable": node.get("taxable"),
        "gift_card": node.get("isGiftCard") is True, **_both("price", node.get("originalUnitPriceSet")),
        "discount_allocations": _off(node), "tax_lines": _taxes(node),
    }  # fmt: skip


def _shipping(node: Node) -> dict[str, Any]:
    return {
        "id": str(node.get("id", "")).rpartition("/")[2], "title": node.get("title"), "code": node.get("code"),
        **_both("price", node.get("originalPriceSet")), **_both("discounted_price", node.get("discountedPriceSet")),
        "discount_allocations": _off(node), "tax_lines": _taxes(node),
    }  # fmt: skip


def _refund(node: Node, order_id: int) -> dict[str, Any]:
    return {
        "id": id_of(node), "order_id": order_id, "created_at": node.get("createdAt"), "note": node.get("note"),
        "refund_line_items": [
            {
                "line_item_id": id_of(_table(each.get("lineItem"))), "quantity": each.get("quantity"),
                "restock_type": _lower(each.get("restockType")), **_both("subtotal", each.get("subtotalSet")),
                **_both("total_tax", each.get("totalTaxSet")),
            }
            for each in _nodes(node.get("refundLineItems"))
        ],
        "refund_shipping_lines": [
            {
                "subtotal_amount_set": _money(each.get("subtotalAmountSet")),
                "tax_amount_set": _money(each.get("taxAmountSet")),
            }
            for each in _nodes(node.get("refundShippingLines"))
        ],
        "order_adjustments": [
            {
                "id": str(each.get("id", "")).rpartition("/")[2], "order_id": order_id, "kind": "refund_discrepancy",
                "reason": _lower(each.get("reason")), **_both("amount", each.get("amountSet")),
                **_both("tax_amount", each.get("taxAmountSet")),
            }
            for each in _nodes(node.get("orderAdjustments"))
        ],
        "transactions": [_transaction(each, order_id) for each in _nodes(node.get("transactions"))],
    }  # fmt: skip


def _transaction(node: Node, order_id: int) -> dict[str, Any]:
    amount = _both("amount", node.get("amountSet"))
    shop = _table(_table(amount["amount_set"]).get("shop_money"))
    return {
        "id": str(node.get("id", "")).rpartition("/")[2], "order_id": order_id, "kind": _lower(node.get("kind")),
        "status": _lower(node.get("status")), "gateway": node.get("gateway"), "test": node.get("test") is True,
        "created_at": node.get("createdAt"), "currency": shop.get("currency_code"), **amount,
        "fees": [
            {"amount": fee.get("amount"), "currency": fee.get("currencyCode")}
            for fee in (_table(each.get("amount")) for each in _nodes(node.get("fees")))
        ],
    }  # fmt: skip


def _customer_of(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    mail = _table(value.get("defaultEmailAddress"))
    return {
        "id": id_of(value), "email": mail.get("emailAddress"), "first_name": value.get("firstName"),
        "last_name": value.get("lastName"), "tags": _tags(value), "email_marketing_consent": _consent(mail),
    }  # fmt: skip


def _consent(mail: Mapping[str, Any]) -> dict[str, Any] | None:
    return {"state": _lower(mail.get("marketingState"))} if mail.get("marketingState") else None


def _address(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    return {
        "first_name": value.get("firstName"), "last_name": value.get("lastName"), "name": value.get("name"),
        "company": value.get("company"), "address1": value.get("address1"), "address2": value.get("address2"),
        "city": value.get("city"), "zip": value.get("zip"), "province": value.get("province"),
        "province_code": value.get("provinceCode"), "country": value.get("country"),
        "country_code": value.get("countryCodeV2"), "phone": value.get("phone"),
    }  # fmt: skip


def _both(name: str, value: Any) -> dict[str, Any]:
    """An amount as a plain field in the shop's currency, and as the set of both currencies."""
    money = _money(value)
    return {name: money["shop_money"]["amount"] if money else None, f"{name}_set": money}


def _money(value: Any) -> dict[str, Any] | None:
    bag = _table(value)
    if not isinstance(bag.get("shopMoney"), Mapping):
        return None
    shop, shown = bag["shopMoney"], bag.get("presentmentMoney") or bag["shopMoney"]
    return {
        "shop_money": {"amount": shop.get("amount"), "currency_code": shop.get("currencyCode")},
        "presentment_money": {
            "amount": _table(shown).get("amount"),
            "currency_code": _table(shown).get("currencyCode"),
        },
    }


def _off(node: Node) -> list[dict[str, Any]]:
    return [_both("amount", each.get("allocatedAmountSet")) for each in _nodes(node.get("discountAllocations"))]


def _taxes(node: Node) -> list[dict[str, Any]]:
    return [
        {"title": each.get("title"), "rate": each.get("rate"), **_both("price", each.get("priceSet"))}
        for each in _nodes(node.get("taxLines"))
    ]


def _nodes(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list or of a connection."""
    found: Iterable[Any] = value.get("nodes", ()) if isinstance(value, Mapping) else _list(value)
    return [each for each in _list(found) if isinstance(each, Mapping)]


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _lower(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _tags(node: Node) -> str:
    return ", ".join(str(tag) for tag in _list(node.get("tags")))


def _count(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None
