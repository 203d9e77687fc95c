"""The API's runs and approvals: start, watch, steer, decide."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from ionflux_core import limits
from ionflux_core.domain.money import MOST_MICROS
from ionflux_core.domain.runs import (
    Lineage,
    Run,
    RunError,
    RunFilter,
    RunStatus,
    RunStep,
    RunSummary,
    RunTrigger,
    StepStatus,
    TriggerKind,
)
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Moment, Reading, Word
from ionflux_core.web.api_lists import Place, part

router = APIRouter(tags=["runs"])


class RunStart(Body):
    """What to run: an instance's name or id, or `agent:<slug>`; inputs are merged over its configuration."""

    target: str = Field(min_length=1, max_length=300)
    inputs: dict[str, Any] = {}
    idempotency_key: str | None = Field(None, min_length=1, max_length=300)
    task: str | None = Field(None, max_length=200)
    dry_run: bool = False
    budget_micros: int | None = Field(
        None, ge=0, le=MOST_MICROS, description="What the run may spend, in millionths of a US dollar."
    )


class RunAccepted(Answer):
    """A run's id; `repeated` when the idempotency key had been used before."""

    run_id: str
    repeated: bool


class ErrorOut(Answer):
    """Why a run or step failed."""

    code: str
    message: str
    hint: str


class RunLine(Answer):
    """One line of a list of runs. `cost` is in US dollars, `cost_micros` in millionths of one.

    `unpriced_calls` went to a model whose price is not known: they are not in the cost.
    """

    run_id: str
    status: RunStatus
    agent: str
    agent_version: str
    instance_id: str | None
    instance_name: str | None
    brand_id: str | None
    trigger_kind: TriggerKind
    dry_run: bool
    preview: str | None
    error: ErrorOut | None
    cost: float
    cost_micros: int
    unpriced_calls: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunOut(RunLine):
    """One run; `outputs` is null until it has ended well."""

    target: str
    task: str | None
    trigger: RunTrigger
    correlation_id: str
    parent_run_id: str | None
    lineage: Lineage | None
    forked_at: str | None
    changes: dict[str, Any] | None
    replay_of: str | None
    idempotency_key: str | None
    attempt: int
    inputs: dict[str, Any]
    outputs: dict[str, Any] | None
    kpis: dict[str, Any]
    warnings: list[str]
    wake_at: datetime | None
    budget_micros: int | None


class RunList(Answer):
    """Runs, newest first; `cursor` asks for the next page, null on the last one."""

    runs: list[RunLine]
    cursor: str | None


class StepOut(Answer):
    """One journaled step."""

    step_key: str
    seq: int
    kind: str
    title: str
    status: StepStatus
    attempt: int
    inputs: Any
    outputs: Any
    output_ref: str | None
    outputs_hash: str | None
    source_run_id: str | None = Field(description="The run that really executed a reused step.")
    reported: dict[str, Any] | None = Field(description="The figures the step has reported.")
    error: ErrorOut | None
    cost_micros: int
    started_at: datetime
    finished_at: datetime | None


class CallOut(Answer):
    """One attempt. `cost_micros` is null where no price is known; `price` is the row of the price list it was made by.

    `request_hash` is the same for the same question to the same model.
    """

    id: str
    step_key: str | None
    kind: str
    provider: str
    model: str | None
    status: str
    attempt: int
    request: Any
    response: Any
    error: dict[str, Any] | None
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    price: dict[str, Any] | None
    cost_micros: int | None
    latency_ms: float
    request_hash: str | None
    at: datetime


class LogOut(Answer):
    """One log line of a run."""

    at: datetime
    level: str
    message: str
    step_key: str | None
    fields: dict[str, Any]


@router.post("/runs", status_code=202)
def start_run(here: Editing, wanted: RunStart, response: Response) -> RunAccepted:
    """Accept a run and answer at once; the same idempotency key gives the same run."""
    started = here.application.runs.start(
        here.workspace_id,
        wanted.target,
        wanted.inputs,
        key=wanted.idempotency_key,
        task=wanted.task,
        dry_run=wanted.dry_run,
        budget_micros=wanted.budget_micros,
        by=here.who.name,
        durable=True,
    )
    response.headers["Location"] = f"/api/v1/runs/{started.run_id}"
    return RunAccepted(run_id=started.run_id, repeated=started.repeated)


