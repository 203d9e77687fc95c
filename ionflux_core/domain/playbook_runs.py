"""What became of playbooks: figures, and the way of each execution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from ionflux_core.domain.spellings import SpelledModel


class Performance(SpelledModel):
    """What came of a playbook. What cannot be computed is None, and `not_computed` says why, by its name.

    `running` are under way or parked, `failed` ended otherwise than well; `converted` of `counted` executions had the
    conversion's event in time.
    """

    total_triggered: int
    total_completed: int
    running: int = 0
    failed: int = 0
    counted: int = 0
    converted: int | None = None
    conversion_rate: float | None = None
    not_computed: Mapping[str, str] = {}


class PassedStep(SpelledModel):
    """A step of an execution: what became of it and when; while a delay lasts, until when.

    `acted` is False for one that was passed over.
    """

    step_id: str
    name: str
    state: Literal["running", "waiting", "done", "failed", "passed_over"]
    acted: bool = False
    at: datetime
    ended_at: datetime | None = None
    until: datetime | None = None
    note: str = ""


class Execution(SpelledModel):
    """One run of a playbook: for whom, at which version of its flow, how far, and by which way."""

    run_id: str
    status: str
    customer: str | None
    dry_run: bool
    started_at: datetime
    finished_at: datetime | None
    path: tuple[PassedStep, ...] = ()
