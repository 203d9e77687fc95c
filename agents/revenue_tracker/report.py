"""What the kept sums say about a period: the dashboard's figures, as JSON ready for charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ionflux_core.sdk import Context, Record, not_computed

from .books import load_settings
from .costs import CostSettings
from .ledger import DAY_PRODUCTS, DAYS
from .margins import NO_PRODUCT, Tally, break_even, percent, roll_up
from .money import DIGITS, to_minor
from .options import Options, Period, day_start, period_of
from .variance import MIN_BASELINE_DAYS, WATCHED_DAYS, Watch, decompose, watch_margin

_WATCH_DAYS = 56
_LISTED = 200


@dataclass(slots=True)
class Sums:
    """The sums of a period: by day and by product, and the orders in no sum (why -> count)."""

    period: Period
    days: dict[str, Tally] = field(default_factory=dict)
    products: dict[str, Tally] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        """The whole period."""
        return Tally.from_rows(tally.to_row() for tally in self.days.values())

    @property
    def missing(self) -> list[str]:
        """Products of which some order has no cost of goods."""
        return sorted(key for key, tally in self.products.items() if tally.unknown)


@dataclass(frozen=True, slots=True)
class Report:
    """A period, the one before it, and the watch on the daily margin."""

    currency: str
    now: Sums
    before: Sums
    watch: Watch | None
    settings: CostSettings


def build_report(ctx: Context, options: Options, currency: str) -> Report:
    """Read the kept sums of the period, of the one before, and of the weeks the watch looks at."""
    today = ctx.now().astimezone(options.zone).date()
    first, last = (_edge(ctx, newest) for newest in (False, True)) if options.period == "all" else (None, None)
    period = period_of(options.period, today, first, last)
    before = period.previous()
    watched = Period("watch", period.last - timedelta(days=_WATCH_DAYS - 1), period.last)
    days = _rows(ctx, options, DAYS, Period("all", min(before.first, watched.first), period.last))
    products = _rows(ctx, options, DAY_PRODUCTS, Period("all", before.first, period.last))
    recent = {row.key: Tally(*row.data["total"]) for row in days if watched.holds(row.key)}
    series = [(day, float(t.net_pct)) for day, t in sorted(recent.items()) if t.net_pct is not None]
    timeline = sorted(load_settings(ctx.records), key=lambda entry: entry.since)
    valid = [entry for entry in timeline if entry.since <= period.last.isoformat()]
    return Report(
        currency,
        _sums(days, products, period),
        _sums(days, products, before),
        watch_margin(series),
        valid[-1] if valid else CostSettings(),
    )


def _edge(ctx: Context, newest: bool) -> date | None:
    rows = ctx.records.find(DAYS, limit=1, newest_first=newest)
    return date.fromisoformat(rows[0].key) if rows else None


def _rows(ctx: Context, options: Options, collection: str, period: Period) -> list[Record]:
    first = day_start(period.first, options.zone)
    return ctx.records.find(collection, since=first, until=day_start(period.last + timedelta(days=1), options.zone))


def _sums(days: list[Record], day_products: list[Record], period: Period) -> Sums:
    found = Sums(period)
    for row in days:
        if period.holds(row.key):
            found.days[row.key] = Tally(*row.data["total"])
            for why, count in row.data["left_out"].items():
                found.left_out[why] = found.left_out.get(why, 0) + count
    products: dict[str, list[list[int]]] = {}
    for row in day_products:
        if period.holds(row.key):
            for key, (title, *sums) in row.data["products"].items():
                products.setdefault(key, []).append(sums)
                found.titles[key] = title
    found.products = {key: Tally.from_rows(rows) for key, rows in products.items()}
    return found


def money(minor: int | None, currency: str) -> float | None:
    """Major units as a JSON number; None stays None."""
    return None if minor is None else minor / 10 ** DIGITS[currency]


def number(value: Any) -> float | None:
    """A Decimal as a JSON number; None stays None."""
    return None if value is None else float(value)


def tally_json(tally: Tally, currency: str) -> dict[str, Any]:
    """A sum as JSON in major units. With an unknown cost the margins are null and `known_costs` holds the rest."""
    counts = {name: getattr(tally, name) for name in ("orders", "cancelled", "refund_orders", "units")}
    names = ("sales", "discounts", "refunds", "shipping_income", "net_revenue")
    costs = ("fees", "shipping_cost", "marketing", "app_share")
    known = {
        "orders": tally.known_orders,
        "net_revenue": money(tally.known_revenue, currency),
        "gross_margin": money(tally.known_gross, currency),
        "net_margin": money(tally.known_net, currency),
        "net_margin_pct": number(percent(tally.known_net, tally.known_revenue)),
    }
    return {
        **counts,
        **{name: money(getattr(tally, name), currency) for name in names},
        "cogs": None if tally.unknown else money(tally.cogs, currency),
        **{name: money(getattr(tally, name), currency) for name in costs},
        "gross_margin": money(tally.gross, currency),
        "net_margin": money(tally.net, currency),
        "net_margin_pct": number(tally.net_pct),
        "cogs_completeness": number(tally.completeness),
        "known_costs": known if tally.unknown else None,
    }


def ranked_products(sums: Sums) -> list[str]:
    """Products whose margin is known, best net margin first."""
    known = [(tally.net, key) for key, tally in sums.products.items() if tally.net is not None and key != NO_PRODUCT]
    return [key for _, key in sorted(((-net, key) for net, key in known))]


def product_json(sums: Sums, key: str, currency: str) -> dict[str, Any]:
    """One product's sum as JSON."""
    return {"product": key, "title": sums.titles[key], **tally_json(sums.products[key], currency)}


