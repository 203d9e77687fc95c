"""What became of mails: deliveries, opens, clicks, bounces, complaints, unsubscriptions. Each fact counts once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ionflux_core.sdk import Context, Invalid

from . import offers
from .addresses import one_line, read_address
from .clearance import suppress
from .ledger import (
    EVENTS,
    count_day,
    count_segment,
    keep_recipients,
    keep_send,
    recipient,
    recipients,
    running,
    send_key,
    send_row,
)
from .people import Customer, People
from .sequence import HEARD, ended, hears
from .settings import Settings
from .times import iso, later, local_day, parsed, read_moment

BOUNCED_EVENT = "ionflux.agent.emailwizard.email_bounced"
_LISTED = 20
_SPELLINGS = {
    "delivered": "delivered", "delivery": "delivered", "open": "opened", "opened": "opened", "click": "clicked",
    "clicked": "clicked", "bounce": "bounced", "bounced": "bounced", "dropped": "dropped", "deferred": "deferred",
    "spamreport": "complained", "complained": "complained", "complaint": "complained", "unsubscribe": "unsubscribed",
    "unsubscribed": "unsubscribed", "group_unsubscribe": "unsubscribed",
}  # fmt: skip
ENDING = {"bounced": "bounced", "complained": "complained", "unsubscribed": "unsubscribed"}


@dataclass(slots=True)
class Heard:
    """What a run heard: counts by fact, what was not understood, revenue that came after clicks."""

    counts: Counter[str] = field(default_factory=Counter)
    unknown: list[dict[str, str]] = field(default_factory=list)
    bounced: list[dict[str, str]] = field(default_factory=list)
    revenue: dict[str, Decimal] = field(default_factory=dict)
    orders: int = 0
    paused: list[str] = field(default_factory=list)


class Ears:
    """Takes facts about mails and orders in, with everything they change."""

    def __init__(self, ctx: Context, settings: Settings, people: People) -> None:
        self._ctx = ctx
        self._settings = settings
        self._people = people
        self._running = running(ctx)
        self.heard = Heard()

    @property
    def _zone(self) -> ZoneInfo:
        return self._settings.zone

    def take(self, value: Any, subject: str | None) -> None:
        """One event, or a list of them, as it came."""
        inner = value.get("events", value) if isinstance(value, Mapping) else value
        rows = inner if isinstance(inner, list) else [inner]
        if len(rows) > 10_000:
            raise Invalid("More than 10,000 mail events came at once.", hint="Send them in parts.")
        for row in rows:
            if isinstance(row, Mapping):
                self._one(row, subject)
            else:
                self._not_understood("", "not an object")

    def _not_understood(self, what: Any, why: str) -> None:
        self.heard.counts["not_understood"] += 1
        if len(self.heard.unknown) < _LISTED:
            self.heard.unknown.append({"event": one_line(what, 80), "reason": why})

    def _one(self, row: Mapping[str, Any], subject: str | None) -> None:
        word = str(row.get("event") or row.get("kind") or (subject or "").rpartition(".")[2]).lower()
        fact = _SPELLINGS.get(word)
        if fact is None:
            self._not_understood(word, "no fact this agent knows")
            return
        at = read_moment(row.get("at") or row.get("timestamp") or row.get("time")) or iso(self._ctx.now())
        email = self._address(row)
        if email is None:
            self._not_understood(word, "it names nobody this agent has written to")
            return
        if self._seen(row, fact, email, at):
            self.heard.counts["doubled"] += 1
            return
        if fact == "opened" and (row.get("machine") is True or row.get("sg_machine_open") is True):
            fact = "delivered"
        self._apply(fact, email, at, row)

    def _address(self, row: Mapping[str, Any]) -> str | None:
        for key in ("address", "recipient", "email", "target"):
            address = read_address(row.get(key))
            if not address.problem:
                return address.email
        campaign_id, token = one_line(row.get("m") or row.get("campaign"), 40), one_line(row.get("r"), 60)
        if not campaign_id or not token:
            return None
        return next((each["email"] for each in recipients(self._ctx, campaign_id) if each["token"] == token), None)

    def _seen(self, row: Mapping[str, Any], fact: str, email: str, at: str) -> bool:
        """Whether this very event came before; noted so that it is known the next time."""
        given = row.get("sg_event_id") or row.get("event_id") or row.get("id")
        text = str(given) if given else json.dumps([fact, email, at, row.get("effect_id"), row.get("url")], default=str)
        key = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]
        if self._ctx.records.get(EVENTS, key) is not None:
            return True
        self._ctx.records.put(EVENTS, key, {"fact": fact, "email": email, "at": at}, at=parsed(at))
        return False

    def _apply(self, fact: str, email: str, at: str, row: Mapping[str, Any]) -> None:
        self.heard.counts[fact] += 1
        customer = self._people.get(email)
        send = self._send_of(customer, row, at) if customer else None
        soft = fact == "bounced" and (row.get("hard") is False or row.get("type") == "blocked")
        if customer and send is not None and not soft:
            self._of_send(fact, self._people.open(email), send, at)
        elif customer and fact in ("opened", "clicked"):
            self._answered(fact, self._people.open(email), set(), at)
        if fact in ENDING and not soft:
            suppress(self._ctx, email, ENDING[fact], at)
            self.end(email, ENDING[fact])
            if fact == "bounced":
                self.heard.bounced.append({"email": email, "at": at, "reason": one_line(row.get("reason"), 200)})

    def _send_of(self, customer: Customer, row: Mapping[str, Any], at: str) -> dict[str, Any] | None:
        """The mail a fact is about: by the effect's id, else the last one before it."""
        named = send_row(self._ctx, str(row.get("effect_key") or row.get("ionflux_key") or "")[:300])
        if named is not None and named["email"] == customer["email"]:
            return {**named, "key": send_key(named["campaign"], named["step"], named["email"])}
        effect = str(row.get("effect_id") or row.get("ionflux_effect") or "")
        known = [each for each in customer["sends"] if effect and each[2] == effect]
        if not known and not effect:
            known = [each for each in customer["sends"] if each[3] <= later(at, hours=0.02)]
        if not known:
            return None
        key = send_key(known[-1][0], int(known[-1][1]), customer["email"])
        send = send_row(self._ctx, key)
        return None if send is None else {**send, "key": key}

    def _of_send(self, fact: str, customer: Customer, send: dict[str, Any], at: str) -> None:
        heard = dict(send["heard"])
        fresh = fact not in heard
        heard[fact] = min(heard.get(fact, at), at)
        if fact in HEARD:
            for implied in HEARD[: HEARD.index(fact)]:
                heard[implied] = min(heard.get(implied, at), at)
        if fact in ("opened", "clicked"):
            self._answered(fact, customer, heard.keys() - send["heard"].keys(), at)
        send["heard"] = heard
        if fact == "clicked":
            self._reward(send, "clicked")
            self.attribute(customer, send)
        self._keep(send)
        if fresh:
            self._count(fact, send)
        stands = recipient(self._ctx, send["campaign"], customer["email"])
        if stands is not None and stands["step"] == send["step"]:
            keep_recipients(self._ctx, [hears(stands, fact, at)], self._ctx.now())

    @staticmethod
    def _answered(fact: str, customer: Customer, fresh: set[str], at: str) -> None:
        """A sign of life; a click means that the mail was opened."""
        customer["quiet"] = 0
        customer["opened"] = max(customer["opened"] or at, at)
        if fact == "clicked":
            customer["clicked"] = max(customer["clicked"] or at, at)
        customer["opens"] += "opened" in fresh
        customer["clicks"] += "clicked" in fresh

    def _count(self, fact: str, send: Mapping[str, Any]) -> None:
        """Bounces and complaints count for the day the mail left on, and bounces for its segment."""
        if fact not in ("bounced", "complained"):
            return
        count_day(self._ctx, local_day(parsed(send["at"]), self._zone), **{fact: 1})
        if fact == "bounced" and count_segment(self._ctx, send["segment"], 0, 1, iso(self._ctx.now())):
            self.heard.paused.append(send["segment"])

    def _reward(self, send: dict[str, Any], why: str) -> None:
        """Count a mail's offer as a success, once; one that was counted as a failure stays so."""
        if send.get("arm") and not send.get("rewarded"):
            send["rewarded"] = why
            offers.learn(self._ctx, send["test"], send["arm"], True)

    def _keep(self, send: Mapping[str, Any]) -> None:
        keep_send(self._ctx, send["key"], {name: value for name, value in send.items() if name != "key"})

    def attribute(self, customer: Customer, send: dict[str, Any]) -> None:
        """Orders within the days after a click belong to that mail; each order belongs to one mail."""
        clicked = send["heard"].get("clicked")
        if clicked is None:
            return
        until = later(clicked, days=self._settings["attribution_days"])
        for order_id, (at, amount, currency, _) in sorted(customer["orders"].items()):
            if not clicked <= at <= until or self._belongs(customer, order_id):
                continue
            send["orders"] = {**send.get("orders", {}), order_id: [amount, currency]}
            self._reward(send, "ordered")
            self.heard.orders += 1
            self.heard.revenue[currency] = self.heard.revenue.get(currency, Decimal(0)) + Decimal(amount)
            self._keep(send)

    def _belongs(self, customer: Customer, order_id: str) -> bool:
        keys = (send_key(each[0], int(each[1]), customer["email"]) for each in customer["sends"])
        return any(order_id in (send_row(self._ctx, key) or {}).get("orders", {}) for key in keys)

    def bought(self, email: str, at: str) -> int:
        """An order came: it may belong to a click, and it ends the sequences that were running before it."""
        customer = self._people.open(email)
        clicked = []
        for campaign_id, step, _, _ in customer["sends"]:
            key = send_key(campaign_id, int(step), email)
            send = send_row(self._ctx, key)
            if send is not None and send["heard"].get("clicked", "9") <= at:
                clicked.append({**send, "key": key})
        if clicked:
            self.attribute(customer, max(clicked, key=lambda send: str(send["heard"]["clicked"])))
        return self.end(email, "bought", since=at)

    def end(self, email: str, reason: str, *, since: str | None = None) -> int:
        """End this person's sequences; with `since` only those that had begun by then. How many."""
        stands = [recipient(self._ctx, each["id"], email) for each in self._running
                  if since is None or each["created"] <= since]  # fmt: skip
        rows = [ended(each, reason) for each in stands if each is not None and each["state"] != "ended"]
        keep_recipients(self._ctx, rows, self._ctx.now())
        return len(rows)

    def tell(self, now: datetime) -> None:
        """Publish bounces and book revenue, once for the run."""
        tell_bounces(self._ctx, self.heard.bounced)
        for currency, amount in sorted(self.heard.revenue.items()):
            self._ctx.value(
                "money_made",
                float(amount),
                unit=currency,
                method="measured",
                note=f"{self.heard.orders} orders within {self._settings['attribution_days']:g} days after a click, "
                "matched by address.",
            )


def tell_bounces(ctx: Context, bounced: list[dict[str, str]]) -> None:
    """Publish addresses that refused mail: one event each, or one for all when there are many."""
    if len(bounced) > _LISTED:
        payload = {"count": len(bounced), "recipients": [row["email"] for row in bounced[:100]], "aggregated": True}
        ctx.emit(BOUNCED_EVENT, payload)
        return
    for row in bounced:
        ctx.emit(BOUNCED_EVENT, {"count": 1, **row})
