"""The API's runs that come from other runs: retry, fork, replay, and the tree they form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from ionflux_core import limits
from ionflux_core.domain.lineage import LineageNode
from ionflux_core.domain.runs import Lineage, RunStatus
from ionflux_core.services.starting import Started
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Reading, Word

router = APIRouter(tags=["runs"])


class Again(Body):
    """The same idempotency key makes one run, however often it is sent."""

    idempotency_key: str | None = Field(None, min_length=1, max_length=300)


class RunFork(Again):
    """What is changed. Steps before `step` are reused; without a step everything runs anew.

    `inputs` replace those of the same name, null takes one away. `version` is a saved version of the instance.
    `step_inputs` ({args, kwargs}) replace what the step itself was given, where the plan of the fork shows it.
    """

    step: str | None = Field(None, min_length=1, max_length=300)
    inputs: dict[str, Any] = {}
    model: str | None = Field(None, min_length=1, max_length=200)
    version: int | None = Field(None, ge=1)
    step_inputs: dict[str, Any] | None = None
    dry_run: bool | None = None


class ChildAccepted(Answer):
    """The new run's id; `repeated` when the idempotency key had been used before."""

    run_id: str
    repeated: bool


class ForkPlanOut(Answer):
    """What a fork would reuse, as step keys; `step_inputs` is null where they cannot be edited."""

    step: str | None
    reused: list[str]
    step_inputs: dict[str, Any] | None


class LineageNodeOut(Answer):
    """One run of the tree; `notes` say what was changed when it was made from its parent."""

    run_id: str
    parent_run_id: str | None
    lineage: Lineage | None
    forked_at: str | None
    notes: list[str]
    status: RunStatus
    cost_micros: int
    created_at: datetime


class LineageOut(Answer):
    """The runs one comes from, oldest first, and a page of all that came from the oldest; null is the last page."""

    run_id: str
    ancestors: list[LineageNodeOut]
    family: list[LineageNodeOut]
    cursor: str | None


@router.post("/runs/{run_id}/retry", status_code=202)
def retry_run(here: Editing, run_id: str, response: Response, wanted: Again | None = None) -> ChildAccepted:
    """Go on with a run that did not end well, as a new run that repeats none of its finished steps."""
    key = wanted.idempotency_key if wanted else None
    return _accepted(here.application.forks.retry(here.workspace_id, run_id, key=key, by=here.who.name), response)


@router.post("/runs/{run_id}/fork", status_code=202)
def fork_run(here: Editing, run_id: str, wanted: RunFork, response: Response) -> ChildAccepted:
    """A new run that reuses everything before a step and runs anew from there, with something changed."""
    made = here.application.forks.fork(
        here.workspace_id,
        run_id,
        step=wanted.step,
        inputs=wanted.inputs,
        model=wanted.model,
        version=wanted.version,
        step_inputs=wanted.step_inputs,
        dry_run=wanted.dry_run,
        key=wanted.idempotency_key,
        by=here.who.name,
    )
    return _accepted(made, response)


@router.get("/runs/{run_id}/fork")
def plan_fork(here: Reading, run_id: str, step: Word | None = None) -> ForkPlanOut:
    """What a fork at a step would reuse, and the step's own inputs where they may be edited."""
    plan = here.application.forks.plan(here.workspace_id, run_id, step)
    return ForkPlanOut(step=plan.step, reused=[key for key, _ in plan.reused], step_inputs=plan.step_inputs)


@router.post("/runs/{run_id}/replay", status_code=202)
def replay_run(here: Editing, run_id: str, response: Response, wanted: Again | None = None) -> ChildAccepted:
    """The same run again from its recording: nothing is called, paid or changed, and the outputs must be the same."""
    key = wanted.idempotency_key if wanted else None
    return _accepted(here.application.forks.replay(here.workspace_id, run_id, key=key, by=here.who.name), response)


@router.get("/runs/{run_id}/lineage")
def get_lineage(here: Reading, run_id: str, cursor: Word | None = None, limit: Limit = limits.PAGE_ROWS) -> LineageOut:
    """The tree of retries, forks and replays a run stands in."""
    tree = here.application.forks.lineage(here.workspace_id, run_id, cursor=cursor, limit=limit)
    return LineageOut(
        run_id=tree.run_id,
        ancestors=[_node(each) for each in tree.ancestors],
        family=[_node(each) for each in tree.family],
        cursor=tree.cursor,
    )


def _accepted(started: Started, response: Response) -> ChildAccepted:
    response.headers["Location"] = f"/api/v1/runs/{started.run_id}"
    return ChildAccepted(run_id=started.run_id, repeated=started.repeated)


def _node(node: LineageNode) -> LineageNodeOut:
    return LineageNodeOut.model_validate(node, from_attributes=True)
