"""Fields of an order's JSON, read strictly; every error names the order and the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .money import DateInvalid, FieldMissing, OrderInvalid, read_minor, read_number


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads amounts of one order in its shop currency and names the order in every error."""

    label: str
    currency: str

    def amount(self, data: Mapping[str, Any], key: str, place: str = "", *, signed: bool = False) -> int | None:
        """Minor units behind `key`, or None when the field is absent."""
        where = f"{self.label}: {place}{key}"
        money = data.get(f"{key}_set") if not key.endswith("_set") else data.get(key)
        shop = money.get("shop_money") if isinstance(money, Mapping) else None
        if isinstance(shop, Mapping) and shop.get("amount") is not None:
            code = shop.get("currency_code", self.currency)
            if code != self.currency:
                raise OrderInvalid(
                    f"{where} is in {str(code)[:10]!r}, but the shop's currency is {self.currency}.",
                    hint="`currency` and every shop_money of an order must name the same currency.",
                )
            return read_minor(shop["amount"], self.currency, where, signed=signed)
        value = None if key.endswith("_set") else data.get(key)
        return None if value is None else read_minor(value, self.currency, where, signed=signed)

    def count(self, data: Mapping[str, Any], key: str, place: str) -> int:
        """A whole number from 0."""
        if data.get(key) is None:
            raise FieldMissing(f"{self.label}: {place}{key} is missing.", hint="Send the order as Shopify wrote it.")
        number = read_number(data[key], f"{self.label}: {place}{key}")
        if number != int(number):
            raise OrderInvalid(f"{self.label}: {place}{key} must be a whole number.", hint="Check the line items.")
        return int(number)

    def rows(self, data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
        """The list of objects behind `key`; empty when absent."""
        value = data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
            raise OrderInvalid(
                f"{self.label}: {key} must be a list of objects.", hint="Send the order as Shopify wrote it."
            )
        return value

    def total(self, rows: list[Mapping[str, Any]], key: str, place: str) -> int:
        """The sum of one amount over rows."""
        return sum(self.amount(row, key, place) or 0 for row in rows)


def identity(raw: Mapping[str, Any]) -> str:
    """The order's id as text; FieldMissing when there is none."""
    value = raw.get("id")
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).strip():
        raise FieldMissing("The order has no id.", hint="Send the whole order as Shopify wrote it.")
    return str(value).strip()[:80]


def read_time(value: Any, where: str) -> datetime:
    """An aware time in UTC; DateInvalid when it cannot be read or has no offset."""
    try:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DateInvalid(
            f"{where} is {str(value)[:40]!r}, which is no time with an offset.",
            hint="Write it like 2026-11-20T12:00:00-03:00.",
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise DateInvalid(f"{where} is {str(value)[:40]!r}, which is out of range.", hint="Check the year.") from None
