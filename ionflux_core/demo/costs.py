"""What the demo shop's orders cost beyond their own figures: goods by SKU and day, fees, shipping, marketing, apps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from ionflux_core.demo.catalogue import CATALOGUE, Variant
from ionflux_core.demo.pricing import text
from ionflux_core.demo.truth import Period, Truth


def cost_inputs(period: Period, truth: Truth, order_count: int) -> dict[str, Any]:
    """The `manual_cost_inputs` of the Revenue Tracker: decimal texts in the shop's currency, `from` is a local day."""
    hours = max((period.end - period.start) / timedelta(hours=1), 1.0)
    return {
        "cogs": {variant.sku: _history(variant, period, truth) for variant in CATALOGUE},
        "gateway_fee_percent": "2.9",
        "gateway_fee_fixed": "0.30",
        "shipping_cost_per_order": "6.20",
        "shipping_cost_by_destination": {"GB": "12.40", "DE": "13.10", "IE": "13.60"},
        "marketing_cost_per_order": "3.10",
        "app_fees": "100.00",
        "orders_per_month": max(round(order_count * 30 * 24 / hours), 1),
        "fixed_costs_per_month": "9500.00",
    }


def _history(variant: Variant, period: Period, truth: Truth) -> list[dict[str, str]]:
    # A year ahead of the first order, so that an older test order finds a cost too.
    since = period.first - timedelta(days=365)
    rows = [{"from": since.isoformat(), "cost": text(variant.cogs_minor)}]
    drop = truth.margin_drop
    if drop and variant.sku in drop.skus:
        raised = int(variant.cogs_minor * Decimal(drop.cost_factor))
        rows.append({"from": drop.day.isoformat(), "cost": text(raised)})
    return rows
