"""What a parked run waits for: a person, a run, an event, a time; a flow may wait for several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def waits_in(wait: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The single waits of a parked run: `{approval_id}`, `{run_id}`, `{topic, ...}` or `{until}` each."""
    if not wait:
        return []
    several = wait.get("any")
    return [wait] if several is None else list(several)


def joined_waits(waits: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several waits as one, over as soon as one of them is."""
    return dict(waits[0]) if len(waits) == 1 else {"any": [dict(each) for each in waits]}


def wait_at(wait: dict[str, Any] | None, step_key: str) -> dict[str, Any]:
    """The wait of one step; empty when the run does not wait there."""
    return next((each for each in waits_in(wait) if each.get("step_key") == step_key), {})
