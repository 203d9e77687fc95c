"""Filter, format, answer: the smallest useful thing a webhook starts, in three journaled steps."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context


def paid_items(order: dict[str, Any]) -> list[dict[str, Any]]:
    """The items that cost something."""
    return [item for item in order.get("items", []) if item.get("price", 0) > 0]


def formatted(name: str, items: list[dict[str, Any]]) -> str:
    """One line about an order."""
    return f"{name}: " + ", ".join(f"{item['quantity']} x {item['title']}" for item in items)


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Filter the order's items, format a line, and give it as the output."""
    order = inputs["order"]
    kept = ctx.step("filter", paid_items, order)
    line = ctx.step("format", formatted, order["name"], kept)
    return {"line": ctx.step("answer", str, line)}
