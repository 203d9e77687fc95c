"""The API's money: budgets, the C-ION ledger, estimates, and going on with a run its budget has stopped."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from ionflux_core.domain.money import (
    MICROS,
    MOST_MICROS,
    BudgetPeriod,
    BudgetScope,
    CostFigures,
    EntryKind,
    Estimate,
)
from ionflux_core.domain.runs import RunStatus
from ionflux_core.web.api_here import Answer, Body, Editing, Limit, Reading, Word
from ionflux_core.web.api_lists import page
from ionflux_core.web.auth import require

router = APIRouter(tags=["money"])

Model = Annotated[Word | None, Query(description="provider:model, to ask for the price of another one.")]


class BudgetDraft(Body):
    """A limit in millionths of a US dollar; without `instance_id` it holds for the whole workspace."""

    limit_micros: int = Field(ge=0, le=MOST_MICROS)
    period: BudgetPeriod
    instance_id: str | None = Field(None, max_length=36)


class BudgetOut(Answer):
    """A budget; `used_micros` is what of it is spent or set aside, null for one that holds for each run by itself."""

    id: str
    scope: BudgetScope
    scope_id: str
    name: str
    period: BudgetPeriod
    limit_micros: int
    used_micros: int | None
    updated_at: datetime


class BudgetList(Answer):
    """Budgets of a workspace by id; `cursor` asks for the next page, null on the last one."""

    budgets: list[BudgetOut]
    cursor: str | None


class Continuation(Body):
    """The run's new budget in millionths of a US dollar, all it has spent included; null keeps the old one."""

    budget_micros: int | None = Field(None, ge=0, le=MOST_MICROS)


class ContinuedOut(Answer):
    """A run that goes on."""

    run_id: str
    status: RunStatus
    budget_micros: int | None
    cost_micros: int


class Grant(Body):
    """Credits in millionths of a C-ION; one C-ION is one US cent."""

    amount_micros: int = Field(gt=0, le=MOST_MICROS)
    note: str = Field("", max_length=500)


class EntryOut(Answer):
    """One entry, in millionths of a C-ION."""

    seq: int
    id: str
    at: datetime
    kind: EntryKind
    amount_micros: int
    balance_after_micros: int
    run_id: str | None
    instance_id: str | None
    step_key: str | None
    service: str | None
    note: str


class LedgerOut(Answer):
    """The balance and entries, newest first; `cursor` asks for the next page, null on the last one."""

    balance_micros: int
    balance: float
    entries: list[EntryOut]
    cursor: int | None


@router.get("/budgets")
def find_budgets(here: Reading, cursor: Word | None = None, limit: Limit = 50) -> BudgetList:
    """A page of budgets with what of each is used."""
    known = here.application.budgets.find(here.workspace_id)
    found, following = page(known, lambda each: each.id, cursor=cursor, limit=limit)
    return BudgetList(budgets=[BudgetOut.model_validate(each) for each in found], cursor=following)


@router.post("/budgets", status_code=201)
def set_budget(here: Editing, draft: BudgetDraft) -> BudgetOut:
    """Limit the workspace or an instance by period; an earlier limit of the same kind gives way. For owners."""
    require("owner", here.who)
    use = here.application.budgets.set(
        here.workspace_id,
        limit_micros=draft.limit_micros,
        period=draft.period,
        instance_id=draft.instance_id,
        by=here.who.name,
    )
    return BudgetOut.model_validate(use)


@router.delete("/budgets/{budget_id}", status_code=204)
def remove_budget(here: Editing, budget_id: str) -> Response:
    """Take a limit away. For owners."""
    require("owner", here.who)
    here.application.budgets.remove(here.workspace_id, budget_id, by=here.who.name)
    return Response(status_code=204)


@router.post("/runs/{run_id}/continue")
def continue_run(here: Editing, run_id: str, wanted: Continuation) -> ContinuedOut:
    """Go on with a run that its budget has stopped; its finished steps are not repeated or paid again."""
    run = here.application.budgets.continue_with(here.workspace_id, run_id, wanted.budget_micros, by=here.who.name)
    return ContinuedOut(run_id=run.id, status=run.status, budget_micros=run.budget_micros, cost_micros=run.cost_micros)


@router.get("/ledger")
def get_ledger(
    here: Reading,
    run_id: Word | None = None,
    cursor: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Limit = 50,
) -> LedgerOut:
    """The balance, and a page of entries."""
    ledger = here.application.ledger
    found = ledger.find(here.workspace_id, cursor=cursor, limit=limit, run_id=run_id)
    balance = ledger.balance(here.workspace_id)
    return LedgerOut(
        balance_micros=balance,
        balance=balance / MICROS,
        entries=[EntryOut.model_validate(each) for each in found.entries],
        cursor=found.cursor,
    )


@router.get("/ledger.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def get_ledger_csv(here: Reading) -> Response:
    """Every entry as CSV, newest first."""
    parts = here.application.ledger.as_csv(here.workspace_id)
    headers = {"Content-Disposition": 'attachment; filename="ledger.csv"'}
    return StreamingResponse(parts, media_type="text/csv", headers=headers)


@router.post("/ledger/grants", status_code=201)
def grant(here: Editing, wanted: Grant) -> EntryOut:
    """Give credits to the workspace. For owners."""
    require("owner", here.who)
    entry = here.application.ledger.grant(here.workspace_id, wanted.amount_micros, by=here.who.name, note=wanted.note)
    return EntryOut.model_validate(entry)


@router.get("/instances/{instance_id}/estimate")
def estimate_instance(here: Reading, instance_id: str, model: Model = None) -> Estimate:
    """What the next run will probably cost and take, from the runs there were; amounts in millionths of a US dollar."""
    return here.application.estimates.of_instance(here.workspace_id, instance_id, model=model)


@router.get("/instances/{instance_id}/costs")
def costs_of_instance(here: Reading, instance_id: str) -> CostFigures:
    """What the runs of the last 30 days have cost, with the calls that have no price counted apart."""
    instance = here.application.agents.get(here.workspace_id, instance_id)
    return here.application.estimates.figures(here.workspace_id, instance.id)


@router.get("/agents/{name}/estimate")
def estimate_agent(here: Reading, name: str, model: Model = None) -> Estimate:
    """The same for an agent of the marketplace, from all its runs in the workspace."""
    slug = here.application.marketplace.definition(name).slug
    return here.application.estimates.of_definition(here.workspace_id, slug, model=model)


@router.get("/runs/{run_id}/estimate")
def estimate_fork(
    here: Reading,
    run_id: str,
    step: Annotated[Word | None, Query(description="Where the fork begins; what lies before costs nothing.")] = None,
    model: Model = None,
) -> Estimate:
    """What a fork of a run will probably cost."""
    return here.application.estimates.of_fork(here.workspace_id, run_id, step=step, model=model)
