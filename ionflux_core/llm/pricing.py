"""What a model call costs, from the dated price list beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ionflux_core import yaml_text

CURRENCY = "USD"
_FILE = Path(__file__).with_name("pricing.yaml")
_DATED = re.compile(r"-(?:20\d{6}|20\d{2}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one million tokens, from a day on; no price is known above `most_tokens_in`."""

    provider: str
    model: str
    since: date
    input: Decimal
    cached: Decimal
    output: Decimal
    most_tokens_in: int | None
    source: str

    def cost(self, tokens_in: int, tokens_out: int, cached_tokens: int = 0) -> int | None:
        """The cost in millionths of a US dollar, rounded up; None for more tokens than the price holds for.

        `tokens_in` includes `cached_tokens`. Dollars for a million tokens are millionths of a dollar for one token:
        (tokens_in - cached) x input + cached x cached price + tokens_out x output.
        """
        if self.most_tokens_in is not None and tokens_in > self.most_tokens_in:
            return None
        fresh = max(0, tokens_in - cached_tokens)
        exact = fresh * self.input + cached_tokens * self.cached + tokens_out * self.output
        return int(exact.to_integral_value(ROUND_CEILING))

    def snapshot(self) -> dict[str, str]:
        """The price as it is kept with a call, so that a later price list changes no old figure."""
        return {
            "input": str(self.input),
            "cached": str(self.cached),
            "output": str(self.output),
            "currency": CURRENCY,
            "tokens": "1000000",
            "since": self.since.isoformat(),
            "source": self.source,
        }


def cost_micros(
    provider: str, model: str, tokens_in: int, tokens_out: int, cached_tokens: int = 0, *, on: date
) -> int | None:
    """The cost of a call in millionths of a US dollar; None where no price is known, never 0 for that."""
    if provider == "local":
        return 0
    price = price_of(provider, model, on)
    return price.cost(tokens_in, tokens_out, cached_tokens) if price else None


def price_of(provider: str, model: str, on: date) -> Price | None:
    """The price that holds on a day, for a model's name with or without its release date; None when unknown."""
    for name in (model, _DATED.sub("", model)):
        known = [price for price in prices() if (price.provider, price.model) == (provider, name) and price.since <= on]
        if known:
            return max(known, key=lambda price: price.since)
    return None


def checked_on() -> date:
    """The day the price list was last checked."""
    return date.fromisoformat(_list()["checked"])


@cache
def _list() -> Any:
    return yaml_text.load(_FILE.read_text(encoding="utf-8")).data


@cache
def prices() -> tuple[Price, ...]:
    """Every price of the list."""
    return tuple(
        Price(
            provider=row["provider"],
            model=row["model"],
            since=date.fromisoformat(row["from"]),
            input=Decimal(row["input"]),
            cached=Decimal(row["cached"]),
            output=Decimal(row["output"]),
            most_tokens_in=row.get("most_tokens_in"),
            source=row["source"],
        )
        for row in _list()["prices"]
    )
