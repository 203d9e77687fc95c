"""The API's questions to people and the outbox: what waits for an answer, what went out, what nobody knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from ionflux_core.domain.approvals import ApprovalFilter, ApprovalLine, View
from ionflux_core.domain.effects import Effect, EffectAction, EffectFilter, EffectStatus
from ionflux_core.domain.runs import ApprovalKind, ApprovalStatus, Urgency
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Limit, Reading, Word

router = APIRouter(tags=["approvals"])


class ApprovalDecision(Body):
    """The answer to a question; `edits` may change its editable fields, each to the same kind of value."""

    verdict: Literal["approve", "deny"]
    comment: str | None = Field(None, max_length=2000)
    edits: dict[str, Any] = {}


class EffectLineOut(Answer):
    """One line of the outbox."""

    id: str
    run_id: str
    agent: str
    instance_id: str | None
    instance_name: str | None
    kind: str
    target: str
    summary: str
    status: EffectStatus
    dry_run: bool
    policy: str
    approval_id: str | None
    attempts: int
    created_at: datetime
    sent_at: datetime | None


class EffectOut(EffectLineOut):
    """One effect; `payload` is what goes out, `reasons` say why a person was asked."""

    payload: dict[str, Any]
    reasons: list[str]
    estimate_micros: int | None
    idempotency_key: str
    on_uncertain: str
    response: dict[str, Any] | None
    error: dict[str, Any] | None


class ApprovalOut(Answer):
    """A question to a person: the draft in `data`, what may be edited, and, once decided, the answer."""

    id: str
    run_id: str
    agent: str
    instance_id: str | None
    instance_name: str | None
    kind: ApprovalKind
    title: str
    body: str
    data: dict[str, Any]
    editable: list[str]
    urgency: Urgency
    status: ApprovalStatus
    on_timeout: str
    expires_at: datetime | None
    created_at: datetime
    reminded_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    comment: str | None
    edits: dict[str, Any]


class ApprovalWithEffect(ApprovalOut):
    """A question, and the effect it is about."""

    effect: EffectOut | None


class ApprovalList(Answer):
    """Questions; `cursor` asks for the next page, null on the last one."""

    approvals: list[ApprovalOut]
    cursor: str | None


class AcceptanceOut(Answer):
    """How people received drafts; `acceptance_rate` is the share approved unedited, or says why there is none."""

    acceptance_rate: float | dict[str, str]
    decided: int
    unedited: int
    edited: int
    denied: int


class EffectList(Answer):
    """Effects, newest first; `cursor` asks for the next page, null on the last one."""

    effects: list[EffectLineOut]
    cursor: str | None


class EffectDecision(Body):
    """What is to become of an uncertain effect."""

    action: EffectAction
    comment: str = Field("", max_length=2000)


@router.get("/approvals")
def find_approvals(
    here: Reading,
    view: View = "open",
    agent: Word | None = None,
    urgency: Urgency | None = None,
    cursor: Word | None = None,
    limit: Limit = 50,
) -> ApprovalList:
    """A page of open questions, the most urgent first, or of decided ones. `agent` is an instance's id or a slug."""
    narrow = ApprovalFilter(agent=agent, urgency=urgency)
    found = here.application.approvals.find(here.workspace_id, narrow, view=view, cursor=cursor, limit=limit)
    return ApprovalList(approvals=[ApprovalOut(**_asked(each)) for each in found.approvals], cursor=found.cursor)


@router.get("/approvals/acceptance")
def acceptance(here: Reading, instance_id: Word | None = None, agent: Word | None = None) -> AcceptanceOut:
    """The share of drafts people accepted unedited, of one instance, of one agent, or of all."""
    found = here.application.approvals.acceptance(here.workspace_id, instance_id=instance_id, slug=agent)
    rate = found.rate
    return AcceptanceOut(
        acceptance_rate={"not_computed": "Nobody has decided over a draft yet."} if rate is None else rate,
        decided=found.decided,
        unedited=found.unedited,
        edited=found.edited,
        denied=found.denied,
    )


@router.get("/approvals/{approval_id}")
def get_approval(here: Reading, approval_id: str) -> ApprovalWithEffect:
    """One question, and why it is asked."""
    return _with_effect(here, here.application.approvals.get(here.workspace_id, approval_id))


@router.post("/approvals/{approval_id}")
def decide(here: Editing, approval_id: str, decision: ApprovalDecision) -> ApprovalWithEffect:
    """Answer a question once; its run goes on from there."""
    here.application.approvals.decide(
        here.workspace_id,
        approval_id,
        approved=decision.verdict == "approve",
        by=here.who.name,
        comment=decision.comment,
        edits=decision.edits,
    )
    return _with_effect(here, here.application.approvals.get(here.workspace_id, approval_id))


@router.get("/outbox")
def find_effects(
    here: Reading,
    status: EffectStatus | None = None,
    kind: Word | None = None,
    agent: Word | None = None,
    run_id: Word | None = None,
    cursor: Word | None = None,
    limit: Limit = 50,
) -> EffectList:
    """A page of what was, would be or may have been sent, newest first."""
    narrow = EffectFilter(status=status, kind=kind, agent=agent, run_id=run_id)
    found = here.application.outbox.find(here.workspace_id, narrow, cursor=cursor, limit=limit)
    lines = [EffectLineOut(agent=each.definition_slug, **each.model_dump()) for each in found.effects]
    return EffectList(effects=lines, cursor=found.cursor)


@router.get("/outbox/{effect_id}")
def get_effect(here: Reading, effect_id: str) -> EffectOut:
    """One effect with its payload."""
    return _effect_out(here.application.outbox.get(here.workspace_id, effect_id))


@router.post("/outbox/{effect_id}")
def act(here: Editing, effect_id: str, decision: EffectDecision) -> EffectOut:
    """Settle an uncertain effect once: `retry` sends it again under its key, `sent` and `give_up` do not."""
    settled = here.application.outbox.act(
        here.workspace_id, effect_id, decision.action, by=here.who.name, comment=decision.comment
    )
    return _effect_out(settled)


def _asked(asked: ApprovalLine) -> dict[str, Any]:
    values = asked.model_dump()
    return {**values, "agent": asked.definition_slug}


def _with_effect(here: Here, asked: ApprovalLine) -> ApprovalWithEffect:
    effect = here.application.outbox.of_approval(here.workspace_id, asked.id)
    return ApprovalWithEffect(**_asked(asked), effect=_effect_out(effect) if effect else None)


def _effect_out(effect: Effect) -> EffectOut:
    return EffectOut(**(effect.model_dump() | {"agent": effect.definition_slug, "reasons": effect.reasons or []}))
