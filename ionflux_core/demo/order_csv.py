"""Orders in the columns of Shopify's order export: one row for each line item, order columns on the first only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from ionflux_core.demo.orders import Order
from ionflux_core.demo.pricing import text

_HEADER: Final = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,"
    "Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,"
    "Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,"
    "Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,"
    "Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,"
    "Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,"
    "Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
)
COLUMNS: Final = tuple(_HEADER.split(","))
_GATEWAY_TITLES: Final = {"shopify_payments": "Shopify Payments", "paypal": "PayPal Express Checkout"}


def write(orders: Iterable[Order]) -> bytes:
    """The orders as UTF-8 CSV, amounts in the shop's currency.

    The export has no column for whether prices include tax; a reader sees it from Total = Subtotal + Shipping.
    """
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for order in orders:
        for number, item in enumerate(order["line_items"]):
            writer.writerow({**(_order_columns(order) if number == 0 else {}), **_line_columns(order, item)})
    return out.getvalue().encode()


def _clock(stamp: str | None) -> str:
    # The export writes 2026-01-31 09:15:00 -0700 where the API writes 2026-01-31T09:15:00-07:00.
    return f"{stamp[:10]} {stamp[11:19]} {stamp[19:].replace(':', '')}" if stamp else ""


def _line_columns(order: Order, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": order["name"],
        "Email": order["email"],
        "Created at": _clock(order["created_at"]),
        "Lineitem quantity": item["quantity"],
        "Lineitem name": item["name"],
        "Lineitem price": item["price"],
        "Lineitem sku": item["sku"],
        "Lineitem requires shipping": "true",
        "Lineitem taxable": "true",
        "Lineitem fulfillment status": item["fulfillment_status"] or "pending",
        "Lineitem discount": item["total_discount"],
        "Vendor": item["vendor"],
    }


def _order_columns(order: Order) -> dict[str, Any]:
    codes = order["discount_codes"]
    shipped = order["fulfillments"]
    shipping = order["shipping_lines"][0]
    return {
        "Financial Status": order["financial_status"],
        "Paid at": _clock(order["processed_at"]),
        "Fulfillment Status": order["fulfillment_status"] or "unfulfilled",
        "Fulfilled at": _clock(shipped[0]["created_at"]) if shipped else "",
        "Accepts Marketing": "yes" if order["buyer_accepts_marketing"] else "no",
        "Currency": order["currency"],
        "Subtotal": order["subtotal_price"],
        "Shipping": shipping["price"],
        "Taxes": order["total_tax"],
        "Total": order["total_price"],
        "Discount Code": codes[0]["code"] if codes else "",
        "Discount Amount": order["total_discounts"],
        "Shipping Method": shipping["title"],
        **_address_columns("Billing", order["billing_address"]),
        **_address_columns("Shipping", order["shipping_address"]),
        "Note Attributes": "\n".join(f"{note['name']}: {note['value']}" for note in order["note_attributes"]),
        "Payment Method": _GATEWAY_TITLES[order["payment_gateway_names"][0]],
        "Refunded Amount": text(refunded_minor(order)),
        "Outstanding Balance": order["total_outstanding"],
        "Id": order["id"],
        "Risk Level": "Low",
        "Source": order["source_name"],
        **_tax_columns(order),
    }


def _address_columns(side: str, address: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{side} Name": address["name"],
        f"{side} Street": address["address1"],
        f"{side} Address1": address["address1"],
        f"{side} City": address["city"],
        f"{side} Zip": address["zip"],
        f"{side} Province": address["province_code"] or "",
        f"{side} Country": address["country_code"],
        f"{side} Province Name": address["province"] or "",
    }


def _tax_columns(order: Order) -> dict[str, Any]:
    lines = order["line_items"][0]["tax_lines"]
    if not lines:
        return {}
    return {"Tax 1 Name": f"{lines[0]['title']} {lines[0]['rate']:.1%}", "Tax 1 Value": order["total_tax"]}


def refunded_minor(order: Order) -> int:
    """What an order's refunds gave back, in minor units of the shop's currency."""
    amounts = [entry["amount"] for refund in order["refunds"] for entry in refund["transactions"]]
    return sum(int(amount.replace(".", "")) for amount in amounts)
