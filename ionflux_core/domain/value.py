"""What runs were worth: entries of the value ledger, and their sums, in which methods and units stay apart."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

ValueKind = Literal["money_made", "money_saved", "minutes_returned"]
ValueMethod = Literal["measured", "modelled", "estimate"]

KINDS: Final[tuple[ValueKind, ...]] = get_args(ValueKind)
METHODS: Final[tuple[ValueMethod, ...]] = get_args(ValueMethod)


class ValueEntry(BaseModel):
    """What one run booked, how that is known, and how sure whoever booked it was (0 to 1, None: nobody said)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    run_id: str
    instance_id: str | None = None
    brand_id: str | None = None
    definition_slug: str
    kind: str
    amount: float
    unit: str
    method: str
    confidence: float | None = None
    note: str
    at: datetime


class ValueSum(BaseModel):
    """Entries of one kind, method and unit together; `confidence` is the mean of those `sure` entries that say one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    method: str
    unit: str
    amount: float
    entries: int
    confidence: float | None = None
    sure: int = 0
