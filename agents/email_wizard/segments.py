"""Groups of customers: rule segments with a reason each, and RFM scores. Every customer has exactly one main segment.

Rules may overlap (a loyal customer may have large baskets); the main segment is the first rule of `ORDER` that fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ionflux_core.sdk import Invalid, not_computed

from .addresses import one_line
from .people import Customer, first_order, last_order, order_count, spent
from .settings import Settings
from .times import parsed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Figures = NDArray[np.float64]
    Choice = NDArray[np.bool_]

NEVER, LAPSED, HIGH_AOV, LOYAL, NEW, ONE_TIME, RETURNING = (
    "never bought", "lapsed", "high AOV past buyers", "loyal", "new", "one-time", "returning",
)  # fmt: skip
ORDER = (NEVER, LAPSED, HIGH_AOV, LOYAL, NEW, ONE_TIME, RETURNING)
CHAMPIONS, AT_RISK = "champions", "at risk"
EVERYBODY, PAST_BUYERS = "everybody", "past buyers"
MIN_FOR_QUARTILE = 4
MIN_FOR_RFM = 20
LOYAL_ORDERS = 3
_ALIASES = {
    "all": EVERYBODY, "everyone": EVERYBODY, "all customers": EVERYBODY, "high aov": HIGH_AOV, "vip": HIGH_AOV,
    "high_aov_past_buyers": HIGH_AOV, "one time": ONE_TIME, "one_time": ONE_TIME, "never_bought": NEVER,
    "prospects": NEVER, "at_risk": AT_RISK, "buyers": PAST_BUYERS,
}  # fmt: skip
_DAY = 86_400.0


@dataclass(slots=True)
class Facts:
    """Figures of all customers, one element each; `recency` is in days and infinite without an order."""

    emails: list[str]
    orders: Figures
    revenue: Figures
    counted: Figures
    recency: Figures
    age: Figures

    @property
    def buyers(self) -> Choice:
        """Who has bought at least once."""
        return self.orders > 0


@dataclass(slots=True)
class Segmentation:
    """The outcome: membership by rule, the main segment by position, RFM scores, and a sentence for each rule."""

    facts: Facts
    rules: dict[str, Choice]
    reasons: dict[str, str]
    main: list[str]
    rfm: NDArray[np.int64] | None
    currency: str
    notes: list[str]

    def members(self, name: str) -> list[str]:
        """The addresses of a segment."""
        return [self.facts.emails[at] for at in self.rules[name].nonzero()[0]]


def main_currency(customers: Sequence[Customer], usual: str) -> tuple[str, int]:
    """The currency most orders are in, and how many orders are in others."""
    seen: Counter[str] = Counter()
    for customer in customers:
        given = customer["given"]
        if given and given["currency"]:
            seen[given["currency"]] += 1
        seen.update(row[2] for row in customer["orders"].values())
    if not seen:
        return usual, 0
    chosen = max(seen, key=lambda code: (seen[code], code == usual))
    return chosen, seen.total() - seen[chosen]


def facts_of(customers: Sequence[Customer], currency: str, now: datetime) -> Facts:
    """The figures of customers at a time."""
    import numpy as np

    rows = np.full((5, len(customers)), np.inf)
    at = now.astimezone(UTC).timestamp()
    for place, customer in enumerate(customers):
        money, counted = spent(customer, currency)
        last, first = last_order(customer), first_order(customer)
        rows[0, place] = order_count(customer)
        rows[1, place], rows[2, place] = float(money), counted
        if last:
            rows[3, place] = max(0.0, (at - parsed(last).timestamp()) / _DAY)
        if first:
            rows[4, place] = max(0.0, (at - parsed(first).timestamp()) / _DAY)
    return Facts([customer["email"] for customer in customers], *rows)


def segment(customers: Sequence[Customer], settings: Settings, now: datetime) -> Segmentation:
    """Everybody in their segments."""
    import numpy as np

    # A list may tell totals without a currency; they are taken to be in the workspace's.
    currency, strangers = main_currency(customers, settings.currency)
    facts = facts_of(customers, currency, now)
    notes = (
        [f"{strangers} orders in other currencies than {currency} count as orders, not as money."] if strangers else []
    )
    rules, reasons = _rules(facts, settings, currency, notes)
    main = np.full(len(customers), RETURNING, dtype=object)
    for name in reversed(ORDER[:-1]):
        main[rules[name]] = name
    rfm = _rfm(facts)
    if rfm is not None:
        high, quick, rich = rfm[1] >= 4, rfm[0] >= 4, rfm[2] >= 4
        rules[CHAMPIONS] = high & quick & rich
        rules[AT_RISK] = (rfm[0] > 0) & (rfm[0] <= 2) & (rfm[1] >= 3)
        reasons[CHAMPIONS] = "RFM scores of 4 or 5 in recency, frequency and money."
        reasons[AT_RISK] = "Bought often (frequency 3 to 5), but not lately (recency 1 or 2)."
    return Segmentation(facts, rules, reasons, list(main), rfm, currency, notes)


def _rules(
    facts: Facts, settings: Settings, currency: str, notes: list[str]
) -> tuple[dict[str, Choice], dict[str, str]]:
    import numpy as np

    buyers, none = facts.buyers, np.zeros(len(facts.emails), dtype=bool)
    lapsed, fresh = settings["lapsed_days"], settings["new_days"]
    long_ago = buyers & np.isfinite(facts.recency) & (facts.recency > lapsed)
    priced = buyers & (facts.counted > 0)
    average = np.divide(facts.revenue, facts.counted, out=np.zeros_like(facts.revenue), where=priced)
    if int(priced.sum()) >= MIN_FOR_QUARTILE:
        limit = float(np.percentile(average[priced], 75))
        large = priced & (average >= limit)
        words = f"At least one order, and an average order of {limit:,.2f} {currency} or more (the upper quarter)."
    else:
        large = none
        words = f"Not computed: fewer than {MIN_FOR_QUARTILE} buyers whose orders are known in {currency}."
        notes.append(f"{HIGH_AOV}: {words}")
    often = buyers & (facts.orders >= LOYAL_ORDERS) & ~long_ago
    rules = {
        NEVER: ~buyers,
        LAPSED: long_ago,
        HIGH_AOV: large,
        LOYAL: often,
        NEW: (facts.orders == 1) & (facts.age <= fresh),
        ONE_TIME: (facts.orders == 1),
        RETURNING: (facts.orders >= 2) & ~long_ago,
        PAST_BUYERS: buyers,
        EVERYBODY: np.ones(len(facts.emails), dtype=bool),
    }
    reasons = {
        NEVER: "No order is known.",
        LAPSED: f"Bought before, but not in the last {lapsed:g} days.",
        HIGH_AOV: words,
        LOYAL: f"{LOYAL_ORDERS} orders or more, the last one within {lapsed:g} days.",
        NEW: f"One order, placed within {fresh:g} days.",
        ONE_TIME: "Exactly one order.",
        RETURNING: f"Two orders or more, the last one within {lapsed:g} days.",
        PAST_BUYERS: "At least one order.",
        EVERYBODY: "Every customer.",
    }
    return rules, reasons


def _rfm(facts: Facts) -> NDArray[np.int64] | None:
    """Scores from 1 to 5 by quintile among buyers, others 0; equal figures, equal scores. None with too few buyers."""
    import numpy as np

    buyers = facts.buyers & np.isfinite(facts.recency)
    if int(buyers.sum()) < MIN_FOR_RFM:
        return None
    scores = np.zeros((3, len(facts.emails)), dtype=np.int64)
    for row, figure in enumerate((-facts.recency, facts.orders, facts.revenue)):
        edges = np.quantile(figure[buyers], [0.2, 0.4, 0.6, 0.8])
        scores[row, buyers] = np.searchsorted(edges, figure[buyers], side="left") + 1
    return scores


def pick(found: Segmentation, wanted: str) -> str:
    """The rule a person means; Invalid names those there are."""
    name = one_line(wanted, 120).lower()
    names = {rule.lower(): rule for rule in found.rules}
    chosen = names.get(name) or names.get(_ALIASES.get(name, "").lower()) or names.get(name.replace("_", " "))
    if chosen is None:
        raise Invalid(
            f"There is no customer segment {one_line(wanted, 60)!r}.", hint="Use one of " + ", ".join(found.rules) + "."
        )
    return chosen


def shown(found: Segmentation) -> dict[str, Any]:
    """The groups for the report: size, reason and average of each."""
    sizes = Counter(found.main)
    total = len(found.facts.emails)
    rows = [{"segment": name, "main": sizes[name], **_group(found, name)} for name in found.rules if name != EVERYBODY]
    return {
        "customers": total,
        "currency": found.currency,
        "segments": rows,
        "rule": "main counts every customer once; size counts everybody the rule fits, and rules may overlap.",
        "rfm": _rfm_shown(found) if found.rfm is not None else not_computed(
            f"fewer than {MIN_FOR_RFM} buyers with a known time of their last order"
        ),
        "notes": found.notes,
    }  # fmt: skip


def _group(found: Segmentation, name: str) -> dict[str, Any]:
    import numpy as np

    who = found.rules[name]
    counted = float(found.facts.counted[who].sum())
    known = found.facts.recency[who & np.isfinite(found.facts.recency)]
    revenue = float(found.facts.revenue[who].sum())
    return {
        "size": int(who.sum()),
        "reason": found.reasons[name],
        "average_order": round(revenue / counted, 2) if counted else None,
        "median_days_since_order": round(float(np.median(known)), 1) if len(known) else None,
    }


def _rfm_shown(found: Segmentation) -> dict[str, Any]:
    assert found.rfm is not None
    digits: Callable[[Any], str] = lambda column: "".join(str(int(each)) for each in column)  # noqa: E731
    cells = Counter(digits(column) for column in found.rfm.T if column[0])
    top = sorted(cells.items(), key=lambda pair: (-pair[1], pair[0]))[:25]
    return {"scores": "recency, frequency, money; 1 lowest, 5 highest, by fifths of the buyers",
            "largest_cells": dict(top), "cells": len(cells)}  # fmt: skip
