"""Where customers and orders come from: shop events, lists, files. What cannot be used is listed with its place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .addresses import one_line, read_address, read_name
from .times import read_moment

MAX_ROWS = 200_000
_SEPARATORS = (",", ";", "\t", "|")
_YES = frozenset({"yes", "true", "1", "y", "sim", "subscribed", "opted_in"})
_NO = frozenset({"no", "false", "0", "n", "não", "nao", "not_subscribed", "unsubscribed", "pending", "redacted"})
_CONSENT = (
    "accepts email marketing",
    "accepts marketing",
    "marketing_consent",
    "accepts_marketing",
    "consent",
    "opt_in",
)
_FIRST = ("first name", "first_name", "firstname", "given name")
_LAST = ("last name", "last_name", "lastname", "family name")
_MAIL = ("email", "e-mail", "email address", "customer email")


@dataclass(slots=True)
class Person:
    """A customer as a list or an event tells: what it does not tell is None."""

    where: str
    email: str
    first: str = ""
    last: str = ""
    consent: bool | None = None
    created: str | None = None
    given: dict[str, Any] | None = None


@dataclass(slots=True)
class Bought:
    """An order as far as mails care: who, when, how much, of what."""

    where: str
    id: str
    email: str
    at: str
    amount: str
    currency: str
    updated: str
    titles: list[str]
    counts: bool
    person: Person


@dataclass(slots=True)
class Found:
    """What was read, what was not and why, and what was changed on the way."""

    people: list[Person] = field(default_factory=list)
    orders: list[Bought] = field(default_factory=list)
    rejected: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reject(self, where: str, value: Any, reason: str) -> None:
        """List something that cannot be used."""
        self.rejected.append({"where": where, "value": one_line(value, 80), "reason": reason})


def collect(ctx: Context, inputs: Mapping[str, Any]) -> Found:
    """Everything the inputs brought."""
    found = Found()
    event = as_json(inputs.get("shopify_event"), "shopify_event")
    if event:
        _take(found, "shopify_event", _unwrapped(event), "")
    for key, kind in (("customers", "customer"), ("orders", "order")):
        value = as_json(inputs.get(key), key)
        if value:
            _take(found, key, value, kind)
    for key, kind in (("customers_file", "customer"), ("orders_file", "order")):
        if inputs.get(key):
            _take_file(found, ctx.read_file(inputs[key]), key, kind)
    if len(found.people) + len(found.orders) > MAX_ROWS:
        raise Invalid(f"More than {MAX_ROWS:,} rows came at once.", hint="Split the file; nothing was kept.")
    return found


def as_json(value: Any, what: str) -> Any:
    """A value that may have been typed as JSON text; Invalid when the text is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError):
        raise Invalid(f"{what} is text but not JSON.", hint="Paste it as JSON, as the shop writes it.") from None


def _unwrapped(event: Any) -> Any:
    if not isinstance(event, (Mapping, list)):
        raise Invalid("A shop event must be an object.", hint="Send the body of the webhook as it arrived.")
    inner = event.get("payload") if isinstance(event, Mapping) else None
    return inner if isinstance(inner, Mapping) else event


def _take(found: Found, where: str, value: Any, kind: str) -> None:
    """Read one customer or order, a list of them, or a map that holds such a list."""
    if isinstance(value, Mapping):
        for key, inner in (("customers", "customer"), ("orders", "order")):
            if isinstance(value.get(key), list):
                _take(found, key, value[key], inner)
                return
        _one(found, where, value, kind)
        return
    if not isinstance(value, list):
        raise Invalid(f"{where} must be a list of objects.", hint="Give customers or orders as the shop writes them.")
    for number, row in enumerate(value[: MAX_ROWS + 1], 1):
        if isinstance(row, Mapping):
            _one(found, f"{where} {number}", row, kind)
        else:
            found.reject(f"{where} {number}", row, "not an object")


