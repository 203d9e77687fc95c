"""What a run was worth, as rows of the value ledger: booked by the agent itself, or estimated by its owner."""

from __future__ import annotations

import math
import uuid
from datetime import datetime
from typing import Any

from ionflux_core.domain.runs import Run
from ionflux_core.errors import Invalid
from ionflux_core.redaction import hidden

_NOTE_CHARS = 500


def entry(
    run: Run,
    entry_id: str,
    kind: str,
    amount: float,
    *,
    unit: str,
    method: str,
    confidence: float | None,
    note: str,
    at: datetime,
) -> dict[str, Any]:
    """One entry; Invalid when its confidence is no share between 0 and 1."""
    if confidence is not None and not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise Invalid(f"{kind} has the confidence {confidence}.", hint="Give a number from 0 to 1, or leave it out.")
    return {
        "id": entry_id,
        "workspace_id": run.workspace_id,
        "run_id": run.id,
        "kind": kind,
        "amount": float(amount),
        "unit": unit,
        "method": method,
        "confidence": None if confidence is None else float(confidence),
        "note": hidden(note[:_NOTE_CHARS]),
        "at": at,
    }


def owners_estimate(run: Run, at: datetime) -> dict[str, Any] | None:
    """What the owner of an instance says a successful run of it returns; None where nobody says so.

    It is booked once for each run: its id comes from the run's. A dry run returns nothing, and a fork or a replay is
    looked at rather than used.
    """
    said = run.config.get("value") or {}
    minutes = said.get("minutes_per_run")
    if not minutes or run.dry_run or run.lineage not in (None, "retry"):
        return None
    words = f"The owner's estimate: {minutes:g} minutes for each successful run."
    return entry(
        run, str(uuid.uuid5(uuid.UUID(run.id), "owners estimate")), "minutes_returned", minutes, unit="min",
        method="estimate", confidence=said.get("confidence"), note=words, at=at,
    )  # fmt: skip
