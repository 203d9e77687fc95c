"""Proposals: buttons in a message that act once, and say who pressed what and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ionflux_core.domain.chat import Message, Proposal, ProposalAction
from ionflux_core.domain.runs import RunTrigger
from ionflux_core.errors import Conflict, Forbidden, Invalid
from ionflux_core.ids import now
from ionflux_core.services.approvals import Approvals
from ionflux_core.services.events import Events
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Prepared
from ionflux_core.storage import audit, events
from ionflux_core.storage import chat as rows
from ionflux_core.storage.engine import Connection, Database

PRESSED = "ionflux.chat.proposal.pressed"
ANSWERS = ("approve", "deny")
# Buttons that say no: they are kept like any other and start nothing.
REFUSALS = frozenset({"deny", "no", "cancel", "dismiss", "not_now", "skip"})


class Proposals:
    """The one use-case of proposals: press a button."""

    def __init__(self, db: Database, approvals: Approvals, runs: Runs, events: Events) -> None:
        self._db = db
        self._approvals = approvals
        self._runs = runs
        self._events = events

    def press(self, message: Message, action_id: str, *, user_id: str, name: str) -> None:
        """Press a button in somebody's name; Conflict says who was quicker and what they pressed."""
        proposal, action = _asked(message, action_id)
        _refuse_pressed(proposal)
        if proposal.kind == "approval":
            self._decide(message, proposal, action, user_id=user_id, name=name)
            return
        acts = action_id not in REFUSALS
        prepared = self._prepared(message, proposal, action_id, name) if proposal.kind == "run" and acts else None
        event = _event(message, proposal, action_id, name) if proposal.kind == "event" else None

        def work(connection: Connection) -> None:
            run_id = self._runs.insert(connection, prepared).run_id if prepared else None
            if event is not None:
                events.insert(connection, event)
            _keep(connection, message, action_id, user_id=user_id, name=name, at=now(), run_id=run_id)

        self._db.write(work, durable=True)
        self._runs.announce()
        self._events.published()

    def _prepared(self, message: Message, proposal: Proposal, action_id: str, name: str) -> Prepared:
        """The run a button starts; the same button of the same message starts one."""
        return self._runs.prepare(
            message.workspace_id,
            proposal.reference,
            proposal.data,
            # What the run that asks has read, the one it starts has read, too.
            trigger=RunTrigger(kind="manual", by=name, sources=[message.run_id] if message.run_id else []),
            key=f"{message.id}:{action_id}",
        )

    def _decide(self, message: Message, proposal: Proposal, action: ProposalAction, *, user_id: str, name: str) -> None:
        """Answer the question; the question itself sees to it that this happens once, wherever it is answered."""
        if action.action_id not in ANSWERS:
            raise Invalid("A question is answered by approve or deny.", hint="Answer it on the page Approvals.")
        ours = _is_open(asked := self._approvals.get(message.workspace_id, proposal.reference))
        if message.sender_type != "system" and asked.run_id != message.run_id:
            raise Forbidden("The question belongs to another run.", hint="Answer it on the page Approvals.")
        if ours:
            try:
                self._approvals.decide(message.workspace_id, asked.id, approved=action.action_id == "approve", by=name)
            except Conflict:
                ours = False
                if _is_open(self._approvals.get(message.workspace_id, asked.id)):
                    raise
        asked = self._approvals.get(message.workspace_id, asked.id)
        if asked.status not in ("approved", "denied"):
            raise Conflict(
                "The question is closed: nobody has answered it in time, or its run has ended.", hint="Reload the page."
            )
        chosen = "approve" if asked.status == "approved" else "deny"
        who, at = asked.decided_by or "Nobody", asked.decided_at or now()

        def work(connection: Connection) -> None:
            _keep(connection, message, chosen, user_id=user_id if ours else None, name=who, at=at)

        self._db.write(work)
        self._events.published()
        if not ours:
            _refuse_pressed(proposal.model_copy(update={"chosen": chosen, "chosen_by": who, "chosen_at": at}))


def _is_open(asked: Any) -> bool:
    return bool(asked.status == "pending")


def _asked(message: Message, action_id: str) -> tuple[Proposal, ProposalAction]:
    proposal = message.content.proposal
    if proposal is None:
        raise Invalid("This message has no buttons.", hint="Reload the page.")
    for action in proposal.actions:
        if action.action_id == action_id:
            return proposal, action
    raise Invalid(f"There is no button {action_id[:40]!r}.", hint="Reload the page.")


def _refuse_pressed(proposal: Proposal) -> None:
    if proposal.chosen is None:
        return
    labels = {action.action_id: action.label for action in proposal.actions}
    at = f" at {proposal.chosen_at:%Y-%m-%d %H:%M} UTC" if proposal.chosen_at else ""
    raise Conflict(
        f"{proposal.chosen_by} has pressed {labels.get(proposal.chosen, proposal.chosen)!r} already{at}.",
        hint="It acts once.",
        code="already_pressed",
    )


def _event(message: Message, proposal: Proposal, action_id: str, name: str) -> dict[str, Any]:
    payload = {**proposal.data, "action": action_id, "message_id": message.id, "by": name}
    row = Events.prepared(message.workspace_id, proposal.reference, payload, source="chat", key=f"press:{message.id}")
    return {**row, "causation_run_id": message.run_id}


def _keep(
    connection: Connection,
    message: Message,
    action_id: str,
    *,
    user_id: str | None,
    name: str,
    at: datetime,
    run_id: str | None = None,
) -> None:
    """Write the press into the message, publish it and note it; Conflict when somebody was quicker."""
    held = rows.message(connection, message.workspace_id, message.id, hold=True)
    if held is None or held.content.proposal is None:
        raise Conflict("The message was deleted.", hint="Reload the page.", code="message_deleted")
    if user_id is None and held.content.proposal.chosen is not None:
        return
    _refuse_pressed(held.content.proposal)
    pressed = held.content.proposal.model_copy(update={"chosen": action_id, "chosen_by": name, "chosen_at": at})
    content = held.content.model_copy(update={"proposal": pressed}).model_dump(mode="json", exclude_defaults=True)
    rows.save(connection, message.workspace_id, message.id, content=content, changed_at=now())
    if user_id is None:
        return
    told = {
        "channel_id": message.channel_id, "message_id": message.id, "action": action_id, "kind": pressed.kind,
        "reference": pressed.reference, "user_id": user_id, "run_id": run_id,
    }  # fmt: skip
    event = Events.prepared(message.workspace_id, PRESSED, told, source="chat", key=f"pressed:{message.id}")
    events.insert(connection, {**event, "causation_run_id": message.run_id})
    audit.note(
        connection, message.workspace_id, at=at, who=name, action="pressed", entity="message", entity_id=message.id,
        details=told,
    )  # fmt: skip