def _one(found: Found, where: str, row: Mapping[str, Any], kind: str) -> None:
    is_order = "line_items" in row or "total_price" in row or "financial_status" in row
    if is_order and "abandoned_checkout_url" not in row and not (row.get("token") and row.get("id") is None):
        _order(found, where, row)
    elif kind == "order" and not is_order:
        found.reject(where, row.get("id"), "no order: total_price is missing")
    else:
        _customer(found, where, row)


def _customer(found: Found, where: str, row: Mapping[str, Any]) -> None:
    inner = row.get("customer")
    email = row.get("email") or (inner.get("email") if isinstance(inner, Mapping) else None)
    person = _person(found, where, email, {**(inner if isinstance(inner, Mapping) else {}), **row})
    if person is not None:
        person.given = _given(row)
        found.people.append(person)


def _person(found: Found, where: str, email: Any, row: Mapping[str, Any]) -> Person | None:
    address = read_address(email)
    if address.problem:
        found.reject(where, email, address.problem)
        return None
    names = []
    for key, other in (("first_name", "first"), ("last_name", "last")):
        name, wrong = read_name(row.get(key) or row.get(other))
        if wrong and len(found.notes) < 200:
            found.notes.append(f"{where}: {wrong}.")
        names.append(name)
    created = read_moment(row.get("created_at"))
    return Person(where, address.email, names[0], names[1], _consent(row), created)


def _consent(row: Mapping[str, Any]) -> bool | None:
    state = row.get("email_marketing_consent")
    if isinstance(state, Mapping):
        return _yes_or_no(state.get("state"))
    for key in ("accepts_marketing", "buyer_accepts_marketing", "marketing_consent", "consent"):
        if row.get(key) is not None:
            return _yes_or_no(row[key])
    return None


