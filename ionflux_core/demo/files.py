"""The demo shop as files and webhooks, the way they come out of Shopify.

`python -m ionflux_core.demo.files [FOLDER]` writes the tracked sample into data/demo (or FOLDER).
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from ionflux_core.demo import order_csv
from ionflux_core.demo.orders import Order
from ionflux_core.demo.shop import Shop, generate
from ionflux_core.errors import NotFound

SAMPLE_SEED: Final = 4
SAMPLE_DAYS: Final = 30
SAMPLE_END: Final = datetime(2026, 2, 1, 6, 55, tzinfo=UTC)
SAMPLE_ORDERS: Final = 20
SAMPLE_FOLDER: Final = Path(__file__).resolve().parents[2] / "data" / "demo"


def orders_json(shop: Shop, day: date | None = None) -> bytes:
    """The orders placed on a local day, or all, as the answer of GET /orders.json: {"orders": [...]}."""
    return _orders_json(_placed_on(shop, day))


def order_webhook(shop: Shop, n: int, *, secret: str) -> tuple[dict[str, str], bytes]:
    """The signed orders/create webhook of the n-th order, as sent when it was placed; NotFound beyond the last."""
    if not 0 <= n < len(shop.orders):
        raise NotFound(f"The demo shop has no order {n}.", hint=f"It has {len(shop.orders)}, counted from 0.")
    return signed_webhook(as_placed(shop.orders[n]), secret=secret, shop_domain=shop.domain)


def signed_webhook(order: Order, *, secret: str, shop_domain: str) -> tuple[dict[str, str], bytes]:
    """Headers and raw body of an orders/create webhook; the same order has the same webhook id.

    The signature is base64(HMAC-SHA256(secret, body)), as Shopify documents it for its webhooks.
    """
    body = json.dumps(order, separators=(",", ":")).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    sent = uuid.uuid5(uuid.NAMESPACE_URL, f"https://{shop_domain}/orders/{order['id']}/create")
    headers = {
        "Content-Type": "application/json",
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Shop-Domain": shop_domain,
        "X-Shopify-Webhook-Id": str(sent),
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
    }
    return headers, body


def as_placed(order: Order) -> Order:
    """A copy of the order as it was the moment it was placed: nothing shipped, nothing given back."""
    fresh = copy.deepcopy(order)
    fresh.update(financial_status="paid", fulfillment_status=None, fulfillments=[], refunds=[])
    fresh["updated_at"] = fresh["created_at"]
    for name in ("subtotal_price", "total_discounts", "total_tax", "total_price"):
        fresh[f"current_{name}"] = fresh[name]
    for item in fresh["line_items"]:
        item.update(fulfillment_status=None, current_quantity=item["quantity"])
    return fresh


def sample_orders(shop: Shop) -> tuple[Order, ...]:
    """Twenty orders that show every case: refunds, foreign currencies, codes, several lines; in the order of time."""
    spread = max(len(shop.orders) // SAMPLE_ORDERS, 1)
    cases: tuple[tuple[int, Callable[[Order], bool]], ...] = (
        (1, lambda order: order["financial_status"] == "refunded"),
        (1, lambda order: order["financial_status"] == "partially_refunded"),
        (2, lambda order: order["presentment_currency"] == "EUR"),
        (1, lambda order: order["presentment_currency"] == "GBP"),
        (4, lambda order: bool(order["discount_codes"])),
        (4, lambda order: len(order["line_items"]) > 1),
        (SAMPLE_ORDERS, lambda order: order["order_number"] % spread == 0),
        (SAMPLE_ORDERS, lambda order: True),
    )
    chosen: dict[int, Order] = {}
    for count, fits in cases:
        rest = (order for order in shop.orders if fits(order) and order["id"] not in chosen)
        wanted = min(count, SAMPLE_ORDERS - len(chosen))
        chosen |= {order["id"]: order for order, _ in zip(rest, range(wanted), strict=False)}
    return tuple(sorted(chosen.values(), key=lambda order: int(order["id"])))


def sample_files() -> dict[str, bytes]:
    """The tracked sample by file name: the same twenty orders as JSON and CSV, and the costs of their shop."""
    shop = generate(seed=SAMPLE_SEED, days=SAMPLE_DAYS, end=SAMPLE_END)
    orders = sample_orders(shop)
    return {
        "orders.json": _orders_json(orders),
        "orders.csv": order_csv.write(orders),
        "costs.json": json.dumps(shop.costs, indent=1).encode() + b"\n",
    }


def write_sample(folder: Path = SAMPLE_FOLDER) -> None:
    """Write the sample files into a folder, made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in sample_files().items():
        (folder / name).write_bytes(content)


def _placed_on(shop: Shop, day: date | None) -> list[Order]:
    return [order for order in shop.orders if day is None or order["created_at"].startswith(day.isoformat())]


def _orders_json(orders: Iterable[Mapping[str, Any]]) -> bytes:
    # One order a line keeps the tracked sample readable in a diff.
    lines = ",\n".join(json.dumps(order, separators=(",", ":")) for order in orders)
    return f'{{"orders":[\n{lines}\n]}}\n'.encode()


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE_FOLDER)
