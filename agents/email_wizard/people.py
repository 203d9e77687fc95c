"""Customers as they are kept: one row an address, with its orders and what became of the mails to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

from ionflux_core.sdk import Context

from .times import iso

CUSTOMERS = "customers"
_ORDERS_KEPT = 300
_TITLES_KEPT = 12
_SENDS_KEPT = 8


class Customer(TypedDict):
    """One customer. `orders` maps an id to [at, amount, currency, updated]; `given` holds totals a list told.

    `consent` is None where no list said anything. `quiet` counts the mails since the last sign of life.
    """

    email: str
    first: str
    last: str
    consent: bool | None
    created: str | None
    orders: dict[str, list[str]]
    given: dict[str, Any] | None
    titles: list[str]
    opened: str | None
    clicked: str | None
    mailed: str | None
    mails: int
    opens: int
    clicks: int
    quiet: int
    sends: list[list[str]]


def new_customer(email: str) -> Customer:
    """A customer of whom nothing but the address is known."""
    return Customer(
        email=email, first="", last="", consent=None, created=None, orders={}, given=None, titles=[], opened=None,
        clicked=None, mailed=None, mails=0, opens=0, clicks=0, quiet=0, sends=[],
    )  # fmt: skip


class People:
    """The customers of an instance: read once or one by one, written together at the end of a step."""

    def __init__(self, ctx: Context, *, everybody: bool = False) -> None:
        self._ctx = ctx
        self._all = everybody
        self._rows: dict[str, Customer] = {}
        self._changed: set[str] = set()
        self.added = 0
        if everybody:
            self._rows = {row.key: _whole(row.key, row.data) for row in ctx.records.find(CUSTOMERS, limit=1_000_000)}

    def get(self, email: str) -> Customer | None:
        """The customer of that address, or None."""
        if email not in self._rows and not self._all:
            row = self._ctx.records.get(CUSTOMERS, email)
            if row is not None:
                self._rows[email] = _whole(email, row.data)
        return self._rows.get(email)

    def open(self, email: str) -> Customer:
        """The customer of that address to be changed; a new one when it is not known."""
        customer = self.get(email)
        if customer is None:
            customer = self._rows[email] = new_customer(email)
            self.added += 1
        self._changed.add(email)
        return customer

    def everyone(self) -> list[Customer]:
        """All customers, by address."""
        return [self._rows[email] for email in sorted(self._rows)]

    def save(self, at: datetime) -> int:
        """Store what was changed; how many rows."""
        rows = [(email, dict(self._rows[email]), at) for email in sorted(self._changed)]
        self._changed.clear()
        return self._ctx.records.put_many(CUSTOMERS, rows) if rows else 0


def _whole(email: str, data: Mapping[str, Any]) -> Customer:
    return {**new_customer(email), **data}  # type: ignore[typeddict-item]


def add_order(customer: Customer, order_id: str, row: list[str], titles: Iterable[str]) -> None:
    """Keep an order with its customer; beyond 300 the oldest go into the totals."""
    customer["orders"][order_id] = row
    for title in titles:
        if title and title not in customer["titles"]:
            customer["titles"] = [*customer["titles"], title][-_TITLES_KEPT:]
    while len(customer["orders"]) > _ORDERS_KEPT:
        oldest = min(customer["orders"], key=lambda key: (customer["orders"][key][0], key))
        at, amount, currency, _ = customer["orders"].pop(oldest)
        given = customer["given"] or {"orders": 0, "spent": "0", "currency": currency, "last": None}
        spent = Decimal(given["spent"]) + (Decimal(amount) if given["currency"] == currency else 0)
        customer["given"] = {**given, "orders": given["orders"] + 1, "spent": str(spent), "last": given["last"] or at}


def add_send(customer: Customer, campaign: str, step: int, effect_id: str, at: datetime) -> None:
    """Note that a mail went out, so that what is heard of it later finds its way."""
    customer["sends"] = [*customer["sends"], [campaign, str(step), effect_id, iso(at)]][-_SENDS_KEPT:]
    customer["mailed"] = iso(at)
    customer["mails"] += 1
    customer["quiet"] += 1


def last_order(customer: Customer) -> str | None:
    """When the customer bought last, as far as known."""
    known = [row[0] for row in customer["orders"].values()]
    given = (customer["given"] or {}).get("last")
    return max([*known, *([given] if given else [])], default=None)


def first_order(customer: Customer) -> str | None:
    """When the customer bought first, as far as known; None when a list only told totals."""
    if customer["given"] and customer["given"]["orders"] > len(customer["orders"]):
        return None
    return min((row[0] for row in customer["orders"].values()), default=None)


def order_count(customer: Customer) -> int:
    """How many orders, from the orders themselves or the totals a list told, whichever is more."""
    return max(len(customer["orders"]), int((customer["given"] or {}).get("orders", 0)))


def spent(customer: Customer, currency: str) -> tuple[Decimal, int]:
    """What was spent in that currency and in how many orders; totals of a list count when they know of more orders."""
    amounts = [Decimal(row[1]) for row in customer["orders"].values() if row[2] == currency]
    given = customer["given"]
    if given and given["currency"] == currency and given["orders"] > len(amounts):
        return Decimal(given["spent"]), int(given["orders"])
    return sum(amounts, Decimal(0)), len(amounts)


def last_answer(customer: Customer) -> str | None:
    """The last order, open or click."""
    return max((sign for sign in (last_order(customer), customer["opened"], customer["clicked"]) if sign), default=None)


def last_life(customer: Customer) -> str | None:
    """The last sign of life: an order, an open, a click, or the day the customer came to be known."""
    return max((sign for sign in (last_answer(customer), customer["created"]) if sign), default=None)
