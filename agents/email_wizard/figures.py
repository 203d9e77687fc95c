"""Delivery, clicks, orders, revenue, bounces, complaints: from what really came back, else not computed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ionflux_core.sdk import Context, Record, not_computed

from .ledger import sends_since

DAYS = 30
_NO_FACTS = "no delivery, open or click has been reported in this time"


def figures(ctx: Context, at: datetime) -> dict[str, Any]:
    """The figures of the last 30 days, with the counts they are made of."""
    sends = sends_since(ctx, at - timedelta(days=DAYS))
    return worked_out(sends)


def worked_out(sends: list[Record]) -> dict[str, Any]:
    """The figures of these mails."""
    heard: Counter[str] = Counter()
    revenue: dict[str, Decimal] = {}
    orders = 0
    for row in sends:
        heard.update(row.data["heard"].keys())
        for amount, currency in row.data.get("orders", {}).values():
            orders += 1
            revenue[currency] = revenue.get(currency, Decimal(0)) + Decimal(amount)
    sent = len(sends)
    counts = {"sent": sent, **{fact: heard[fact] for fact in (
        "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed"
    )}, "orders": orders}  # fmt: skip
    reported = counts["delivered"] > 0
    return {
        "days": DAYS,
        "counts": counts,
        "delivery_rate": _share(counts["delivered"], sent, "no mail was sent") if reported else _missing(sent),
        "click_rate": _share(counts["clicked"], counts["delivered"], "") if reported else _missing(sent),
        "click_to_order": _share(orders, counts["clicked"], "nobody has clicked yet"),
        "revenue_per_mail": _per_mail(revenue, sent, reported),
        "bounce_rate": _share(counts["bounced"], sent, "no mail was sent"),
        "complaint_rate": _share(counts["complained"], counts["delivered"], "") if reported else _missing(sent),
        "revenue": {currency: str(amount) for currency, amount in sorted(revenue.items())},
        "formulas": "delivered / sent; unique clicks / delivered; orders / clicks; attributed revenue / sent; "
        "bounced / sent; spam reports / delivered",
    }


def _missing(sent: int) -> dict[str, str]:
    return not_computed(_NO_FACTS if sent else "no mail was sent")


def _share(part: int, whole: int, why: str) -> Any:
    return round(100 * part / whole, 2) if whole else not_computed(why)


def _per_mail(revenue: dict[str, Decimal], sent: int, reported: bool) -> Any:
    if not sent or not reported:
        return _missing(sent)
    if len(revenue) > 1:
        return not_computed(f"orders came in {len(revenue)} currencies")
    total = next(iter(revenue.values()), Decimal(0))
    return round(float(total) / sent, 4)


def report_kpis(ctx: Context, found: dict[str, Any]) -> None:
    """Report what is known; what is not known is taken back."""
    currency = next(iter(found["revenue"]), ctx.workspace.settings.currency)
    for name in ("delivery_rate", "click_rate", "click_to_order", "bounce_rate", "complaint_rate"):
        ctx.kpi(name, _known(found[name]), unit="%")
    ctx.kpi("revenue_per_mail", _known(found["revenue_per_mail"]), unit=currency)


def _known(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
