"""What comes in with a run: customers, orders, facts about mails, wishes not to be written to, restored recipients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .addresses import one_line, read_address
from .clearance import restore_bounced, suppress
from .ledger import EVENTS, count_customers, keep_recipients, recipients, resume, running
from .mail_events import Ears
from .people import Customer, People, add_order
from .sequence import restored
from .settings import Settings
from .sources import Bought, Found, Person, as_json, collect
from .times import iso, later

_LISTED = 100
_MANY = 300
_FRESH_HOURS = 48
_MOST_WISHES = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to be restored: addresses, segments, or everybody who is held back."""

    emails: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    everybody: bool = False

    def means(self, email: str, segment: str) -> bool:
        """Whether this recipient is among them."""
        return self.everybody or email in self.emails or segment.lower() in self.segments


def read_wish(value: Any) -> Wish:
    """`restore` as a person writes it: an address, a segment, `all`, a list of these, or {segment: ...}."""
    value = as_json(value, "restore") if isinstance(value, str) and value.lstrip()[:1] in ("[", "{") else value
    if not value:
        return Wish()
    rows = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
    if len(rows) > _MOST_WISHES or not all(isinstance(row, str) for row in rows):
        raise Invalid(
            "restore must be a list of addresses, the name of a segment, or all.",
            hint="At most 10,000 addresses at once, such as [ana@example.com].",
        )
    emails = {read_address(row).email for row in rows if "@" in row} - {""}
    words = {one_line(row, 120).lower() for row in rows if "@" not in row}
    return Wish(frozenset(emails), frozenset(words - {"all"}), "all" in words)


def take_in(ctx: Context, settings: Settings, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what came and change what it changes; plain JSON for the report."""
    found = collect(ctx, inputs)
    wish, left = read_wish(inputs.get("restore")), _opt_outs(inputs)
    many = len(found.people) + len(found.orders) > _MANY
    people = People(ctx, everybody=many)
    known = _keep_people(people, found)
    ears = Ears(ctx, settings, people)
    buyers = _keep_orders(people, found, ears, iso(ctx.now()))
    event = as_json(inputs.get("mail_event"), "mail_event")
    if event:
        ears.take(event, ctx.trigger.event_type)
    for email in left:
        if people.get(email) is not None:
            people.open(email)["consent"] = False
        suppress(ctx, email, "opted_out", iso(ctx.now()))
        ears.end(email, "unsubscribed")
    people.save(ctx.now())
    back = _restore(ctx, wish)
    resumed = inputs.get("resume_sending") is True and resume(ctx)
    ears.tell(ctx.now())
    return {
        "customers": {**known, "kept": count_customers(ctx, people.added)},
        "orders": {"received": len(found.orders), **buyers["counts"]},
        "buyers": buyers["emails"],
        "sequences_ended": buyers["ended"],
        "rejected": found.rejected[:_LISTED],
        "rejected_count": len(found.rejected),
        "notes": found.notes[:_LISTED],
        "mail_events": dict(ears.heard.counts),
        "events_not_understood": ears.heard.unknown,
        "attributed": {currency: str(amount) for currency, amount in ears.heard.revenue.items()},
        "attributed_orders": ears.heard.orders,
        "paused": ears.heard.paused,
        "opted_out": len(left),
        "restored": back,
        "resumed": resumed,
    }


def _opt_outs(inputs: Mapping[str, Any]) -> list[str]:
    value = as_json(inputs.get("opt_out"), "opt_out") if inputs.get("opt_out") else []
    rows = value if isinstance(value, list) else [value]
    addresses = [read_address(row) for row in rows[:_MOST_WISHES]]
    wrong = [str(row)[:60] for row, address in zip(rows, addresses, strict=False) if address.problem]
    if wrong:
        raise Invalid(f"opt_out holds {wrong[0]!r}, which is no address.", hint="Write it like [ana@example.com].")
    return [address.email for address in addresses]


def _keep_people(people: People, found: Found) -> dict[str, int]:
    """Merge what lists tell; an address that comes twice is one customer, and the second line is named."""
    seen: dict[str, str] = {}
    counts = {"received": len(found.people), "new": 0, "duplicates": 0}
    for person in found.people:
        if person.email in seen:
            counts["duplicates"] += 1
            found.reject(person.where, person.email, f"the same address as {seen[person.email]}; both are one customer")
        seen.setdefault(person.email, person.where)
        counts["new"] += people.get(person.email) is None
        _merge(people.open(person.email), person)
    return counts


def _merge(customer: Customer, person: Person) -> None:
    customer["first"] = person.first or customer["first"]
    customer["last"] = person.last or customer["last"]
    if person.consent is not None:
        customer["consent"] = person.consent
    if person.created:
        customer["created"] = min(customer["created"] or person.created, person.created)
    if person.given:
        customer["given"] = person.given


def _keep_orders(people: People, found: Found, ears: Ears, now: str) -> dict[str, Any]:
    """Keep orders with their customers; a new one ends the buyer's sequences. An older version changes nothing."""
    counts = {"new": 0, "updated": 0, "unchanged": 0, "not_counted": 0}
    emails: list[str] = []
    ended = 0
    # A sync brings old orders, too; nobody is thanked for those.
    fresh = later(now, hours=-_FRESH_HOURS)
    for order in found.orders:
        customer = people.open(order.email)
        _merge(customer, _as_buyer(order, customer))
        known = customer["orders"].get(order.id)
        if known is not None and known[3] >= order.updated:
            counts["unchanged"] += 1
            continue
        if not order.counts:
            customer["orders"].pop(order.id, None)
            counts["not_counted"] += 1
            continue
        counts["updated" if known else "new"] += 1
        add_order(customer, order.id, [order.at, order.amount, order.currency, order.updated], order.titles)
        if known is None:
            ended += ears.bought(order.email, order.at)
            emails += [order.email] if order.at >= fresh else []
    return {"counts": counts, "emails": list(dict.fromkeys(emails))[:1000], "ended": ended}


def _as_buyer(order: Bought, customer: Customer) -> Person:
    """What an order tells of its buyer: a box that was not ticked takes back no earlier opt-in."""
    person = order.person
    person.consent = person.consent if person.consent or customer["consent"] is None else None
    return person


def _restore(ctx: Context, wish: Wish) -> dict[str, Any]:
    """Take held recipients up again, and addresses a person names off the list of bounced ones."""
    if wish == Wish():
        return {"recipients": 0, "addresses": [], "refused": []}
    freed, refused = restore_bounced(ctx, sorted(wish.emails))
    barred = {row["email"] for row in refused}
    count = 0
    for campaign in running(ctx):
        rows = [row for row in recipients(ctx, campaign["id"]) if row["state"] == "held"]
        meant = [row for row in rows if wish.means(row["email"], row["segment"]) and row["email"] not in barred]
        count += keep_recipients(ctx, [restored(row, iso(ctx.now())) for row in meant], ctx.now())
    return {"recipients": count, "addresses": freed, "refused": refused[:_LISTED]}


def forget_old_events(ctx: Context, limit: int = 5_000) -> int:
    """Remove noted mail events that are older than 90 days: nobody sends those again."""
    from datetime import timedelta

    old = ctx.records.find(EVENTS, until=ctx.now() - timedelta(days=90), limit=limit)
    for row in old:
        ctx.records.delete(EVENTS, row.key)
    return len(old)
