"""The orders of this instance as they are kept, their margins, and the sums of every day.

Kept per order: what the figures need (`kept.py`), never names or addresses of customers. Rows are written so that a
crash between any two writes is healed by running again: margins before the order that vouches for them, and every
order that was seen again has its day summed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ionflux_core.sdk import IonfluxError, Record

from .costs import CostBook, Rate
from .csv_export import Rejected
from .kept import KEPT, KEPT_REFUND, slim
from .margins import MarginRules, OrderMargin, Tally, order_margin
from .money import FieldMissing
from .options import day_start
from .orders import Order, parse_order

ORDERS, REFUNDS, MARGINS = "rt_orders", "rt_refunds", "rt_order_margins"
DAYS, DAY_PRODUCTS = "rt_snapshots", "rt_snapshot_products"
_MANY = 50
_SHOWN = 100
_PAGE = 5_000
_ANY_TIME = "2000-01-01T00:00:00Z"


@dataclass(slots=True)
class Outcome:
    """What became of the orders of a run, with the days whose sums they touch and the margins that were worked out."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    older: int = 0
    refunds: int = 0
    days: set[str] = field(default_factory=set)
    rejected: list[Rejected] = field(default_factory=list)
    margins: list[OrderMargin] = field(default_factory=list)


@dataclass(slots=True)
class Candidate:
    """A readable order on its way in."""

    where: str
    raw: dict[str, Any]
    order: Order
    rank: list[Any]


def rank_of(order: Order, raw: Mapping[str, Any]) -> list[Any]:
    """Which version of an order wins: the later one; at the same moment the one that gave more back."""
    back = order.shipping_refunded + order.other_refunded + sum(line.refunded for line in order.lines)
    text = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    print_ = hashlib.sha256(text.encode()).hexdigest()[:16]
    return [order.updated_at.isoformat(timespec="microseconds"), int(order.cancelled), back, print_]


def read_candidates(incoming: Iterable[tuple[str, Any, Any]], rejected: list[Rejected]) -> dict[str, Candidate]:
    """The newest readable version of every order by id; the rest goes to `rejected`."""
    newest: dict[str, Candidate] = {}
    for where, raw, source in incoming:
        kept = slim(raw, KEPT) if isinstance(raw, Mapping) else raw
        try:
            order = parse_order(kept)
        except IonfluxError as error:
            order_id = str(raw.get("id") or "")[:80] if isinstance(raw, Mapping) else ""
            rejected.append(Rejected.of(where, order_id, error, source))
            continue
        rank = rank_of(order, kept)
        known = newest.get(order.id)
        if known is None or rank > known.rank:
            newest[order.id] = Candidate(where, kept, order, rank)
    return newest


def store_refunds(records: Any, refunds: Iterable[Mapping[str, Any]], outcome: Outcome, *, strict: bool) -> list[str]:
    """Keep refunds that came on their own; the ids of their orders. A bad one is listed, or raised when `strict`."""
    orders: dict[str, None] = {}
    for raw in refunds:
        order_id = str(raw["order_id"])[:80]
        kept = slim(raw, KEPT_REFUND)
        try:
            _check_refund(order_id, kept)
        except IonfluxError as error:
            if strict:
                raise
            outcome.rejected.append(Rejected.of("refund", order_id, error, raw))
            continue
        records.put(REFUNDS, f"{order_id}/{kept['id']}", kept)
        orders[order_id] = None
        outcome.refunds += 1
    return list(orders)


def _check_refund(order_id: str, refund: Mapping[str, Any]) -> None:
    """Read the refund with an empty order around it, so that a bad one is refused before it is kept."""
    if not refund.get("id"):
        raise FieldMissing(f"A refund of order {order_id} has no id.", hint="Send the refund as Shopify wrote it.")
    payments = refund.get("transactions") or [{}]
    first = payments[0] if isinstance(payments, list) and isinstance(payments[0], Mapping) else {}
    shop = (first.get("amount_set") or {}).get("shop_money") or {}
    currency = shop.get("currency_code") or first.get("currency") or "USD"
    blank: dict[str, Any] = {
        "id": order_id,
        "currency": currency,
        "created_at": _ANY_TIME,
        "total_price": "0",
        "line_items": [],
    }
    parse_order({**blank, "refunds": [refund]})


def stored_orders(records: Any, candidates: Mapping[str, Candidate]) -> dict[str, Record]:
    """The kept versions of these orders."""
    found: dict[str, Record] = {}
    if len(candidates) > _MANY:
        if not records.find(ORDERS, limit=1):
            return {}
        times = [candidate.order.placed_at for candidate in candidates.values()]
        rows = records.find(ORDERS, since=min(times), until=max(times) + timedelta(seconds=1))
        found = {row.key: row for row in rows if row.key in candidates}
    for order_id in candidates:
        row = None if order_id in found else records.get(ORDERS, order_id)
        if row is not None:
            found[order_id] = row
    return found


