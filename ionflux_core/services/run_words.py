"""A run and its questions as messages: how it stands, what came out, what it asks."""

from __future__ import annotations

from typing import Any, Final

from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.chat import MessageContent, Proposal, ProposalAction, StatusUpdate
from ionflux_core.domain.runs import FINISHED, Approval, Run
from ionflux_core.limits import KIB, MESSAGE_CHARS
from ionflux_core.storage.engine import dump_json

ANSWER: Final = "answer"
"""An output of this name and of type markdown is what the agent says, in words."""

_OUTPUT_BYTES = 8 * KIB
_OUTPUTS_BYTES = 64 * KIB
_CUT_CHARS = 2_000
_APPROVE, _DENY = "approve", "deny"


def status_content(
    run: Run, agent: str, definition: AgentDefinition | None, *, step: str = "", done: int = 0, said: str = ""
) -> MessageContent:
    """How a run stands, as the content of its message."""
    ended = run.status in FINISHED
    outputs = dict(run.outputs or {}) if ended else {}
    spoken = outputs.pop(ANSWER, None) if speaks(definition) and isinstance(outputs.get(ANSWER), str) else None
    error = run.error.model_dump(include={"code", "message", "hint"}) if run.error and ended else None
    update = StatusUpdate(
        run_id=run.id,
        agent=agent,
        status=run.status,
        step="" if ended else step,
        steps_done=done,
        said="" if ended else said[-MESSAGE_CHARS:],
        preview=(run.preview or "") if ended else "",
        error=error,
        outputs=_cut(outputs),
        cost_micros=run.cost_micros,
        unpriced_calls=run.unpriced_calls,
        seconds=_seconds(run) if ended else None,
    )
    return MessageContent(text_body=(spoken or "")[:MESSAGE_CHARS], status_update=update)


def _seconds(run: Run) -> float | None:
    begun, ended = run.started_at or run.created_at, run.finished_at
    return round((ended - begun).total_seconds(), 2) if ended else None


def speaks(definition: AgentDefinition | None) -> bool:
    """Whether an agent's output is an answer in words."""
    return definition is not None and any(spec.key == ANSWER and spec.type == "markdown" for spec in definition.outputs)


def _cut(outputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs as a message holds them: what is large is cut, and the run's page shows the whole."""
    left, kept = _OUTPUTS_BYTES, dict[str, Any]()
    for key, value in outputs.items():
        text = dump_json(value)
        size = len(text.encode())
        if size > min(_OUTPUT_BYTES, left):
            words = value if isinstance(value, str) else text
            value, size = {"cut": words[:_CUT_CHARS], "size": size}, _CUT_CHARS
        left = max(0, left - size)
        kept[key] = value
    return kept


def proposal_content(asked: Approval, agent: str) -> MessageContent:
    """A question of an agent as a proposal with two buttons."""
    proposal = Proposal(
        title=f"{agent}: {asked.title}"[:300],
        description=asked.body[:4_000],
        data=_cut(asked.data),
        actions=[
            ProposalAction(action_id=_APPROVE, label="Approve", style="primary"),
            ProposalAction(action_id=_DENY, label="Deny", style="danger"),
        ],
        kind="approval",
        reference=asked.id,
    )
    return MessageContent(proposal=proposal)


def decided_content(content: MessageContent, asked: Approval) -> MessageContent | None:
    """A proposal once its question is closed, by whatever way; None when it says so already."""
    proposal = content.proposal
    if proposal is None or proposal.chosen is not None or asked.status == "pending":
        return None
    chosen = {"approved": _APPROVE, "denied": _DENY}.get(asked.status, asked.status)
    by = asked.decided_by or {"timed_out": "nobody in time", "withdrawn": "the run, which has ended"}.get(asked.status)
    closed = proposal.model_copy(update={"chosen": chosen, "chosen_by": by, "chosen_at": asked.decided_at})
    return content.model_copy(update={"proposal": closed})
