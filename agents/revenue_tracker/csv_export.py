"""Shopify's order export (CSV) as order JSON: several rows per order, other separators, encodings and decimals.

What the file does not say is not made up: refunds have no lines, and whether prices contain tax is read from the
sums (Subtotal + Shipping [+ Taxes] = Total). An order with one bad row is refused as a whole, with all its lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ionflux_core.sdk import IonfluxError

from .csv_text import column_names, decimal_style, read_decimal, separator_of
from .money import DateInvalid, FieldMissing, OrderInvalid, read_number

REQUIRED = ("name", "created at", "currency", "total", "lineitem quantity", "lineitem name", "lineitem price")
_AMOUNTS = ("subtotal", "shipping", "taxes", "total", "discount amount", "refunded amount", "duties")
_TIMES = ("created at", "paid at", "fulfilled at", "cancelled at")
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An order or row that could not be read: where it stood, why, and what it was."""

    where: str
    order_id: str
    code: str
    message: str
    hint: str
    raw: Any

    @staticmethod
    def of(where: str, order_id: str, error: IonfluxError, raw: Any) -> Rejected:
        """The refusal that an error stands for."""
        return Rejected(where, order_id, error.code, error.message, error.hint, raw)


@dataclass(slots=True)
class Export:
    """What a file held: orders as (place, order JSON, source), and what could not be read. `header` is for CSV."""

    orders: list[tuple[str, dict[str, Any], Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    header: str | None = None


@dataclass(slots=True)
class _Group:
    """The rows of one order and the lines of the file they came from."""

    rows: list[dict[str, str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problem: IonfluxError | None = None

    @property
    def where(self) -> str:
        first, last = self.lines[0], self.lines[-1]
        return f"line {first}" if first == last else f"lines {first}-{last}"


def read_csv(text: str) -> Export:
    """Orders of an export as Shopify's order JSON; Invalid when the header is not that of an order export."""
    lines = list(io.StringIO(text, newline=""))
    skipped = 1 if lines and lines[0].strip().lower().startswith("sep=") else 0
    header = lines[skipped] if len(lines) > skipped else ""
    separator = separator_of(header, REQUIRED)
    groups = _groups(lines[skipped:], separator, skipped)
    amounts = (*_AMOUNTS, "lineitem price", "lineitem discount")
    style = decimal_style(row[name] for group in groups for row in group.rows for name in amounts if row.get(name))
    export = Export(header=header)
    for group in groups:
        source = "".join(lines[number - 1] for number in group.lines)
        try:
            if group.problem:
                raise group.problem
            export.orders.append((group.where, _order(group.rows, style), source))
        except IonfluxError as error:
            name = group.rows[0].get("name", "") if group.rows else ""
            export.rejected.append(Rejected.of(group.where, name, error, source))
    return export


def _groups(lines: list[str], separator: str, skipped: int) -> list[_Group]:
    """Rows by order name. A row that cannot be read spoils the order it stands in: that order may be incomplete."""
    names = column_names(lines[0], separator)
    reader = csv.reader(lines[1:], delimiter=separator, strict=True)
    groups: dict[str, _Group] = {}
    group: _Group | None = None
    for cells, numbers, problem in _rows(reader, skipped + 1):
        if problem is None and not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        problem = problem or _row_problem(row, cells, names, numbers.start)
        name = row.get("name", "")
        if name or group is None:
            group = groups.setdefault(name, _Group())
        if cells:
            group.rows.append(row)
        group.lines.extend(numbers)
        group.problem = group.problem or problem
    return list(groups.values())


def _rows(reader: Any, before: int) -> Iterator[tuple[list[str], range, IonfluxError | None]]:
    """(cells, line numbers, problem) of every row; a broken quote is a problem of the row it begins in."""
    while True:
        first = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = OrderInvalid(
                f"Line {first} cannot be read as CSV ({error}).", hint="Check the quotes from this line on."
            )
            yield [], range(first, before + reader.line_num + 1), problem
            continue
        yield cells, range(first, before + reader.line_num + 1), None


def _row_problem(row: dict[str, str], cells: list[str], names: list[str], line: int) -> IonfluxError | None:
    if len(cells) != len(names):
        return OrderInvalid(
            f"Line {line} has {len(cells)} cells, the header has {len(names)}.",
            hint="Check quotes and separators of this line.",
        )
    if not row.get("name"):
        return FieldMissing(f"Line {line} has no order name.", hint="Every row repeats the name of its order.")
    return None


def _order(rows: list[dict[str, str]], style: str) -> dict[str, Any]:
    head = next((row for row in rows if row.get("total")), rows[0])
    name = head["name"]
    amounts = {key: read_decimal(head[key], style, f"{name}: {key.capitalize()}") for key in _AMOUNTS if head.get(key)}
    times = {key: _time(head[key], name) for key in _TIMES if head.get(key)}
    for key, found in (("total", amounts), ("created at", times)):
        if key not in found:
            raise FieldMissing(f"{name} has no {key.capitalize()}.", hint="One row of every order carries its sums.")
    items = [_line(row, n, style, name) for n, row in enumerate(rows, 1) if row.get("lineitem name")]
    goods = sum((Decimal(item["price"]) * item["quantity"] for item in items), _NONE)
    subtotal = amounts.get("subtotal", goods - amounts.get("discount amount", _NONE))
    off = max(goods - subtotal, _NONE)
    # When the lines' own discounts exceed what is missing from the subtotal, their prices are already reduced.
    if sum(Decimal(item["total_discount"]) for item in items) > off:
        items = [{**item, "total_discount": "0"} for item in items]
    shipping, included = _sums(name, amounts, subtotal, off)
    return {
        "id": head.get("id") or name,
        "name": name,
        "created_at": times["created at"],
        "updated_at": max(times.values(), key=datetime.fromisoformat),
        "cancelled_at": times.get("cancelled at"),
        "currency": head.get("currency"),
        "financial_status": head.get("financial status", "").lower().replace(" ", "_") or None,
        "fulfillment_status": head.get("fulfillment status", "").lower() or None,
        "taxes_included": included,
        "total_price": str(amounts["total"]),
        "total_tax": str(amounts.get("taxes", _NONE)),
        "total_discounts": str(off),
        "line_items": items,
        "shipping_lines": [{"price": str(shipping)}] if shipping else [],
        "shipping_address": {
            "country_code": head.get("shipping country", ""),
            "province_code": head.get("shipping province", ""),
        },
        "refunds": _refund(amounts.get("refunded amount", _NONE)),
    }


def _line(row: dict[str, str], n: int, style: str, name: str) -> dict[str, Any]:
    where = f"{name}: item {n}"
    for key in ("lineitem quantity", "lineitem price"):
        if not row.get(key):
            raise FieldMissing(f"{where} has no {key.capitalize()}.", hint="Import the export unchanged.")
    quantity = read_number(row["lineitem quantity"], f"{where}: quantity")
    if quantity != int(quantity):
        raise OrderInvalid(f"{where}: the quantity must be a whole number.", hint="Check the line.")
    discount = row.get("lineitem discount")
    return {
        "id": f"#{n}",
        "title": row["lineitem name"],
        "sku": row.get("lineitem sku", ""),
        "quantity": int(quantity),
        "price": str(read_decimal(row["lineitem price"], style, f"{where}: price")),
        "total_discount": str(read_decimal(discount, style, f"{where}: discount")) if discount else "0",
        "requires_shipping": row.get("lineitem requires shipping", "true").lower() != "false",
    }


def _sums(name: str, amounts: dict[str, Decimal], subtotal: Decimal, off: Decimal) -> tuple[Decimal, bool]:
    """(shipping after discounts, prices contain tax), told by what adds up to the total.

    The discount amount may hold a discount on shipping, which then is the part the goods do not explain.
    """
    shipping, taxes = amounts.get("shipping", _NONE), amounts.get("taxes", _NONE)
    off_shipping = min(max(amounts.get("discount amount", _NONE) - off, _NONE), shipping)
    total = amounts["total"] - amounts.get("duties", _NONE)
    for candidate in (shipping, shipping - off_shipping):
        rest = total - subtotal - candidate
        if rest == taxes:
            return candidate, False
        if rest == 0:
            return candidate, True
    if taxes == 0:
        return shipping, False
    raise OrderInvalid(
        f"{name}: Subtotal, Shipping and Taxes do not add up to Total, so it is unclear whether prices contain tax.",
        hint="Send this order as JSON, which says so.",
    )


def _refund(amount: Decimal) -> list[dict[str, Any]]:
    """The file knows the sum paid back, not the items; its tax share is that of the order."""
    if not amount:
        return []
    return [{"id": "export", "transactions": [{"kind": "refund", "status": "success", "amount": str(amount)}]}]


def _time(cell: str, name: str) -> str:
    for form in ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            return datetime.strptime(cell, form).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            continue
    raise DateInvalid(
        f"{name}: {cell[:40]!r} is no date of an export.",
        hint="It looks like 2026-11-20 10:15:00 -0300; import the file as Shopify wrote it.",
    )
