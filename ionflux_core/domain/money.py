"""Money: what calls cost in US dollars, credits in C-ION, budgets and estimates. Amounts are whole millionths."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

MICROS: Final = 1_000_000
CION_PER_DOLLAR: Final = 100
"""One C-ION is one US cent, since 2026-01-01. Entries keep the C-ION they were booked with."""
WELCOME_CION: Final = 10_000
"""What a new workspace starts with, so that nothing waits for an owner who has not heard of credits yet."""
MOST_MICROS: Final = 1_000_000_000 * MICROS
"""The largest budget and the largest grant: a slip of the keyboard stays far away from what a column holds."""

EntryKind = Literal["credit_grant", "debit_reserve", "credit_release", "debit_flow_execution", "refund"]
BudgetScope = Literal["workspace", "instance"]
BudgetPeriod = Literal["run", "day", "month", "total"]

ENTRY_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
BUDGET_PERIODS: tuple[BudgetPeriod, ...] = get_args(BudgetPeriod)


def cion_micros(dollar_micros: int) -> int:
    """Millionths of a C-ION for millionths of a US dollar."""
    return dollar_micros * CION_PER_DOLLAR


def dollar_micros(cion_micros: int) -> int:
    """Millionths of a US dollar for millionths of a C-ION, rounded down."""
    return cion_micros // CION_PER_DOLLAR


def in_dollars(micros: int) -> str:
    """Millionths of a US dollar as a person reads them; small sums keep the digits that tell them from nothing."""
    if 0 < micros < 100:
        return "under $0.0001"
    return f"${micros / MICROS:.4f}" if 0 < micros < 10_000 else f"${micros / MICROS:,.2f}"


def in_cion(micros: int) -> str:
    """Millionths of a C-ION as a person reads them."""
    return f"{micros / MICROS:,.4f}".rstrip("0").rstrip(".") + " C-ION"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerEntry(_Read):
    """One line of the ledger, in millionths of a C-ION; it is never changed."""

    seq: int
    id: str
    workspace_id: str
    at: datetime
    kind: EntryKind
    amount_micros: int
    balance_after_micros: int
    run_id: str | None = None
    instance_id: str | None = None
    step_key: str | None = None
    service: str | None = None
    note: str = ""


class Budget(_Read):
    """A limit in millionths of a US dollar for each run, day or month, or for all time, of a workspace or instance."""

    id: str
    workspace_id: str
    scope: BudgetScope
    scope_id: str
    period: BudgetPeriod
    limit_micros: int
    created_at: datetime
    updated_at: datetime


class BudgetUse(Budget):
    """A budget with what of it is spent or set aside; None for one that holds for each run by itself."""

    name: str
    used_micros: int | None


class Band(_Read):
    """What `n` runs took: the middle one, and the range that holds 8 of 10."""

    n: int
    p10: float
    median: float
    p90: float


class StepEstimate(_Read):
    """What one step will probably cost, in millionths of a US dollar."""

    step_key: str
    calls: float
    cost: Band


class Estimate(_Read):
    """What a run will probably cost (millionths of a US dollar) and take (seconds).

    `not_computed` says why `cost` is None: nothing to learn from, or a model without a price.
    """

    cost: Band | None = None
    seconds: Band | None = None
    steps: list[StepEstimate] = []
    source: Literal["instance", "definition", "none"] = "none"
    not_computed: str | None = None


class CostFigures(_Read):
    """What an instance's runs have cost, in millionths of a US dollar; calls without a price are counted, not added."""

    runs: int
    cost_micros: int
    per_run_micros: float | None
    calls: int
    unpriced_calls: int
