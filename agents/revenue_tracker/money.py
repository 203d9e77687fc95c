"""Money as whole minor units: the digits of ISO 4217, strict reading, exact splitting."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from ionflux_core.sdk import Invalid

_TWO_DIGITS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_SCALE = {code: Decimal(10) ** digits for code, digits in DIGITS.items()}
# Beyond this no shop sells; it also keeps a text like 1e999999 from becoming a number with a million digits.
_LARGEST = Decimal(10) ** 13
_FLOAT_NOISE = Decimal("1e-6")
_ONE = Decimal(1)


class OrderInvalid(Invalid):
    """An order, refund or cost that breaks a rule; no figure changes because of it."""

    code = "order_invalid"


class FieldMissing(OrderInvalid):
    """A field that every order has is not there."""

    code = "order_field_missing"


class AmountInvalid(OrderInvalid):
    """An amount that is not a number, is not finite, is too large or has more decimals than its currency."""

    code = "order_amount_invalid"


class AmountNegative(OrderInvalid):
    """An amount below zero where none can be."""

    code = "order_amount_negative"


class CurrencyUnknown(OrderInvalid):
    """A currency that is not in ISO 4217."""

    code = "order_currency_unknown"


class DateInvalid(OrderInvalid):
    """A date that cannot be read or has no time zone."""

    code = "order_date_invalid"


def known_currency(value: Any, where: str) -> str:
    """The ISO 4217 code in capitals; CurrencyUnknown otherwise."""
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in DIGITS:
        raise CurrencyUnknown(
            f"{where} names the currency {str(value)[:20]!r}, which is not in ISO 4217.",
            hint="Use a three-letter code such as EUR, USD or JPY.",
        )
    return code


def read_number(value: Any, where: str, *, signed: bool = False) -> Decimal:
    """A finite Decimal from text or a JSON number; AmountInvalid or AmountNegative otherwise."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise AmountInvalid(f"{where} must be a number, not {str(value)[:40]!r}.", hint='Write it like "12.50".')
    try:
        number = Decimal(value.strip() if isinstance(value, str) else str(value))
    except InvalidOperation:
        raise AmountInvalid(
            f"{where} is {str(value)[:40]!r}, which is no number.", hint='Write it like "12.50".'
        ) from None
    if not number.is_finite():
        raise AmountInvalid(f"{where} is {value!s}, which is no amount.", hint='Write it like "12.50".')
    if abs(number) > _LARGEST:
        raise AmountInvalid(f"{where} is larger than any order can be.", hint="Check the amount and its decimal point.")
    if number < 0 and not signed:
        raise AmountNegative(
            f"{where} is negative ({value!s}).", hint="Refunds belong into the refunds of an order, not below zero."
        )
    return number


def read_minor(value: Any, currency: str, where: str, *, signed: bool = False) -> int:
    """An amount in whole minor units of its currency; more decimals than the currency has are refused."""
    scaled = read_number(value, where, signed=signed) * _SCALE[currency]
    whole = scaled.quantize(_ONE, ROUND_HALF_UP)
    if scaled != whole and (not isinstance(value, float) or abs(scaled - whole) > _FLOAT_NOISE):
        raise AmountInvalid(
            f"{where} is {value!s}, but {currency} has {DIGITS[currency]} decimals.",
            hint="Check the currency of the order and the amount.",
        )
    return int(whole)


def rounded(amount: Decimal) -> int:
    """The nearest whole number, halves away from zero."""
    return int(amount.quantize(_ONE, ROUND_HALF_UP))


def in_minor(amount: Decimal, currency: str) -> Decimal:
    """Major units as exact minor units, not rounded."""
    return amount * _SCALE[currency]


def to_minor(amount: Decimal, currency: str) -> int:
    """Major units rounded to whole minor units."""
    return rounded(in_minor(amount, currency))


def to_major(minor: int, currency: str) -> Decimal:
    """Minor units as an exact Decimal of major units, with the currency's decimals."""
    return (Decimal(minor) / _SCALE[currency]).quantize(_ONE / _SCALE[currency])


def convert(minor: int, source: str, target: str, rate: Decimal) -> int:
    """Minor units of `source` in minor units of `target`; `rate` is how much of `target` one `source` is worth."""
    return rounded(minor * rate * _SCALE[target] / _SCALE[source])


def split(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole parts by weight that add up to it exactly (largest remainder); equal parts without weight."""
    if not weights:
        return []
    if total == 0:
        return [0] * len(weights)
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        weights, whole = [1] * len(weights), len(weights)
    size = abs(total)
    parts = [size * weight // whole for weight in weights]
    left = size - sum(parts)
    if left:
        order = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
        for i in order[:left]:
            parts[i] += 1
    return parts if total > 0 else [-part for part in parts]


def round_to_sum(parts: Sequence[Fraction], total: int) -> list[int]:
    """Exact parts of `total` rounded to whole numbers that still add up to it (largest remainder)."""
    floors = [part.numerator // part.denominator for part in parts]
    left = total - sum(floors)
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for i in order[:left]:
        floors[i] += 1
    return floors
