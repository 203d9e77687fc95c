"""What the chat is told by itself: failed runs, stopped agents, open questions, and what agents ask to be said.

Each fact is said once, whichever process tells it and however often: its message has a key made from the fact.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from ionflux_core.domain.chat import Channel, Message, MessageContent, Proposal
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.runs import Approval, Run
from ionflux_core.domain.waits import waits_in
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_core.limits import MESSAGE_CHARS
from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.services.chat import Chat
from ionflux_core.services.chat_content import root_of
from ionflux_core.services.commands import plain
from ionflux_core.services.run_words import proposal_content
from ionflux_core.services.runs import Runs
from ionflux_core.storage import approvals, runs, taint
from ionflux_core.storage.engine import Database

ALERTS = "alerts"
SYSTEM: dict[str, Any] = {"sender_type": "system", "sender_id": "ionflux", "sender_name": "IONFLUX"}
STOPPED = "ionflux.agent.instance.stopped"
_REQUEST = "chat_message_requested"
_REQUESTS = tuple(f"{'*.' * words}{_REQUEST}" for words in range(7))
_STORM = 5
_STORM_TIME = timedelta(minutes=10)
# What lies further back, such as the made past of a demo, is history and alarms nobody.
_FRESH = timedelta(hours=24)
_NAMED = 3


class Alerts:
    """Messages that facts cause."""

    def __init__(self, db: Database, chat: Chat, runs: Runs) -> None:
        self._db = db
        self._chat = chat
        self._runs = runs

    def failed(self, event: PlatformEvent) -> None:
        """A run has failed or was stopped by its budget; after five in ten minutes one message counts the rest."""
        workspace_id, run_id = event.workspace_id, event.causation_run_id
        if run_id is None or now() - event.at > _FRESH:
            return
        instance_id, slug = event.payload.get("instance_id"), str(event.payload.get("definition"))
        with self._db.read() as connection:
            run = runs.get(connection, workspace_id, run_id)
            since = event.at - _STORM_TIME
            count = runs.failures(connection, workspace_id, instance_id, slug, since, event.at)
        if run is None:
            return
        agent = plain(run.instance_name or slug)
        why = plain(run.error.message if run.error else run.preview or "")
        if count <= _STORM:
            hint = f"\n\n{plain(run.error.hint)}" if run.error and run.error.hint else ""
            what = "was stopped by its budget" if run.status == "budget_stopped" else "failed"
            self._say(workspace_id, f"**{agent}** {what}: {why}{hint}", f"failed:{event.id}", run_id)
            return
        minutes = int(_STORM_TIME.total_seconds()) // 60
        text = f"**{agent}** has failed {count} times in {minutes} minutes. The last time: {why}"
        window = int(event.at.timestamp() // _STORM_TIME.total_seconds())
        message = self._say(workspace_id, text, f"storm:{instance_id or slug}:{window}", run_id)
        if message.content.text_body != text:
            self._chat.update(workspace_id, message.id, MessageContent(text_body=text[:MESSAGE_CHARS]))

    def stopped(self, event: PlatformEvent) -> None:
        """A breaker has opened: an agent was stopped until somebody has looked."""
        if now() - event.at > _FRESH:
            return
        agent, reason = plain(str(event.payload.get("instance"))), plain(str(event.payload.get("reason")))
        text = f"**{agent}** was stopped: {reason}\n\nLook at the failed runs, then switch it on again."
        self._say(event.workspace_id, text, f"stopped:{event.id}", event.causation_run_id)

    def asked(self, run: Run) -> None:
        """A run waits for a person: the question is put where the run was started, and among the alerts."""
        for approval_id in (each["approval_id"] for each in waits_in(run.wait) if "approval_id" in each):
            with self._db.read() as connection:
                asked = approvals.get(connection, run.workspace_id, approval_id)
            if asked is not None and asked.status == "pending":
                self._put(run, asked)

    def _put(self, run: Run, asked: Approval) -> None:
        places: dict[str, str | None] = {self._chat.ensure_channel(run.workspace_id, ALERTS).id: None}
        for message in self._followed_by(run):
            places[message.channel_id] = message.thread_id
        for channel_id, thread_id in places.items():
            self._ask(run, asked, channel_id, thread_id)

    def _followed_by(self, run: Run) -> list[Message]:
        """The messages that follow a run, or the one that has started it."""
        asking: Run | None = run
        while asking is not None:
            found = self._chat.of_run(run.workspace_id, asking.id)
            found = [each for each in found if each.content_type == "agent_status_update" and not each.deleted_at]
            if found or not asking.parent_run_id:
                return found
            with self._db.read() as connection:
                asking = runs.get(connection, run.workspace_id, asking.parent_run_id)
        return []

    def _ask(self, run: Run, asked: Approval, channel_id: str, thread_id: str | None) -> None:
        agent = run.instance_name or run.definition_slug
        key = f"approval:{asked.id}:{channel_id}"
        sender: dict[str, Any] = {"sender_type": "agent", "sender_id": run.instance_id or run.definition_slug}
        if asked.kind == "uncertain":
            text = f"**{plain(agent)}** does not know whether it was sent: {plain(asked.title)}\n\nAnswer in Approvals."
            self._chat.post(
                run.workspace_id, channel_id, text=text, sender_name=agent, thread_id=thread_id, run_id=run.id,
                dedup_key=key, **sender,
            )  # fmt: skip
            return
        self._chat.post(
            run.workspace_id, channel_id, content=proposal_content(asked, agent), sender_name=agent,
            content_type="interactive_proposal", thread_id=thread_id, run_id=run.id, dedup_key=key, **sender,
        )  # fmt: skip

    def requested(self, event: PlatformEvent) -> None:
        """Something wants to be said: `{channel, text}` or `{channel, proposal}`, with the sender of its run."""
        payload, workspace_id = event.payload, event.workspace_id
        channel = self._channel(workspace_id, str(payload.get("channel") or ""))
        with self._db.read() as connection:
            run = runs.get(connection, workspace_id, event.causation_run_id) if event.causation_run_id else None
            outside = taint.reasons(connection, run)[:_NAMED] if run else [f"was told by {event.source[:40]}"]
        text = str(payload.get("text") or "")[:MESSAGE_CHARS]
        proposal = _proposal(payload.get("proposal"))
        if payload.get("proposal") is not None and proposal is None:
            text = f"{text}\n\n(A proposal came with this that cannot be read.)".strip()
        if not text and proposal is None:
            return
        sender: dict[str, Any] = {**SYSTEM, "sender_name": event.source}
        if run is not None:
            name = run.instance_name or run.definition_slug
            sender = {"sender_type": "agent", "sender_id": run.instance_id or run.definition_slug, "sender_name": name}
        self._chat.post(
            workspace_id,
            channel.id,
            content=MessageContent(text_body=text, proposal=proposal, outside=outside),
            content_type="interactive_proposal" if proposal else "markdown",
            thread_id=self._thread(channel, payload.get("thread_id")),
            run_id=run.id if run else None,
            dedup_key=f"event:{event.id}",
            **sender,
        )

    def _channel(self, workspace_id: str, name: str) -> Channel:
        """The channel of a name or id; what is meant for none that is there goes to the alerts."""
        found = self._chat.channel_named(workspace_id, name.lstrip("#")) if name else None
        if found is not None and found.status == "active":
            return found
        return self._chat.ensure_channel(workspace_id, ALERTS)

    def _thread(self, channel: Channel, thread_id: Any) -> str | None:
        """The thread an event wants to answer in, where it is one of that channel."""
        if not isinstance(thread_id, str):
            return None
        try:
            with self._db.read() as connection:
                return root_of(connection, channel, thread_id)
        except NotFound:
            return None

    def _say(self, workspace_id: str, text: str, key: str, run_id: str | None) -> Message:
        channel = self._chat.ensure_channel(workspace_id, ALERTS)
        return self._chat.post(
            workspace_id, channel.id, text=text[:MESSAGE_CHARS], run_id=run_id, dedup_key=key, **SYSTEM
        )


class ChatFollower:
    """Hears what happened: ended runs, stopped agents, and messages that agents want to be posted."""

    name = "chat"
    types = (COMPLETED, STOPPED, *_REQUESTS)

    def __init__(
        self,
        alerts: Alerts,
        refresh: Callable[[str, str], object],
        spoken_for: Callable[[Sequence[str]], Collection[str]],
    ) -> None:
        self._alerts = alerts
        self._refresh = refresh
        self._spoken_for = spoken_for
        self._silent: set[str] = set()

    def gather(self, events: Sequence[PlatformEvent]) -> None:
        """Ask once which of the ended runs have messages: most have none."""
        self._silent = set()
        ended = {each.causation_run_id for each in events if each.type == COMPLETED and each.causation_run_id}
        self._silent = ended.difference(self._spoken_for(sorted(ended))) if ended else set()

    def take(self, event: PlatformEvent) -> None:
        """Say it, or bring the messages of an ended run up to date."""
        if event.type == STOPPED:
            self._alerts.stopped(event)
        elif event.type != COMPLETED:
            self._alerts.requested(event)
        elif event.causation_run_id:
            if event.causation_run_id not in self._silent:
                self._refresh(event.workspace_id, event.causation_run_id)
            if event.payload.get("status") in ("error", "budget_stopped"):
                self._alerts.failed(event)


def _proposal(value: Any) -> Proposal | None:
    """A proposal as an agent wrote it: its buttons publish or start something. Only the runner asks for decisions."""
    if not isinstance(value, dict):
        return None
    try:
        wanted = Proposal.model_validate({**value, "chosen": None, "chosen_by": None, "chosen_at": None})
    except ValidationError:
        return None
    return None if wanted.kind == "approval" else wanted
