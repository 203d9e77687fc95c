"""Orders in, margins and day sums kept: the part of a run that changes what is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .books import keep_costs, keep_rules, kept_rules, load_book, rules_row
from .ledger import (
    DAYS,
    ORDERS,
    Candidate,
    Outcome,
    decide,
    own_refunds,
    pages,
    read_candidates,
    rework,
    store_refunds,
    stored_orders,
    sum_day,
    write_orders,
)
from .margins import MarginRules, OrderMargin
from .money import DIGITS, to_major
from .options import Options, day_start
from .sources import Incoming, collect

_LISTED = 100
_PART_CHARS = 2_000_000


def process(ctx: Context, inputs: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """Keep what came in and work it out; plain JSON: counts, refusals, the orders' margins, the days to sum again."""
    outcome = Outcome()
    incoming = collect(ctx, inputs)
    outcome.rejected = incoming.rejected
    candidates = read_candidates(incoming.orders, outcome.rejected)
    _stop_when_nothing_is_readable(incoming, candidates, outcome)
    rules = _rules(ctx, options, candidates)
    keep_costs(ctx.records, inputs.get("manual_cost_inputs"), rules.currency, ctx.now())
    stored = stored_orders(ctx.records, candidates) if candidates else {}
    changed = decide(candidates, stored, outcome)
    refunded = store_refunds(ctx.records, incoming.refunds, outcome, strict=incoming.strict)
    book = load_book(ctx.records, inputs.get("fx_rates"), rules.currency, _products(changed))
    own = own_refunds(ctx.records, [candidate.order.id for candidate in changed])
    write_orders(ctx.records, changed, stored, own, book, rules, outcome)
    _rework_refunded(ctx, inputs, refunded, rules, outcome)
    _rework_all(ctx, inputs, options, rules, outcome)
    files = _keep_rejected(ctx, incoming, outcome)
    return _summary(outcome, rules, len(incoming.orders), files)


def _stop_when_nothing_is_readable(incoming: Incoming, candidates: Mapping[str, Candidate], outcome: Outcome) -> None:
    if not outcome.rejected or candidates or incoming.refunds:
        return
    first = outcome.rejected[0]
    if incoming.strict and len(outcome.rejected) == 1:
        raise Invalid(first.message, hint=first.hint, code=first.code)
    more = "" if len(outcome.rejected) == 1 else f" (and {len(outcome.rejected) - 1} more)"
    raise Invalid(
        f"None of the orders can be read. {first.where}: {first.message}{more}", hint=first.hint, code=first.code
    )


def _rules(ctx: Context, options: Options, candidates: Mapping[str, Candidate]) -> MarginRules:
    """The settings of this run. Without a chosen currency the kept one stays; at first it is that of the orders."""
    kept = kept_rules(ctx.records)
    seen = {candidate.order.currency for candidate in candidates.values()}
    usual = ctx.workspace.settings.currency
    currency = options.currency or (kept["currency"] if kept else seen.pop() if len(seen) == 1 else usual)
    if currency not in DIGITS:
        raise Invalid(f"The workspace's currency {currency!r} is not in ISO 4217.", hint="Change it in the settings.")
    return MarginRules(currency, options.zone, options.fee_base, options.shipping_income)


def _products(changed: list[Candidate]) -> dict[str, str]:
    return {line.key: line.variant for candidate in changed for line in candidate.order.lines}


def _rework_refunded(
    ctx: Context, inputs: Mapping[str, Any], order_ids: list[str], rules: MarginRules, outcome: Outcome
) -> None:
    """Refunds that came on their own change the orders they belong to, if those are known already."""
    rows = [row for row in (ctx.records.get(ORDERS, order_id) for order_id in order_ids) if row]
    if rows:
        rework(ctx.records, rows, load_book(ctx.records, inputs.get("fx_rates"), rules.currency, None), rules, outcome)


def _rework_all(
    ctx: Context, inputs: Mapping[str, Any], options: Options, rules: MarginRules, outcome: Outcome
) -> None:
    """Work out everything again when that is the task, or when a setting changed that all figures depend on."""
    kept, wanted = kept_rules(ctx.records), rules_row(rules)
    if options.task != "recalculate" and (kept is None or kept == wanted):
        if kept is None and outcome.new:
            keep_rules(ctx.records, rules, ctx.now())
        return
    if kept and kept != wanted:
        changed = ", ".join(name for name, value in wanted.items() if kept[name] != value)
        ctx.log(f"All orders are worked out again, because a setting changed: {changed}.")
    book = load_book(ctx.records, inputs.get("fx_rates"), rules.currency, None)
    for rows in pages(ctx.records):
        rework(ctx.records, rows, book, rules, outcome)
    outcome.days |= {row.key for row in ctx.records.find(DAYS)}
    keep_rules(ctx.records, rules, ctx.now())


