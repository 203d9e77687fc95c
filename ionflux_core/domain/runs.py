"""Runs and their steps: the status words, the one table of allowed moves, and the read models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from ionflux_core.errors import Conflict

RunStatus = Literal[
    "pending",
    "running",
    "awaiting_approval",
    "waiting",
    "paused",
    "success",
    "error",
    "cancelled_by_user",
    "cancelled_by_system",
    "budget_stopped",
]
StepStatus = Literal["pending", "running", "success", "error", "skipped", "waiting", "cancelled", "reused"]
TriggerKind = Literal["manual", "schedule", "event", "webhook", "flow"]

RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
PARKED: frozenset[RunStatus] = frozenset({"awaiting_approval", "waiting", "paused"})
FINISHED: frozenset[RunStatus] = frozenset(
    {"success", "error", "cancelled_by_user", "cancelled_by_system", "budget_stopped"}
)
UNFINISHED: frozenset[RunStatus] = frozenset(RUN_STATUSES) - FINISHED

ALLOWED_MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    "pending": frozenset({"running", "paused", "error", "cancelled_by_user", "cancelled_by_system"}),
    "running": frozenset({"pending", *PARKED, *FINISHED}),
    "awaiting_approval": frozenset({"pending", "error", "cancelled_by_user", "cancelled_by_system"}),
    "waiting": frozenset({"pending", "paused", "error", "cancelled_by_user", "cancelled_by_system"}),
    "paused": frozenset({"pending", "cancelled_by_user", "cancelled_by_system"}),
    "budget_stopped": frozenset({"pending"}),
    "success": frozenset(),
    "error": frozenset(),
    "cancelled_by_user": frozenset(),
    "cancelled_by_system": frozenset(),
}


def sources_of(target: RunStatus) -> tuple[RunStatus, ...]:
    """The statuses from which a run may move to `target`."""
    return tuple(source for source, targets in ALLOWED_MOVES.items() if target in targets)


def check_move(source: RunStatus, target: RunStatus) -> None:
    """Raise Conflict unless a run may go from `source` to `target`."""
    if target not in ALLOWED_MOVES[source]:
        raise Conflict(
            f"A run that is {source.replace('_', ' ')} cannot become {target.replace('_', ' ')}.",
            hint="Reload the run: its state has moved on.",
        )


Lineage = Literal["retry", "fork", "replay"]
ApprovalKind = Literal["question", "effect", "uncertain"]
ApprovalStatus = Literal["pending", "approved", "denied", "timed_out", "withdrawn"]
Urgency = Literal["low", "medium", "high", "critical"]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunTrigger(_Read):
    """What started a run. `task` is the trigger's own task word; `payload` is what it brought.

    `sources` are the runs whose words came along, as in a conversation: what they have read, this one has read.
    """

    kind: TriggerKind = "manual"
    id: str | None = None
    key: str | None = None
    task: str | None = None
    slot: datetime | None = None
    event_id: str | None = None
    event_type: str | None = None
    by: str | None = None
    payload: Any = None
    sources: list[str] = []


class RunError(_Read):
    """Why a run or step failed; `trace` is for those who open the fold."""

    code: str
    message: str
    hint: str = ""
    trace: str | None = None


class RunSummary(_Read):
    """One line of a list of runs."""

    id: str
    workspace_id: str
    instance_id: str | None
    instance_name: str | None = None
    definition_slug: str
    definition_version: str
    brand_id: str | None = None
    status: RunStatus
    trigger_kind: TriggerKind
    dry_run: bool = False
    preview: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    cost_micros: int = 0
    unpriced_calls: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Run(RunSummary):
    """A run with everything it holds but its steps and logs."""

    target: str
    task: str | None = None
    trigger: RunTrigger
    correlation_id: str
    parent_run_id: str | None = None
    lineage: Lineage | None = None
    forked_at: str | None = None
    changes: dict[str, Any] | None = None
    replay_of: str | None = None
    clock: datetime | None = None
    seed: int | None = None
    imported: dict[str, Any] | None = None
    budget_micros: int | None = None
    idempotency_key: str | None = None
    depth: int = 0
    attempt: int = 1
    inputs: dict[str, Any]
    config: dict[str, Any]
    config_sha256: str
    outputs: dict[str, Any] | None = None
    kpis: dict[str, Any]
    error: RunError | None = None
    wake_at: datetime | None = None
    wait: dict[str, Any] | None = None
    warnings: list[str] = []
    started_by: str | None = None


def check_executed_here(run: Run) -> None:
    """Raise Conflict for a run that came from a file: it can be looked at, compared and replayed, never moved."""
    if run.imported is not None:
        raise Conflict(
            "This run was imported and is read-only.", hint="Replay it, or start the agent anew.", code="imported"
        )


class RunStep(_Read):
    """One journaled step. `inputs` is a readable preview, `outputs` the plain JSON the agent got back."""

    run_id: str
    step_key: str
    seq: int
    kind: str
    title: str
    status: StepStatus
    attempt: int
    inputs: Any = None
    inputs_hash: str | None = None
    outputs: Any = None
    output_ref: str | None = None
    outputs_hash: str | None = None
    source_run_id: str | None = None
    reported: dict[str, Any] | None = None
    error: RunError | None = None
    cost_micros: int = 0
    started_at: datetime
    finished_at: datetime | None = None


class RunLog(_Read):
    """One log line of a run."""

    run_id: str
    at: datetime
    level: Literal["debug", "info", "warning", "error"]
    message: str
    step_key: str | None = None
    fields: dict[str, Any] = {}


class Approval(_Read):
    """A question to a person that a run is parked on."""

    id: str
    workspace_id: str
    run_id: str
    step_key: str
    title: str
    body: str
    data: dict[str, Any]
    editable: list[str]
    kind: ApprovalKind = "question"
    urgency: Urgency
    status: ApprovalStatus
    on_timeout: Literal["deny", "approve", "fail"]
    expires_at: datetime | None
    decided_by: str | None = None
    comment: str | None = None
    edits: dict[str, Any] = {}
    created_at: datetime
    decided_at: datetime | None = None
    reminded_at: datetime | None = None


class RunFilter(BaseModel):
    """How a list of runs is narrowed; empty fields narrow nothing."""

    model_config = ConfigDict(extra="forbid")

    statuses: list[RunStatus] = []
    instance_id: str | None = None
    definition_slug: str | None = None
    brand_id: str | None = None
    trigger_kind: TriggerKind | None = None
    correlation_id: str | None = None
    # The code of the error a run ended with; budget_stopped for one its budget ended.
    error_code: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