def own_refunds(records: Any, order_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Refunds that came on their own, by order."""
    wanted = set(order_ids)
    found: dict[str, list[dict[str, Any]]] = {}
    prefixes = [f"{order_id}/" for order_id in wanted] if len(wanted) <= _MANY else [""]
    for prefix in prefixes:
        for row in records.find(REFUNDS, prefix=prefix):
            order_id = row.key.rsplit("/", 1)[0]
            if order_id in wanted:
                found.setdefault(order_id, []).append(row.data)
    return found


def with_refunds(raw: dict[str, Any], own: list[dict[str, Any]]) -> dict[str, Any]:
    """The order with all its refunds, each once; the bare sum of a CSV export gives way to real refunds."""
    refunds = {str(row.get("id")): row for row in [*own, *raw.get("refunds", [])]}
    if len(refunds) > 1:
        refunds.pop("export", None)
    return {**raw, "refunds": [refunds[key] for key in sorted(refunds)]} if refunds else raw


def decide(candidates: Mapping[str, Candidate], stored: Mapping[str, Record], outcome: Outcome) -> list[Candidate]:
    """The orders to write: new ones and later versions. An older version never replaces a newer one."""
    changed = []
    for order_id, candidate in candidates.items():
        known = stored.get(order_id)
        rank = candidate.rank
        if known is None:
            outcome.new += 1
        elif rank > known.data["rank"]:
            outcome.updated += 1
        else:
            outcome.unchanged += rank == known.data["rank"]
            outcome.older += rank < known.data["rank"]
            outcome.days.add(known.data["day"])
            continue
        changed.append(candidate)
    return changed


def write_orders(
    records: Any,
    changed: Iterable[Candidate],
    stored: Mapping[str, Record],
    own: Mapping[str, list[dict[str, Any]]],
    book: CostBook,
    rules: MarginRules,
    outcome: Outcome,
) -> None:
    """Work out and keep orders; the rate an order was first counted with stays with it."""
    margins, orders = [], []
    for candidate in changed:
        known = stored.get(candidate.order.id)
        refunds = own.get(candidate.order.id)
        order = _refunded(candidate, refunds, outcome) if refunds else candidate.order
        margin = order_margin(order, book, rules, kept_rate(known.data, rules) if known else None)
        row = {"order": candidate.raw, "rank": candidate.rank, "day": margin.day, "rate": rate_row(margin, rules)}
        margins.append((order.id, margin_row(margin), order.placed_at))
        orders.append((order.id, row, order.placed_at))
        outcome.days |= {margin.day, known.data["day"]} if known else {margin.day}
        outcome.margins = [*outcome.margins, margin][-_SHOWN:]
    records.put_many(MARGINS, margins)
    records.put_many(ORDERS, orders)


def _refunded(candidate: Candidate, refunds: list[dict[str, Any]], outcome: Outcome) -> Order:
    """The order with the refunds that came on their own; when they do not fit it, they are listed and left out."""
    try:
        return parse_order(with_refunds(candidate.raw, refunds))
    except IonfluxError as error:
        outcome.rejected.append(Rejected.of("refund", candidate.order.id, error, refunds))
        return candidate.order


def rework(records: Any, rows: Iterable[Record], book: CostBook, rules: MarginRules, outcome: Outcome) -> None:
    """Work out kept orders again, with the costs as they are now and all their refunds."""
    batch = list(rows)
    own = own_refunds(records, [row.key for row in batch])
    candidates = []
    for row in batch:
        raw = row.data["order"]
        candidates.append(Candidate("stored", raw, parse_order(raw), row.data["rank"]))
    write_orders(records, candidates, {row.key: row for row in batch}, own, book, rules, outcome)


def pages(records: Any) -> Iterable[list[Record]]:
    """All kept orders, a few thousand at a time, by time."""
    seen: set[str] = set()
    since = None
    while True:
        rows = records.find(ORDERS, since=since, limit=_PAGE)
        fresh = [row for row in rows if row.key not in seen]
        if fresh:
            yield fresh
        if len(rows) < _PAGE or not fresh:
            return
        since = rows[-1].at
        seen = {row.key for row in rows if row.at == since}


def kept_rate(data: Mapping[str, Any], rules: MarginRules) -> Rate | None:
    """The rate stored with an order, when it led to the same reporting currency."""
    row = data.get("rate")
    if not row or row["to"] != rules.currency:
        return None
    return Rate(row["from"], row["date"], Decimal(row["rate"]))


def rate_row(margin: OrderMargin, rules: MarginRules) -> dict[str, str] | None:
    """The rate as it is stored with the order."""
    rate = margin.rate
    if rate is None:
        return None
    return {"from": rate.source, "to": rules.currency, "date": rate.since, "rate": str(rate.rate)}


def margin_row(margin: OrderMargin) -> dict[str, Any]:
    """An order's margin as it is kept: sums as lists in the order of `margins.FIELDS`."""
    return {
        "name": margin.name,
        "day": margin.day,
        "skip": margin.skip,
        "currency": margin.currency,
        "total": margin.total.to_row() if margin.total else None,
        "products": {key: [margin.titles[key], *tally.to_row()] for key, tally in margin.products.items()},
    }


@dataclass(slots=True)
class DaySum:
    """One business day: its total, its products, and the orders that are in no sum (why -> count)."""

    day: str
    total: Tally = field(default_factory=Tally)
    products: dict[str, Tally] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def sum_day(records: Any, day: str, rules: MarginRules) -> DaySum:
    """Add up a business day from its orders and keep the sums."""
    first = day_start(date.fromisoformat(day), rules.zone)
    end = day_start(date.fromisoformat(day) + timedelta(days=1), rules.zone)
    found = DaySum(day)
    totals: list[list[int]] = []
    products: dict[str, list[list[int]]] = {}
    for row in records.find(MARGINS, since=first, until=end):
        if row.data["total"] is None:
            why = row.data["skip"] or f"no rate for {row.data['currency']}"
            found.left_out[why] = found.left_out.get(why, 0) + 1
            continue
        totals.append(row.data["total"])
        for key, (title, *sums) in row.data["products"].items():
            products.setdefault(key, []).append(sums)
            found.titles[key] = title
    found.total = Tally.from_rows(totals)
    found.products = {key: Tally.from_rows(rows) for key, rows in products.items()}
    kept = {key: [found.titles[key], *tally.to_row()] for key, tally in found.products.items()}
    records.put(DAY_PRODUCTS, day, {"products": kept}, at=first)
    records.put(DAYS, day, {"total": found.total.to_row(), "left_out": found.left_out}, at=first)
    return found
