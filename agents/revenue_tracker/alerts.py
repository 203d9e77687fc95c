"""What is worth acting on, each with its figures and what to do; an empty list when nothing is wrong."""

from __future__ import annotations

from datetime import date
from typing import Any

from ionflux_core.sdk import Context

from .margins import NO_PRODUCT
from .options import Options
from .report import Report, money, number, product_json

TOPIC = "ionflux.agent.revenuetracker"
_SEVERITIES = ("medium", "high", "critical")
_MOST = 10
_FEWEST_ORDERS = 5
_COSTS = {
    "cogs": ("The goods", "Ask the supplier for the reason, or raise the price."),
    "fees": ("Payment fees", "Check the gateway's terms and which payment methods grew."),
    "shipping_cost": ("Shipping", "Compare carriers, or change what the customer pays for shipping."),
}


def find_alerts(report: Report, options: Options) -> list[dict[str, Any]]:
    """All alerts of the period, the most severe first."""
    alerts = [*_shop(report, options), *_falling(report), *_products(report, options), *_cost_jumps(report, options)]
    alerts += _missing(report)
    return sorted(alerts, key=lambda alert: -_SEVERITIES.index(alert["severity"]))


def alert_payload(report: Report, alerts: list[dict[str, Any]]) -> dict[str, Any]:
    """`actionable_alert_payload`; status `none` says that nothing needs acting on."""
    period = report.now.period
    return {
        "status": "alert" if alerts else "none",
        "severity": alerts[0]["severity"] if alerts else None,
        "currency": report.currency,
        "period": {"name": period.name, "from": period.first.isoformat(), "to": period.last.isoformat()},
        "alerts": alerts,
    }


def _alert(kind: str, severity: str, message: str, action: str, **figures: Any) -> dict[str, Any]:
    return {"kind": kind, "severity": severity, "message": message, "action": action, "figures": figures}


def _shop(report: Report, options: Options) -> list[dict[str, Any]]:
    total = report.now.total
    if total.net is None or not (total.orders or total.cancelled):
        return []
    below = total.net_pct is not None and total.net_pct < options.margin_threshold
    if total.net >= 0 and not below:
        return []
    shown = f"{total.net_pct} %" if total.net_pct is not None else "negative"
    return [
        _alert(
            "margin_below_threshold",
            "critical" if total.net < 0 else "high",
            f"The net margin of the period is {shown}, the limit is {options.margin_threshold} %.",
            "Look at the worst products first, then at discounts and shipping.",
            net_margin=money(total.net, report.currency),
            net_margin_pct=number(total.net_pct),
            threshold_pct=float(options.margin_threshold),
        )
    ]


def _falling(report: Report) -> list[dict[str, Any]]:
    watch = report.watch
    if watch is None or not watch.falling:
        return []
    return [
        _alert(
            "margin_falling",
            "high",
            f"The daily net margin has been falling since {watch.since}; it used to be {watch.baseline:.1f} %.",
            "See which part of the change is price, mix or cost, and what changed around that day.",
            **watch.to_json(),
        )
    ]


def _products(report: Report, options: Options) -> list[dict[str, Any]]:
    weak = []
    for key, tally in report.now.products.items():
        if tally.net is None or not tally.units or key == NO_PRODUCT:
            continue
        if tally.net < 0 or (tally.net_pct is not None and tally.net_pct < options.margin_threshold):
            weak.append((tally.net, key))
    alerts = []
    for net, key in sorted(weak)[:_MOST]:
        data = product_json(report.now, key, report.currency)
        pct = "no revenue" if data["net_margin_pct"] is None else f"{data['net_margin_pct']:.2f} %"
        alerts.append(
            _alert(
                "product_margin_negative" if net < 0 else "product_margin_low",
                "high" if net < 0 else "medium",
                f"{data['title']} contributes {data['net_margin']:.2f} {report.currency} ({pct}).",
                "Raise its price, lower its cost, or stop promoting it.",
                **data,
            )
        )
    return alerts


def _cost_jumps(report: Report, options: Options) -> list[dict[str, Any]]:
    """Cost per unit (goods) or per order (fees, shipping) against the period before."""
    now, before = report.now.total, report.before.total
    if min(now.orders, before.orders) < _FEWEST_ORDERS:
        return []
    alerts = []
    for name, (title, action) in _COSTS.items():
        if name == "cogs" and (now.unknown or before.unknown):
            continue
        base, count = (before.units, now.units) if name == "cogs" else (before.orders, now.orders)
        old, new = getattr(before, name), getattr(now, name)
        if old <= 0 or not base or not count:
            continue
        rise = (new * base - old * count) * 100 / (old * count)
        if rise >= options.cost_jump:
            per = "unit" if name == "cogs" else "order"
            alerts.append(
                _alert(
                    "cost_jump",
                    "medium",
                    f"{title} cost {rise:.1f} % more per {per} than in the period before.",
                    action,
                    cost=name,
                    per=per,
                    before=money(round(old / base), report.currency),
                    after=money(round(new / count), report.currency),
                    rise_pct=round(rise, 2),
                )
            )
    return alerts


def _missing(report: Report) -> list[dict[str, Any]]:
    missing, total = report.now.missing, report.now.total
    if not missing:
        return []
    names = [report.now.titles[key] for key in missing]
    return [
        _alert(
            "costs_missing",
            "high" if total.unknown * 2 > total.orders else "medium",
            f"{len(missing)} products have no cost of goods, so {total.unknown} orders have no margin.",
            "Enter their cost under manual_cost_inputs.cogs and run Recalculate.",
            products=missing[:50],
            titles=names[:50],
            cogs_completeness=number(total.completeness),
        )
    ]


def publish(ctx: Context, alerts: list[dict[str, Any]], today: date) -> int:
    """Announce alerts: the shop's at most once a day, a product's at most once a week. The number announced."""
    year, week, _ = today.isocalendar()
    sent = 0
    for alert in alerts:
        kind = alert["kind"]
        if kind.startswith("product_"):
            product = alert["figures"]["product"]
            key = f"{kind}:{product}:{year}-W{week:02d}"
            ctx.emit(f"{TOPIC}.low_performing_product_alert", alert, key=key)
        elif kind.startswith("margin_"):
            ctx.emit(f"{TOPIC}.profit_margin_alert", alert, key=f"{kind}:{today.isoformat()}")
        else:
            continue
        sent += 1
    return sent
