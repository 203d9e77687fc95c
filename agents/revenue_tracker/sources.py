"""Where orders come from: one event, a batch, a file. Nothing is dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .csv_export import Rejected, read_csv
from .csv_text import decode
from .money import OrderInvalid
from .options import read_json

MAX_ORDERS = 50_000
_WRAPPERS = ("order", "refund", "payload", "data")


@dataclass(slots=True)
class Incoming:
    """Orders as (place, order JSON, source), refunds as JSON, and what could not be read at all.

    `strict` is set for a single event: then a bad order fails the run instead of being listed.
    """

    orders: list[tuple[str, Any, Any]] = field(default_factory=list)
    refunds: list[Mapping[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    csv_header: str | None = None
    strict: bool = False


def collect(ctx: Context, inputs: Mapping[str, Any]) -> Incoming:
    """Everything the inputs and the trigger brought."""
    found = Incoming()
    payload = inputs.get("shopify_order_payload")
    if payload is None and ctx.trigger.kind in ("webhook", "event") and ctx.trigger.payload:
        payload = ctx.trigger.payload
    batch, file = inputs.get("orders_batch"), inputs.get("orders_file")
    if payload not in (None, "", {}):
        found.strict = not batch and not file
        _take(found, "shopify_order_payload", read_json(payload, "shopify_order_payload"))
    if batch:
        _take(found, "orders_batch", read_json(batch, "orders_batch"))
    if file:
        _take_file(found, ctx.read_file(file))
    count = len(found.orders) + len(found.refunds)
    if count > MAX_ORDERS:
        raise OrderInvalid(
            f"{count} orders came at once.", hint=f"At most {MAX_ORDERS} are read in one run; split them."
        )
    return found


def _take(found: Incoming, place: str, value: Any) -> None:
    """Add one order, refund, or list of them, out of whatever wrapper it came in."""
    if isinstance(value, Mapping):
        if isinstance(value.get("orders"), list):
            value = value["orders"]
        elif "id" not in value or "line_items" not in value:
            inner = next((value[key] for key in _WRAPPERS if isinstance(value.get(key), Mapping)), None)
            value = inner if inner is not None else value
    if isinstance(value, list):
        for n, row in enumerate(value, 1):
            _add(found, f"{place} {n}", row)
        return
    _add(found, place, value)


def _add(found: Incoming, place: str, value: Any) -> None:
    if isinstance(value, Mapping) and value.get("order_id") is not None and "line_items" not in value:
        found.refunds.append(value)
    else:
        found.orders.append((place, value, value))


def _take_file(found: Incoming, data: bytes) -> None:
    text = decode(data).removeprefix("\ufeff")
    if not text.strip():
        raise Invalid("The file is empty.", hint="Export the orders again and upload that file.")
    if text.lstrip()[0] not in "[{":
        export = read_csv(text)
        found.orders.extend(export.orders)
        found.rejected.extend(export.rejected)
        found.csv_header = export.header
        return
    try:
        _take(found, "order", json.loads(text))
    except (ValueError, RecursionError):
        _take_lines(found, text)


def _take_lines(found: Incoming, text: str) -> None:
    """JSON lines; a line that is not JSON is listed with its number."""
    good = 0
    for n, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            error = OrderInvalid(f"Line {n} is not JSON.", hint="Every line must hold one whole order.")
            found.rejected.append(Rejected.of(f"line {n}", "", error, line))
            continue
        good += 1
        _add(found, f"line {n}", value)
    if not good:
        raise Invalid(
            "The file is neither JSON, JSON lines nor an order export.",
            hint="Upload Shopify's CSV export or order JSON.",
        )
