"""How runs come from each other: the tree of retries, forks and replays, and what changed on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ionflux_core.domain.runs import Lineage, RunStatus

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class LineageNode:
    """One run in the tree; `notes` say in words what was changed when it was made from its parent."""

    run_id: str
    parent_run_id: str | None
    lineage: Lineage | None
    forked_at: str | None
    notes: list[str]
    status: RunStatus
    cost_micros: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LineageTree:
    """The runs one comes from, oldest first, and a page of all that came from the oldest, in the order they began."""

    run_id: str
    ancestors: list[LineageNode]
    family: list[LineageNode]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """What a fork at a step would reuse (keys and titles), and the step's own inputs where they may be edited."""

    step: str | None
    reused: list[tuple[str, str]]
    step_inputs: dict[str, Any] | None


def notes_of(changes: dict[str, Any] | None) -> list[str]:
    """What was changed, in words."""
    notes = []
    for name, change in (changes or {}).items():
        if name == "inputs":
            notes += [f"input {key}: {_moved(each)}" for key, each in change.items()]
        elif name == "step_inputs":
            notes.append("this step's own inputs")
        else:
            notes.append(f"{_WORDS.get(name, name)}: {_moved(change)}")
    return notes


_WORDS = {"model": "model", "version": "YAML version", "agent_version": "agent version", "dry_run": "dry run"}


def _moved(change: Any) -> str:
    return f"{_short(change.get('from'))} → {_short(change.get('to'))}" if isinstance(change, dict) else _short(change)


def _short(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
