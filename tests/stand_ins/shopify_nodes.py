"""Things of a shop as its GraphQL gives them, made from the REST form they are invented in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Rest = dict[str, Any]
_STATES = {"fulfilled": "FULFILLED", "partial": "PARTIALLY_FULFILLED", None: "UNFULFILLED"}


def money(value: Any) -> Any:
    """A `..._set` as GraphQL writes it, with decimals that are not padded."""
    if value is None:
        return None
    return {
        name: {"amount": _plain(value[old]["amount"]), "currencyCode": value[old]["currency_code"]}
        for name, old in (("shopMoney", "shop_money"), ("presentmentMoney", "presentment_money"))
    }


def _plain(amount: Any) -> str:
    text = f"{Decimal(str(amount)).normalize():f}"
    return text if "." in text else f"{text}.0"


def _nothing(currency: str) -> Any:
    zero = {"amount": "0.0", "currencyCode": currency}
    return {"shopMoney": zero, "presentmentMoney": zero}


def order_node(rest: Rest) -> dict[str, Any]:
    """An order; connections stand as plain lists, the server makes pages of them."""
    customer = rest["customer"]
    return {
        "id": f"gid://shopify/Order/{rest['id']}",
        "legacyResourceId": str(rest["id"]),
        "name": rest["name"],
        "number": rest["order_number"],
        "createdAt": rest["created_at"],
        "processedAt": rest["processed_at"],
        "updatedAt": rest["updated_at"],
        "cancelledAt": rest["cancelled_at"],
        "cancelReason": rest["cancel_reason"],
        "closedAt": rest["closed_at"],
        "test": rest["test"],
        "email": rest["email"],
        "currencyCode": rest["currency"],
        "presentmentCurrencyCode": rest["presentment_currency"],
        "displayFinancialStatus": rest["financial_status"].upper(),
        "displayFulfillmentStatus": _STATES[rest["fulfillment_status"]],
        "taxesIncluded": rest["taxes_included"],
        "tags": [tag for tag in rest["tags"].split(", ") if tag],
        "note": rest["note"],
        "sourceName": rest["source_name"],
        "paymentGatewayNames": rest["payment_gateway_names"],
        "discountCodes": [each["code"] for each in rest["discount_codes"]],
        "customAttributes": [{"key": each["name"], "value": each["value"]} for each in rest["note_attributes"]],
        "totalPriceSet": money(rest["total_price_set"]),
        "subtotalPriceSet": money(rest["subtotal_price_set"]),
        "totalDiscountsSet": money(rest["total_discounts_set"]),
        "totalTaxSet": money(rest["total_tax_set"]),
        "totalTipReceivedSet": _nothing(rest["currency"]),
        "totalShippingPriceSet": money(rest["total_shipping_price_set"]),
        "customer": {
            "legacyResourceId": str(customer["id"]),
            "firstName": customer["first_name"],
            "lastName": customer["last_name"],
            "tags": [],
            "defaultEmailAddress": {"emailAddress": customer["email"], "marketingState": "SUBSCRIBED"},
        },
        "shippingAddress": address_node(rest["shipping_address"]),
        "billingAddress": address_node(rest["billing_address"]),
        "transactions": rest.get("transactions_node", []),
        "refunds": [refund_node(each, rest) for each in rest["refunds"]],
        "lineItems": [line_node(each) for each in rest["line_items"]],
        "shippingLines": [shipping_node(each, rest) for each in rest["shipping_lines"]],
    }


def line_node(rest: Rest) -> dict[str, Any]:
    """A line item."""
    return {
        "id": f"gid://shopify/LineItem/{rest['id']}",
        "sku": rest["sku"],
        "title": rest["title"],
        "variantTitle": rest["variant_title"],
        "name": rest["name"],
        "vendor": rest["vendor"],
        "quantity": rest["quantity"],
        "currentQuantity": rest["current_quantity"],
        "requiresShipping": rest["requires_shipping"],
        "taxable": rest["taxable"],
        "isGiftCard": rest["gift_card"],
        "originalUnitPriceSet": money(rest["price_set"]),
        "discountAllocations": [{"allocatedAmountSet": money(e["amount_set"])} for e in rest["discount_allocations"]],
        "taxLines": _taxes(rest),
        "variant": {"legacyResourceId": str(rest["variant_id"])},
        "product": {"legacyResourceId": str(rest["product_id"])},
    }


def shipping_node(rest: Rest, order: Rest) -> dict[str, Any]:
    """A shipping line; what it costs in the currency shown stands only at the order."""
    price = money(order["total_shipping_price_set"])
    return {
        "id": f"gid://shopify/ShippingLine/{rest['id']}",
        "title": rest["title"],
        "code": rest["code"],
        "originalPriceSet": price,
        "discountedPriceSet": price,
        "discountAllocations": [],
        "taxLines": _taxes(rest),
    }


def _taxes(rest: Rest) -> list[dict[str, Any]]:
    return [{"title": e["title"], "rate": e["rate"], "priceSet": money(e["price_set"])} for e in rest["tax_lines"]]


def refund_node(rest: Rest, order: Rest) -> dict[str, Any]:
    """A refund; shipping that went back stands in lines of its own, as it does since 2024-10."""
    return {
        "id": f"gid://shopify/Refund/{rest['id']}",
        "legacyResourceId": str(rest["id"]),
        "createdAt": rest["created_at"],
        "note": rest["note"],
        "refundLineItems": [
            {
                "lineItem": {"id": f"gid://shopify/LineItem/{each['line_item_id']}"},
                "quantity": each["quantity"],
                "restockType": each["restock_type"].upper(),
                "subtotalSet": money(each["subtotal_set"]),
                "totalTaxSet": money(each["total_tax_set"]),
            }
            for each in rest["refund_line_items"]
        ],
        "refundShippingLines": [_refunded_shipping(each, order) for each in rest["order_adjustments"]],
        "orderAdjustments": [],
        "transactions": [
            {
                "id": f"gid://shopify/OrderTransaction/{each['id']}",
                "kind": "REFUND",
                "status": "SUCCESS",
                "gateway": each["gateway"],
                "test": False,
                "createdAt": each["created_at"],
                "amountSet": money(each["amount_set"]),
            }
            for each in rest["transactions"]
        ],
    }


def _refunded_shipping(rest: Rest, order: Rest) -> dict[str, Any]:
    def back(name: str, currency: str) -> Decimal:
        return -Decimal(rest[f"{name}_set"][currency]["amount"])

    def bag(of: Any) -> Any:
        return {
            name: {"amount": _plain(of(old)), "currencyCode": rest["amount_set"][old]["currency_code"]}
            for name, old in (("shopMoney", "shop_money"), ("presentmentMoney", "presentment_money"))
        }

    inside = order["taxes_included"]
    return {
        "subtotalAmountSet": bag(lambda c: back("amount", c) + (back("tax_amount", c) if inside else 0)),
        "taxAmountSet": bag(lambda c: back("tax_amount", c)),
    }


def address_node(rest: Rest | None) -> dict[str, Any] | None:
    """An address."""
    if rest is None:
        return None
    names = {
        "firstName": "first_name", "lastName": "last_name", "provinceCode": "province_code",
        "countryCodeV2": "country_code",
    }  # fmt: skip
    plain = ("name", "company", "address1", "address2", "city", "zip", "province", "country", "phone")
    return {name: rest[old] for name, old in names.items()} | {name: rest[name] for name in plain}


def product_node(number: int, updated_at: str, *, variants: int = 1) -> dict[str, Any]:
    """A product with so many variants."""
    return {
        "id": f"gid://shopify/Product/{number}",
        "legacyResourceId": str(number),
        "title": f"Product {number}",
        "handle": f"product-{number}",
        "status": "ACTIVE",
        "vendor": "Acme",
        "productType": "Candle",
        "tags": ["new", "<b>bold</b>"],
        "createdAt": updated_at,
        "updatedAt": updated_at,
        "publishedAt": None,
        "variants": [
            {
                "id": f"gid://shopify/ProductVariant/{number * 1000 + n}",
                "legacyResourceId": str(number * 1000 + n),
                "title": f"Size {n}",
                "sku": f"P{number}-{n}",
                "price": "12.50",
                "position": n + 1,
                "inventoryQuantity": 7,
            }
            for n in range(variants)
        ],
    }


def customer_node(number: int, updated_at: str) -> dict[str, Any]:
    """A customer."""
    return {
        "id": f"gid://shopify/Customer/{number}",
        "legacyResourceId": str(number),
        "firstName": "Ana",
        "lastName": "Sampaio <script>",
        "state": "ENABLED",
        "tags": [],
        "note": None,
        "verifiedEmail": True,
        "numberOfOrders": "3",
        "createdAt": updated_at,
        "updatedAt": updated_at,
        "amountSpent": {"amount": "120.5", "currencyCode": "USD"},
        "defaultEmailAddress": {"emailAddress": f"ana.{number}@example.com", "marketingState": "SUBSCRIBED"},
        "defaultPhoneNumber": None,
        "defaultAddress": None,
    }