def dashboard(report: Report, options: Options, processed: Mapping[str, Any]) -> dict[str, Any]:
    """`profitability_dashboard_data_json`."""
    sums, code = report.now, report.currency
    total = sums.total
    ranked = ranked_products(sums)
    by_revenue = sorted(sums.products, key=lambda key: (-sums.products[key].net_revenue, key))
    days = {day: sums.days.get(day, Tally()) for day in sums.period.days}
    return {
        "currency": code,
        "timezone": options.zone.key,
        "period": _period_json(sums.period),
        "settings": {
            "fee_base": options.fee_base,
            "shipping_income": options.shipping_income,
            "costs_not_entered": report.settings.not_entered(),
        },
        "totals": tally_json(total, code),
        "completeness": {
            "cogs_completeness": number(total.completeness),
            "orders_with_unknown_costs": total.unknown,
            "missing_costs": [{"product": k, "title": sums.titles[k]} for k in sums.missing[:_LISTED]],
            "left_out": sums.left_out,
        },
        "daily": [{"day": day, **tally_json(tally, code)} for day, tally in days.items()],
        "weekly": [{"week": name, **tally_json(t, code)} for name, t in roll_up(days, "week").items()],
        "monthly": [{"month": name, **tally_json(t, code)} for name, t in roll_up(days, "month").items()],
        "products": [product_json(sums, key, code) for key in by_revenue[:_LISTED]],
        "products_total": len(by_revenue),
        "best_products": [product_json(sums, key, code) for key in ranked[: options.top_products]],
        "worst_products": [product_json(sums, key, code) for key in ranked[::-1][: options.top_products]],
        "break_even": break_even(total, to_minor(report.settings.get("fixed_costs_per_month"), code), code),
        "variance": variance_json(report),
        "margin_watch": report.watch.to_json() if report.watch else not_computed(_TOO_FEW_DAYS),
        "orders": processed["orders"],
        "processing": {"counts": processed["counts"], "rejected_files": processed["rejected_files"]},
        "rejected": processed["rejected"],
    }


_TOO_FEW_DAYS = (
    f"fewer than {MIN_BASELINE_DAYS + WATCHED_DAYS} days with orders and known costs in the last {_WATCH_DAYS} days"
)


def _period_json(period: Period) -> dict[str, str]:
    return {"name": period.name, "from": period.first.isoformat(), "to": period.last.isoformat()}


def variance_json(report: Report) -> dict[str, Any]:
    """The change of the net margin against the period before, split into price, volume, mix and cost."""
    now, before = report.now, report.before
    if not before.total.orders or not now.total.orders:
        which = "period before it" if not before.total.orders else "period"
        return not_computed(f"there are no orders in the {which}")
    if now.missing or before.missing:
        names = ", ".join(sorted({*now.missing, *before.missing})[:5])
        return not_computed(f"the cost of goods of some products is unknown: {names}")
    parts = decompose(before.products, now.products)
    code = report.currency
    figures = ("before", "after", "change", "price", "volume", "mix", "cost")
    return {
        "compared_with": _period_json(before.period),
        **{name: money(getattr(parts, name), code) for name in figures},
        "by_kind": {name: money(amount, code) for name, amount in parts.by_kind.items()},
    }
