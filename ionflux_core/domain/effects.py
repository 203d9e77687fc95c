"""Effects on the world outside: the states one goes through in the outbox, and its read model."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

EffectStatus = Literal[
    "draft", "awaiting_approval", "sending", "sent", "failed", "uncertain", "denied", "would_send"
]  # fmt: skip
OnUncertain = Literal["ask", "skip", "retry"]
EffectAction = Literal["retry", "sent", "give_up"]

EFFECT_STATUSES: tuple[EffectStatus, ...] = get_args(EffectStatus)
EFFECT_ACTIONS: tuple[EffectAction, ...] = get_args(EffectAction)
# What another run may take up again under the same key: nothing went out.
UNSENT: frozenset[EffectStatus] = frozenset({"failed", "denied", "would_send"})
CLOSED: frozenset[EffectStatus] = UNSENT | {"sent"}


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EffectLine(_Read):
    """One line of the outbox."""

    id: str
    workspace_id: str
    run_id: str
    instance_id: str | None = None
    instance_name: str | None = None
    definition_slug: str = ""
    kind: str
    target: str
    summary: str
    status: EffectStatus
    dry_run: bool
    policy: str
    approval_id: str | None = None
    batch_id: str | None = None
    attempts: int
    sent_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class Effect(EffectLine):
    """One effect: what was, would be or may have been sent. `payload` is what goes out, edits included."""

    step_key: str
    payload: dict[str, Any]
    reasons: list[str] | None = None
    estimate_micros: int | None = None
    idempotency_key: str
    on_uncertain: OnUncertain
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class EffectFilter(BaseModel):
    """How the outbox is narrowed; empty fields narrow nothing."""

    model_config = ConfigDict(extra="forbid")

    status: EffectStatus | None = None
    kind: str | None = None
    agent: str | None = None
    run_id: str | None = None
