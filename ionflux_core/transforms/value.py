"""What a run was worth."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from ionflux_core.sdk import Context
from ionflux_core.transforms.base import Example, transform


class Recorded(TypedDict):
    """What was booked."""

    kind: Annotated[str, "Money made, money saved, or minutes returned."]
    amount: Annotated[float, "The amount."]
    unit: Annotated[str, "Its unit."]


@transform(
    "value.record",
    title="Book what it was worth",
    examples=[Example("Minutes", {"kind": "minutes_returned", "amount": 6, "unit": "minutes", "method": "estimate",
                                  "note": "Nobody had to look at the order."},
                      {"kind": "minutes_returned", "amount": 6, "unit": "minutes"})],
)  # fmt: skip
def record(
    ctx: Context,
    kind: Annotated[Literal["money_made", "money_saved", "minutes_returned"], "What kind of value."],
    amount: Annotated[float, "How much."],
    unit: Annotated[str, "minutes, or a currency such as EUR.", Field(min_length=1, max_length=30)],
    method: Annotated[Literal["measured", "modelled", "estimate"], "How it is known; charts keep them apart."],
    note: Annotated[str, "Where the amount comes from.", Field(min_length=1, max_length=500)],
    confidence: Annotated[float, "How sure it is, from 0 to 1; -1 says nothing.", Field(ge=-1, le=1)] = -1.0,
) -> Recorded:
    """Book what this run was worth in the value ledger, with how that is known."""
    ctx.value(kind, amount, unit=unit, method=method, note=note, confidence=confidence if confidence >= 0 else None)
    return {"kind": kind, "amount": amount, "unit": unit}
