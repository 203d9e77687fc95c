"""A run's inputs as typed options: period, settings, currency, limits of alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from ionflux_core.sdk import Context, Invalid

from .margins import FeeBase, ShippingIncome
from .money import known_currency, read_number

Task = Literal["process_orders", "generate_daily_profitability_digest", "recalculate"]
PERIODS = (
    "today",
    "yesterday",
    "last_7_days",
    "last_30_days",
    "last_90_days",
    "this_week",
    "this_month",
    "last_month",
    "all",
)
_LAST = re.compile(r"^last_(\d{1,3})_days$")
_SPAN = re.compile(r"^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$")
_LONGEST_DAYS = 3_700


@dataclass(frozen=True, slots=True)
class Period:
    """Business days from `first` to `last`, both included."""

    name: str
    first: date
    last: date

    @property
    def days(self) -> list[str]:
        """Every day of the period."""
        return [(self.first + timedelta(days=n)).isoformat() for n in range((self.last - self.first).days + 1)]

    def holds(self, day: str) -> bool:
        """Whether a day lies in the period."""
        return self.first.isoformat() <= day <= self.last.isoformat()

    def previous(self) -> Period:
        """The period of the same length just before."""
        length = self.last - self.first
        last = self.first - timedelta(days=1)
        return Period(f"before {self.name}", last - length, last)


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for. `currency` is None when the stored or the orders' currency decides."""

    task: Task
    currency: str | None
    period: str
    zone: ZoneInfo
    fee_base: FeeBase
    shipping_income: ShippingIncome
    top_products: int
    margin_threshold: Decimal
    cost_jump: Decimal
    reword: bool


def read_options(ctx: Context, inputs: Mapping[str, Any]) -> Options:
    """The options of a run; Invalid names the input that is wrong."""
    task = _choice(ctx.task or inputs.get("task") or "process_orders", get_args(Task), "The task")
    currency = inputs.get("reporting_currency")
    return Options(
        task=task,
        currency=known_currency(currency, "reporting_currency") if currency else None,
        period=str(inputs.get("reporting_period") or "last_7_days"),
        zone=ZoneInfo(ctx.workspace.settings.timezone),
        fee_base=_choice(inputs.get("fee_base") or "charged", get_args(FeeBase), "fee_base"),
        shipping_income=_choice(
            inputs.get("shipping_income") or "include", get_args(ShippingIncome), "shipping_income"
        ),
        top_products=_count(inputs.get("num_top_products"), "num_top_products", 5),
        margin_threshold=_number(inputs.get("margin_alert_threshold"), "margin_alert_threshold", 15),
        cost_jump=_number(inputs.get("cost_jump_threshold"), "cost_jump_threshold", 15),
        reword=inputs.get("reword_digest") is True,
    )


def read_json(value: Any, what: str) -> Any:
    """A value that may have been typed as JSON text; Invalid when the text is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError):
        raise Invalid(
            f"{what} is text but not JSON.", hint="Paste it as JSON, such as an order from Shopify."
        ) from None


def _choice(value: Any, accepted: tuple[str, ...], what: str) -> Any:
    if value not in accepted:
        raise Invalid(f"{what} is {str(value)[:40]!r}.", hint="Use one of " + ", ".join(accepted) + ".")
    return value


def _number(value: Any, what: str, default: int) -> Decimal:
    return Decimal(default) if value is None else read_number(value, what, signed=True)


def _count(value: Any, what: str, default: int) -> int:
    number = _number(value, what, default)
    if number != int(number) or not 1 <= number <= 100:
        raise Invalid(f"{what} must be a whole number from 1 to 100.", hint=f"The usual value is {default}.")
    return int(number)


def period_of(name: str, today: date, first_stored: date | None, last_stored: date | None) -> Period:
    """The days behind a period's name; `all` runs from the first stored day to today or the last stored day."""
    span, recent = _SPAN.match(name), _LAST.match(name)
    if span:
        return _checked(name, _date(span[1]), _date(span[2]))
    if recent and int(recent[1]) >= 1:
        return Period(name, today - timedelta(days=int(recent[1]) - 1), today)
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    named = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "this_week": (today - timedelta(days=today.weekday()), today),
        "this_month": (month, today),
        "last_month": (before.replace(day=1), before),
        "all": (first_stored or today, max(today, last_stored) if last_stored else today),
    }
    if name not in named:
        raise Invalid(
            f"reporting_period is {name[:40]!r}.",
            hint="Use one of " + ", ".join(PERIODS) + " or two days such as 2026-11-01..2026-11-15.",
        )
    first, last = named[name]
    return Period(name, max(first, last - timedelta(days=_LONGEST_DAYS)), last)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is no day.", hint="Write it like 2026-11-01..2026-11-15.") from None


def _checked(name: str, first: date, last: date) -> Period:
    if first > last or (last - first).days > _LONGEST_DAYS:
        raise Invalid(
            f"reporting_period {name} ends before it starts or is longer than ten years.",
            hint="Write it like 2026-11-01..2026-11-15.",
        )
    return Period(name, first, last)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a business day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
