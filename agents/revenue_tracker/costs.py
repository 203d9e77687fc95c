"""Costs that no order carries, each valid from a day on: goods per SKU, fees, shipping, marketing, apps, rates.

`manual_cost_inputs` is one JSON object; amounts are in major units of the reporting currency:

    cogs: {TSHIRT: 15, MUG: [{from: 2026-01-01, cost: 4}, {from: 2026-06-01, cost: 4.5, currency: EUR}]}
    gateway_fee_percent: 2.9        gateway_fee_fixed: 0.30
    shipping_cost_per_order: 10     shipping_cost_per_item: 0     shipping_cost_by_destination: {BR-CE: 18, PT: 12}
    marketing_cost_per_order: 3     app_fees: 100 and orders_per_month: 200, or app_fee_per_order: 0.5
    fixed_costs_per_month: 2000     effective_from: 2026-01-01 (for all but cogs)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from .money import CurrencyUnknown, DateInvalid, OrderInvalid, in_minor, known_currency, read_number, rounded, to_minor

ALWAYS = "0001-01-01"
_AMOUNTS = (
    "gateway_fee_percent",
    "gateway_fee_fixed",
    "shipping_cost_per_order",
    "shipping_cost_per_item",
    "marketing_cost_per_order",
    "app_fees",
    "orders_per_month",
    "app_fee_per_order",
    "fixed_costs_per_month",
)
_KEYS = (*_AMOUNTS, "cogs", "shipping_cost_by_destination", "effective_from")
_GROUPS = {
    "payment fees": ("gateway_fee_percent", "gateway_fee_fixed"),
    "shipping": ("shipping_cost_per_order", "shipping_cost_per_item", "shipping_cost_by_destination"),
    "marketing": ("marketing_cost_per_order",),
    "apps": ("app_fees", "app_fee_per_order"),
}


@dataclass(frozen=True, slots=True)
class Cogs:
    """What one unit of a product costs from a day on; `product` is a SKU or `variant:<id>`."""

    product: str
    since: str
    cost: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class CostSettings:
    """Costs per order from a day on, as they were entered; what was not entered is absent."""

    since: str = ALWAYS
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    destinations: Mapping[str, Decimal] = field(default_factory=dict)

    def get(self, name: str) -> Decimal:
        """The entered amount, or 0."""
        return self.amounts.get(name, Decimal(0))

    def fee(self, base_minor: int, currency: str) -> int:
        """Percent of the base plus the fixed part, in minor units; nothing charged costs nothing."""
        if base_minor <= 0:
            return 0
        return rounded(base_minor * self.get("gateway_fee_percent") / 100) + to_minor(
            self.get("gateway_fee_fixed"), currency
        )

    def shipping(self, units: int, destination: str, currency: str) -> int:
        """Shipping of one parcel; the most exact destination wins over the common price."""
        country = destination.split("-")[0]
        common = self.get("shipping_cost_per_order")
        base = self.destinations.get(destination, self.destinations.get(country, common))
        return to_minor(base + self.get("shipping_cost_per_item") * units, currency)

    def app_share(self, currency: str) -> int:
        """One order's share of the monthly app fees."""
        if "app_fee_per_order" in self.amounts:
            return to_minor(self.amounts["app_fee_per_order"], currency)
        orders = self.get("orders_per_month")
        return to_minor(self.get("app_fees") / orders, currency) if orders else 0

    def not_entered(self) -> list[str]:
        """The kinds of cost nobody entered; they count as 0 and the reports say so."""
        given = {*self.amounts, *(["shipping_cost_by_destination"] if self.destinations else [])}
        return [kind for kind, names in _GROUPS.items() if not given & set(names)]

    def to_row(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "since": self.since,
            "amounts": {name: str(value) for name, value in self.amounts.items()},
            "destinations": {name: str(value) for name, value in self.destinations.items()},
        }

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> CostSettings:
        """What `to_row` wrote."""
        return CostSettings(
            row["since"],
            {name: Decimal(value) for name, value in row["amounts"].items()},
            {name: Decimal(value) for name, value in row["destinations"].items()},
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of `source` is worth in the reporting currency from a day on."""

    source: str
    since: str
    rate: Decimal


class CostBook:
    """All costs and rates with their days; every question is answered for one day."""

    def __init__(self, currency: str, cogs: Iterable[Cogs], settings: Iterable[CostSettings], rates: Iterable[Rate]):
        self.currency = currency
        self._cogs = _by_day((c.product, c.since, c) for c in cogs)
        self._settings = _by_day(("", s.since, s) for s in settings)
        self._rates = _by_day((r.source, r.since, r) for r in rates)

    def unit_cost(self, product: str, variant: str, day: str) -> Decimal | None:
        """Minor units (not rounded) one unit costs on that day; None when nobody entered it or its rate is unknown."""
        entry = _valid(self._cogs, product, day) or _valid(self._cogs, f"variant:{variant}", day)
        if not isinstance(entry, Cogs):
            return None
        rate = self.rate(entry.currency, day)
        return None if rate is None else in_minor(entry.cost, self.currency) * rate.rate

    def rate(self, source: str, day: str) -> Rate | None:
        """The rate valid on that day; never a later one, None when there is none."""
        if source == self.currency:
            return Rate(source, day, Decimal(1))
        found = _valid(self._rates, source, day)
        return found if isinstance(found, Rate) else None

    def settings(self, day: str) -> CostSettings:
        """The costs per order valid on that day."""
        found = _valid(self._settings, "", day)
        return found if isinstance(found, CostSettings) else CostSettings()


_Timeline = dict[str, tuple[list[str], list[Any]]]


def _by_day(entries: Iterable[tuple[str, str, Any]]) -> _Timeline:
    newest: dict[str, dict[str, Any]] = {}
    for key, since, value in entries:
        newest.setdefault(key, {})[since] = value
    return {key: (sorted(days), [days[d] for d in sorted(days)]) for key, days in newest.items()}


def _valid(timeline: _Timeline, key: str, day: str) -> Any:
    days, values = timeline.get(key, ([], []))
    at = bisect_right(days, day)
    return values[at - 1] if at else None


def read_costs(raw: Any, currency: str) -> tuple[list[Cogs], CostSettings]:
    """`manual_cost_inputs` as typed costs; OrderInvalid names what is wrong."""
    if not isinstance(raw, Mapping):
        raise OrderInvalid("manual_cost_inputs must be a JSON object.", hint="Write it like {cogs: {TSHIRT: 15}}.")
    unknown = sorted(str(key) for key in raw if key not in _KEYS)
    if unknown:
        raise OrderInvalid(f"manual_cost_inputs knows no {unknown[0]!r}.", hint="It may hold " + ", ".join(_KEYS) + ".")
    amounts = {
        name: read_number(raw[name], f"manual_cost_inputs.{name}") for name in _AMOUNTS if raw.get(name) is not None
    }
    if "app_fees" in amounts and not amounts.get("orders_per_month"):
        raise OrderInvalid(
            "manual_cost_inputs.app_fees needs orders_per_month.",
            hint="An order's share is app_fees / orders_per_month.",
        )
    places = raw.get("shipping_cost_by_destination") or {}
    if not isinstance(places, Mapping):
        raise OrderInvalid("shipping_cost_by_destination must be an object.", hint="Write it like {BR-CE: 18, PT: 12}.")
    destinations = {
        str(place).upper(): read_number(cost, f"shipping_cost_by_destination.{place}") for place, cost in places.items()
    }
    return _read_cogs(raw.get("cogs"), currency), CostSettings(_day(raw.get("effective_from")), amounts, destinations)


def _read_cogs(raw: Any, currency: str) -> list[Cogs]:
    if raw is None:
        return []
    if isinstance(raw, list):
        return [_one_cogs(_product(entry), entry, currency) for entry in raw]
    if not isinstance(raw, Mapping):
        raise OrderInvalid("manual_cost_inputs.cogs must be an object or a list.", hint="Write it like {TSHIRT: 15}.")
    return [
        _one_cogs(str(product), entry, currency)
        for product, entries in raw.items()
        for entry in (entries if isinstance(entries, list) else [entries])
    ]


def _product(entry: Any) -> str:
    sku = entry.get("sku") or entry.get("product") if isinstance(entry, Mapping) else None
    if not sku:
        raise OrderInvalid("Every entry of the list cogs needs a sku.", hint="Write it like {sku: TSHIRT, cost: 15}.")
    return str(sku)


def _one_cogs(product: str, entry: Any, currency: str) -> Cogs:
    if not isinstance(entry, Mapping):
        return Cogs(product, ALWAYS, read_number(entry, f"cogs.{product}"), currency)
    code = known_currency(entry["currency"], f"cogs.{product}") if entry.get("currency") else currency
    return Cogs(product, _day(entry.get("from")), read_number(entry.get("cost"), f"cogs.{product}"), code)


def _day(value: Any) -> str:
    if value is None or value == "":
        return ALWAYS
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise DateInvalid(f"{str(value)[:20]!r} is no day.", hint="Write it like 2026-11-20.") from None


def read_rates(raw: Any, currency: str) -> list[Rate]:
    """`fx_rates`: {EUR: 1.08} or {EUR: {2026-11-01: 1.08}} or [{from, date, rate}], each in the reporting currency."""
    if raw is None:
        return []
    if isinstance(raw, Mapping):
        raw = [
            {"from": source, "date": since, "rate": rate}
            for source, days in raw.items()
            for since, rate in (days.items() if isinstance(days, Mapping) else [(None, days)])
        ]
    if not isinstance(raw, list) or not all(isinstance(row, Mapping) for row in raw):
        raise OrderInvalid("fx_rates must be an object or a list.", hint="Write it like {EUR: {2026-11-01: 1.08}}.")
    return [_one_rate(row, currency) for row in raw]


def _one_rate(row: Mapping[str, Any], currency: str) -> Rate:
    source = known_currency(row.get("from"), "fx_rates")
    if row.get("to", currency) != currency:
        raise CurrencyUnknown(
            f"fx_rates gives {source} in {str(row['to'])[:10]!r}, but reports are in {currency}.",
            hint=f"Give what one {source} is worth in {currency}.",
        )
    rate = read_number(row.get("rate"), f"fx_rates.{source}")
    if rate == 0:
        raise OrderInvalid(f"fx_rates.{source} is 0.", hint=f"Give what one {source} is worth in {currency}.")
    return Rate(source, _day(row.get("date")), rate)