def _keep_rejected(ctx: Context, incoming: Incoming, outcome: Outcome) -> list[dict[str, Any]]:
    """What could not be read, as files that can be corrected and imported again."""
    if not outcome.rejected:
        return []
    ctx.log(f"{len(outcome.rejected)} orders could not be read.", level="warning")
    header = incoming.csv_header
    from_csv = [row.raw for row in outcome.rejected if header and isinstance(row.raw, str)]
    others = [row.raw for row in outcome.rejected if not (header and isinstance(row.raw, str))]
    lines = [raw if isinstance(raw, str) else json.dumps(raw, default=str) for raw in others]
    files = [(f"rejected_orders_{n}.csv", "text/csv", part) for n, part in enumerate(_parts(from_csv, header or ""), 1)]
    files += [(f"rejected_orders_{n}.jsonl", "application/jsonl", part) for n, part in enumerate(_parts(lines, ""), 1)]
    return [asdict(ctx.artifact(name, text, media_type=media_type)) for name, media_type, text in files]


def _parts(texts: list[str], header: str) -> list[str]:
    """Texts on lines of their own, in files that stay below the size of an artifact."""
    parts: list[list[str]] = []
    size = _PART_CHARS
    for text in texts:
        if size >= _PART_CHARS:
            parts.append([header])
            size = 0
        parts[-1].append(text if text.endswith("\n") else text + "\n")
        size += len(text)
    return ["".join(part) for part in parts]


def _summary(outcome: Outcome, rules: MarginRules, received: int, files: list[dict[str, Any]]) -> dict[str, Any]:
    refused = [
        {"where": r.where, "order": r.order_id, "code": r.code, "message": r.message, "hint": r.hint}
        for r in outcome.rejected[:_LISTED]
    ]
    return {
        "currency": rules.currency,
        "counts": {
            "received": received,
            "new": outcome.new,
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "older_ignored": outcome.older,
            "refund_events": outcome.refunds,
            "rejected": len(outcome.rejected),
        },
        "rejected": refused,
        "rejected_files": files,
        "days": sorted(outcome.days),
        "orders": [order_json(margin, rules.currency) for margin in outcome.margins],
    }


def order_json(margin: OrderMargin, currency: str) -> dict[str, Any]:
    """One order's margin with its rate; null where a cost or the rate is unknown."""
    total = margin.total
    rate = margin.rate
    figures = ("net_revenue", "fees", "shipping_cost", "marketing", "app_share", "refunds")

    def money(minor: int | None) -> float | None:
        return None if minor is None else float(to_major(minor, currency))

    return {
        "order": margin.name,
        "id": margin.order_id,
        "day": margin.day,
        "left_out": margin.skip or (None if rate else f"no rate from {margin.currency} to {currency}"),
        **{name: money(getattr(total, name)) if total else None for name in figures},
        "cogs": money(total.cogs) if total and not total.unknown else None,
        "gross_margin": money(total.gross) if total else None,
        "net_margin": money(total.net) if total else None,
        "net_margin_pct": float(total.net_pct) if total and total.net_pct is not None else None,
        "missing_costs": list(margin.missing)[:20],
        "rate": {"from": rate.source, "to": currency, "date": rate.since, "rate": str(rate.rate)}
        if rate and rate.source != currency
        else None,
    }


def sum_days(ctx: Context, days: list[str], currency: str, options: Options) -> dict[str, int]:
    """Sum these days again and report their figures; a margin is taken back while a cost of its day is unknown."""
    rules = MarginRules(currency, options.zone, options.fee_base, options.shipping_income)
    for day in days:
        total = sum_day(ctx.records, day, rules).total
        at = day_start(date.fromisoformat(day), options.zone)
        money = {"net_revenue": total.net_revenue, "gross_margin": total.gross, "net_margin": total.net}
        for name, minor in {**money, "refunds": total.refunds}.items():
            ctx.kpi(name, None if minor is None else float(to_major(minor, currency)), unit=currency, at=at)
        for name, percent in (("net_margin_pct", total.net_pct), ("cogs_completeness", total.completeness)):
            ctx.kpi(name, None if percent is None else float(percent), unit="%", at=at)
        ctx.kpi("orders", total.orders, unit="count", at=at)
    return {"days": len(days)}
