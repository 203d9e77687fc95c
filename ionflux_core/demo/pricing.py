"""What a basket costs, line by line, in whole minor units of one currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from ionflux_core.demo.catalogue import CURRENCY, Variant
from ionflux_core.demo.people import Person

FREE_SHIPPING_FROM_MINOR: Final = 12_000
_SHIPPING_HOME_MINOR: Final = 695
_SHIPPING_ABROAD_MINOR: Final = 1_495
# Invented weekly rates around a plausible middle; the shop keeps the rate an order was placed at.
_MIDDLE_RATES: Final = {"EUR": 10_840, "GBP": 12_710}


@dataclass(frozen=True, slots=True)
class Basket:
    """What one customer buys: (variant, quantity) lines and a percentage code, if any."""

    person: Person
    lines: tuple[tuple[Variant, int], ...]
    code: str | None
    percent: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """A priced basket in minor units; each total is the sum of its parts, so it adds up to the cent."""

    units: tuple[int, ...]
    gross: tuple[int, ...]
    discounts: tuple[int, ...]
    taxes: tuple[int, ...]
    shipping: int
    shipping_tax: int
    taxes_included: bool

    @property
    def net(self) -> tuple[int, ...]:
        """Each line after its discount."""
        return tuple(g - d for g, d in zip(self.gross, self.discounts, strict=True))

    @property
    def subtotal(self) -> int:
        """All lines after discounts, before shipping; includes tax only where prices do."""
        return sum(self.net)

    @property
    def tax(self) -> int:
        """Tax on lines and shipping."""
        return sum(self.taxes) + self.shipping_tax

    @property
    def total(self) -> int:
        """What the customer pays."""
        return self.subtotal + self.shipping + (0 if self.taxes_included else self.tax)


@dataclass(frozen=True, slots=True)
class Priced:
    """The same basket in the shop's currency and in the one the customer saw."""

    shop: Amounts
    shown: Amounts
    currency: str
    rate: Decimal


def rate_on(currency: str, day: date) -> Decimal:
    """Shop currency for one unit of `currency` in the week of `day`."""
    if currency == CURRENCY:
        return Decimal(1)
    step = (day.toordinal() // 7) % 5 - 2
    return Decimal(_MIDDLE_RATES[currency] + 35 * step) / 10_000


def rate_table(days: Iterable[date]) -> dict[str, dict[str, str]]:
    """The stored rates as {currency: {day: rate}} with one entry per change; a rate holds until the next entry."""
    table: dict[str, dict[str, str]] = {currency: {} for currency in _MIDDLE_RATES}
    for day in days:
        for currency, rows in table.items():
            rate = str(rate_on(currency, day))
            if rate not in list(rows.values())[-1:]:
                rows[day.isoformat()] = rate
    return table


def price(basket: Basket, day: date) -> Priced:
    """Price a basket on a local day."""
    currency = basket.person.place.currency
    rate = rate_on(currency, day)
    shop = _amounts(basket, Decimal(1))
    return Priced(shop, shop if currency == CURRENCY else _amounts(basket, rate), currency, rate)


def _amounts(basket: Basket, rate: Decimal) -> Amounts:
    place = basket.person.place
    units = tuple(_convert(variant.price_minor, rate) for variant, _ in basket.lines)
    gross = tuple(unit * quantity for unit, (_, quantity) in zip(units, basket.lines, strict=True))
    discounts = tuple(_share(line, basket.percent, 100) for line in gross)
    net = [g - d for g, d in zip(gross, discounts, strict=True)]
    # Free shipping is decided in the shop's currency, so that both views agree.
    worth = sum(variant.price_minor * quantity for variant, quantity in basket.lines)
    shipping = _SHIPPING_HOME_MINOR if place.country_code == "US" else _SHIPPING_ABROAD_MINOR
    shipping = 0 if worth >= FREE_SHIPPING_FROM_MINOR else _convert(shipping, rate)
    part, whole = place.tax_per_mille, 1000 + (place.tax_per_mille if place.taxes_included else 0)
    return Amounts(
        units=units,
        gross=gross,
        discounts=discounts,
        taxes=tuple(_share(line, part, whole) for line in net),
        shipping=shipping,
        shipping_tax=_share(shipping, part, whole) if place.taxes_included else 0,
        taxes_included=place.taxes_included,
    )


def _convert(minor: int, rate: Decimal) -> int:
    return int((minor / rate).quantize(Decimal(1), ROUND_HALF_UP))


def _share(minor: int, part: int, whole: int) -> int:
    return (2 * minor * part + whole) // (2 * whole)


def text(minor: int) -> str:
    """Minor units as Shopify writes money: 1250 -> "12.50"."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def money_set(shop_minor: int, shown_minor: int, currency: str) -> Mapping[str, Any]:
    """A `*_set` object: the amount in the shop's currency and as shown to the customer."""
    return {
        "shop_money": {"amount": text(shop_minor), "currency_code": CURRENCY},
        "presentment_money": {"amount": text(shown_minor), "currency_code": currency},
    }