def _yes_or_no(value: Any) -> bool | None:
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _given(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Totals a customer list tells without the orders themselves."""
    count, amount = _decimal(row.get("orders_count")), _decimal(row.get("total_spent"))
    if count is None or count != int(count) or count <= 0:
        return None
    last = read_moment(row.get("last_order_at"))
    return {"orders": int(count), "spent": str(amount or 0), "currency": _currency(row.get("currency")), "last": last}


def _currency(value: Any) -> str:
    text = str(value or "").strip().upper()
    return text if len(text) == 3 and text.isalpha() else ""


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        number = Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number < 10**12 else None


def _total(row: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """What was charged, in the shop's own currency where the order tells it."""
    for key in ("current_total_price_set", "total_price_set"):
        money = row.get(key)
        shop = money.get("shop_money") if isinstance(money, Mapping) else None
        if isinstance(shop, Mapping) and shop.get("amount") is not None:
            return _decimal(shop["amount"]), _currency(shop.get("currency_code"))
    amount = row.get("current_total_price", row.get("total_price"))
    return _decimal(amount), _currency(row.get("currency"))


def _order(found: Found, where: str, row: Mapping[str, Any]) -> None:
    raw = row.get("customer")
    customer: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    identity = row.get("id")
    if isinstance(identity, bool) or not isinstance(identity, (int, str)) or not str(identity).strip():
        found.reject(where, row.get("name"), "the order has no id")
        return
    email = row.get("email") or row.get("contact_email") or customer.get("email")
    told = {**customer, **{key: row[key] for key in ("buyer_accepts_marketing",) if key in row}}
    person = _person(found, where, email, {**told, "created_at": customer.get("created_at")})
    at = read_moment(row.get("processed_at") or row.get("created_at"))
    amount, currency = _total(row)
    if person is None:
        return
    if at is None or amount is None or not currency:
        wrong = "time" if at is None else "total" if amount is None else "currency"
        found.reject(where, identity, f"the order's {wrong} cannot be read")
        return
    lines = row.get("line_items")
    titles = [one_line(line.get("title"), 80) for line in _rows(lines)][:20]
    unpaid = row.get("financial_status") in ("voided", "expired", "refunded")
    counts = not (row.get("cancelled_at") or row.get("test") is True or unpaid)
    updated = read_moment(row.get("updated_at")) or at
    found.orders.append(
        Bought(where, str(identity)[:80], person.email, at, str(amount), currency, updated, titles, counts, person)
    )


def _rows(value: Any) -> Iterator[Mapping[str, Any]]:
    return (row for row in value if isinstance(row, Mapping)) if isinstance(value, list) else iter(())


def _take_file(found: Found, data: bytes, key: str, kind: str) -> None:
    text = _decoded(data).removeprefix("\ufeff")
    if not text.strip():
        raise Invalid(f"{key} is empty.", hint="Export the list again and choose that file.")
    if text.lstrip()[0] not in "[{":
        _take(found, key, list(_csv_rows(text, key, kind)), kind)
        return
    try:
        _take(found, key, json.loads(text), kind)
    except (ValueError, RecursionError):
        rows = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        for number, line in rows:
            try:
                _take(found, f"{key} line {number}", json.loads(line), kind)
            except (ValueError, RecursionError):
                found.reject(f"{key} line {number}", line, "not JSON")


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("The file is in no encoding that can be read.", hint="Save it as UTF-8 and choose it again.")


def _csv_rows(text: str, key: str, kind: str) -> Iterator[dict[str, Any]]:
    """CSV rows as the maps Shopify's JSON would have; several lines of one order become one."""
    head = text.split("\n", 1)[0]
    mark = max(_SEPARATORS, key=head.count)
    try:
        columns = {name.strip().lower() for name in next(csv.reader([head], delimiter=mark), [])}
        table = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=mark))
    except csv.Error as error:
        raise Invalid(f"{key} cannot be read as CSV: {error}.", hint="Export it as CSV again.") from None
    rows = [
        {(name or "").strip().lower(): cell for name, cell in row.items() if isinstance(cell, str)} for row in table
    ]
    if not columns & set(_MAIL):
        raise Invalid(f"{key} has no column for the address.", hint="Name it Email in the first line.")
    if kind == "order" or {"financial status", "lineitem name"} & columns:
        yield from _csv_orders(rows)
    else:
        yield from map(_csv_customer, rows)


def _cell(row: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), None)


def _csv_customer(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "email": _cell(row, _MAIL),
        "first_name": _cell(row, _FIRST) or _cell(row, ("name",)),
        "last_name": _cell(row, _LAST),
        "consent": _cell(row, _CONSENT),
        "created_at": _cell(row, ("created at", "created_at", "customer since")),
        "orders_count": _cell(row, ("total orders", "orders", "orders_count")),
        "total_spent": _cell(row, ("total spent", "total_spent", "spent")),
        "last_order_at": _cell(row, ("last order at", "last_order_at", "last order")),
        "currency": _cell(row, ("currency",)),
    }


def _csv_orders(rows: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    orders: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = _cell(row, ("id", "name", "order", "order_id")) if _cell(row, ("total", "total_price")) else None
        shown = _cell(row, ("name", "id", "order", "order_id")) or f"row {len(orders)}"
        order = orders.setdefault(shown, {"line_items": []})
        if title := _cell(row, ("lineitem name", "product", "title")):
            order["line_items"].append({"title": title})
        if name is None or "id" in order:
            continue
        first, _, last = (_cell(row, ("billing name", "shipping name", "customer")) or "").partition(" ")
        order |= {
            "id": name,
            "email": _cell(row, _MAIL),
            "total_price": _cell(row, ("total", "total_price")),
            "currency": _cell(row, ("currency",)),
            "created_at": _cell(row, ("created at", "created_at", "date")),
            "financial_status": _cell(row, ("financial status",)),
            "cancelled_at": _cell(row, ("cancelled at",)),
            "buyer_accepts_marketing": _cell(row, _CONSENT),
            "customer": {"first_name": first, "last_name": last},
        }
    yield from orders.values()