@router.get("/runs")
def find_runs(
    here: Reading,
    status: Annotated[list[RunStatus] | None, Query(description="Any of these; may be repeated.")] = None,
    instance_id: Word | None = None,
    agent: Annotated[Word | None, Query(description="Slug of an agent.")] = None,
    brand_id: Word | None = None,
    trigger_kind: TriggerKind | None = None,
    correlation_id: Word | None = None,
    text: Word | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: Word | None = None,
    limit: Limit = 50,
) -> RunList:
    """A page of runs, newest first."""
    narrow = RunFilter(
        statuses=status or [],
        instance_id=instance_id,
        definition_slug=agent,
        brand_id=brand_id,
        trigger_kind=trigger_kind,
        correlation_id=correlation_id,
        text=text,
        since=since,
        until=until,
    )
    if text:
        here.application.search.catch_up(budget=1.0)
    found = here.application.runs.find(here.workspace_id, narrow, cursor=cursor, limit=limit)
    return RunList(runs=[line_of(run) for run in found.runs], cursor=found.cursor)


@router.get("/runs/{run_id}")
def get_run(here: Reading, run_id: str) -> RunOut:
    """One run with its inputs, outputs, KPIs, error and cost."""
    return _run_out(here.application.runs.get(here.workspace_id, run_id))


@router.get("/runs/{run_id}/steps")
def get_steps(
    here: Reading,
    request: Request,
    response: Response,
    run_id: str,
    offset: Place = 0,
    limit: Limit = limits.PAGE_ROWS,
) -> list[StepOut]:
    """The steps of a run in the order they began."""
    found = here.application.runs.steps(here.workspace_id, run_id, offset=offset, limit=limit + 1)
    return [_step_out(step) for step in part(found, request, response, offset=offset, limit=limit)]


@router.get("/runs/{run_id}/logs")
def get_logs(
    here: Reading,
    request: Request,
    response: Response,
    run_id: str,
    offset: Place = 0,
    limit: Limit = limits.PAGE_ROWS,
) -> list[LogOut]:
    """The log lines of a run, oldest first."""
    found = here.application.runs.logs(here.workspace_id, run_id, limit=offset + limit + 1)[offset:]
    return [LogOut.model_validate(line) for line in part(found, request, response, offset=offset, limit=limit)]


@router.get("/runs/{run_id}/calls")
def get_calls(
    here: Reading,
    request: Request,
    response: Response,
    run_id: str,
    offset: Place = 0,
    limit: Limit = limits.PAGE_ROWS,
) -> list[CallOut]:
    """Every attempt of a run to call a model or another server, the failed ones too, oldest first."""
    found = here.application.runs.calls(here.workspace_id, run_id, offset=offset, limit=limit + 1)
    kept = part(found, request, response, offset=offset, limit=limit)
    return [CallOut.model_validate({name: call[name] for name in CallOut.model_fields}) for call in kept]


@router.post("/runs/{run_id}/cancel")
def cancel_run(here: Editing, run_id: str) -> RunOut:
    """Cancel a run that has not ended."""
    return _run_out(here.application.runs.cancel(here.workspace_id, run_id, by=here.who.name))


@router.post("/runs/{run_id}/pause")
def pause_run(here: Editing, run_id: str) -> RunOut:
    """Pause a run: at once while it waits, at its next step while it runs."""
    return _run_out(here.application.runs.pause(here.workspace_id, run_id, by=here.who.name))


@router.post("/runs/{run_id}/resume")
def resume_run(here: Editing, run_id: str) -> RunOut:
    """Go on with a paused run; its finished steps are not repeated."""
    return _run_out(here.application.runs.resume(here.workspace_id, run_id, by=here.who.name))


def line_of(run: RunSummary) -> RunLine:
    """A run as one line of a list."""
    return RunLine(**_line(run), error=_summed_up(run))


def _line(run: RunSummary) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "agent": run.definition_slug,
        "agent_version": run.definition_version,
        "cost": run.cost_micros / 1_000_000,
        **run.model_dump(
            include={
                "status", "instance_id", "instance_name", "brand_id", "trigger_kind", "dry_run", "preview",
                "cost_micros", "unpriced_calls", "created_at", "started_at", "finished_at",
            }
        ),
    }  # fmt: skip


def _summed_up(run: RunSummary) -> ErrorOut | None:
    return ErrorOut(code=run.error_code, message=run.error_message or "", hint="") if run.error_code else None


def _run_out(run: Run) -> RunOut:
    own = {
        "target", "task", "trigger", "correlation_id", "parent_run_id", "lineage", "forked_at", "changes", "replay_of",
        "idempotency_key", "attempt", "inputs",
        "outputs", "kpis", "warnings", "wake_at", "budget_micros",
    }  # fmt: skip
    return RunOut(**_line(run), **run.model_dump(include=own), error=_error_out(run.error))


def _step_out(step: RunStep) -> StepOut:
    return StepOut(**step.model_dump(exclude={"error", "inputs_hash", "run_id"}), error=_error_out(step.error))


def _error_out(error: RunError | None) -> ErrorOut | None:
    """Without the trace: that stays with the people who may see the page."""
    return ErrorOut.model_validate(error) if error else None
