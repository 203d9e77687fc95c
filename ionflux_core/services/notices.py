"""Which facts people are told of: mentions, messages meant for them, ended runs, questions, stopped agents, budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from ionflux_core.domain.chat import Channel, Message
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.notifications import Link, NotificationKind
from ionflux_core.domain.runs import Run
from ionflux_core.ids import now
from ionflux_core.runtime.executor import COMPLETED
from ionflux_core.services.alerts import STOPPED
from ionflux_core.services.approvals import REMINDER
from ionflux_core.services.chat_content import POSTED
from ionflux_core.services.notifications import NOTIFIER, Notifications
from ionflux_core.storage import chat, runs
from ionflux_core.storage.engine import Database

# What lies further back, such as the made past of a demo, is history and nobody's news.
_FRESH = timedelta(hours=24)
_WINDOW_SECONDS = 600
_WORDS = 200
_ENDS: Mapping[str, tuple[NotificationKind, str]] = {
    "success": ("agent_finished", "{agent} has finished"),
    "error": ("agent_failed", "{agent} failed"),
    "budget_stopped": ("budget", "{agent} was stopped by its budget"),
}


class NotificationsFollower:
    """Hears what happened and tells those whom it concerns, once per fact."""

    name = "notifications"
    types = (COMPLETED, STOPPED, REMINDER, POSTED)

    def __init__(self, db: Database, notifications: Notifications) -> None:
        self._db = db
        self._notifications = notifications
        self._hear: dict[str, Callable[[PlatformEvent], None]] = {
            COMPLETED: self._ended,
            STOPPED: self._stopped,
            REMINDER: self._reminded,
            POSTED: self._posted,
        }

    def take(self, event: PlatformEvent) -> None:
        """Tell of one fact, unless it is old."""
        if now() - event.at <= _FRESH:
            self._hear[event.type](event)

    def _ended(self, event: PlatformEvent) -> None:
        kind, sentence = _ENDS.get(str(event.payload.get("status")), (None, ""))
        # Agents finish often, and few want to hear of it: that is asked before anything is read.
        if kind is None or not self._notifications.is_wanted(event.workspace_id, kind):
            return
        run = self._run(event)
        # What sends notifications must not bring about the next one.
        if run is None or run.definition_slug == NOTIFIER or run.parent_run_id:
            return
        agent = run.instance_name or run.definition_slug
        # Within ten minutes the same end of the same agent is one line that is brought up to date.
        window = int(event.at.timestamp() // _WINDOW_SECONDS)
        self._notifications.tell(
            event.workspace_id,
            kind,
            sentence.format(agent=agent),
            body=run.preview or "",
            link=_run_link(run.id),
            dedup_key=f"{kind}:{run.instance_id or run.definition_slug}:{window}",
            again=True,
        )

    def _stopped(self, event: PlatformEvent) -> None:
        instance_id = str(event.payload.get("instance_id") or "")
        self._notifications.tell(
            event.workspace_id,
            "breaker",
            f"{event.payload.get('instance')} was stopped",
            body=str(event.payload.get("reason") or ""),
            link=Link(page="agents", parameters={"instance": instance_id}),
            dedup_key=f"stopped:{event.id}",
        )

    def _reminded(self, event: PlatformEvent) -> None:
        approval_id = str(event.payload.get("approval_id"))
        self._notifications.tell(
            event.workspace_id,
            "approval",
            f"Still waiting: {event.payload.get('title')}",
            link=_approval_link(approval_id),
            dedup_key=f"reminder:{approval_id}",
        )

    def _posted(self, event: PlatformEvent) -> None:
        """A message: a question of an agent, a mention, or something said to one alone."""
        with self._db.read() as connection:
            message = chat.message(connection, event.workspace_id, str(event.payload.get("message_id")))
            channel = chat.channel(connection, event.workspace_id, message.channel_id) if message else None
        if message is None or channel is None:
            return
        proposal = message.content.proposal
        if proposal is not None and proposal.kind == "approval":
            self._notifications.tell(
                event.workspace_id,
                "approval",
                f"{message.sender_name} asks: {proposal.title}",
                body=proposal.description,
                link=_approval_link(proposal.reference),
                dedup_key=f"approval:{proposal.reference}",
            )
            return
        mentioned = {each.id for each in message.mentions if each.kind == "user"} - {message.sender_id}
        self._say(channel, message, "mention", f"{message.sender_name} mentions you in {channel.name}", mentioned)
        if channel.type in ("private", "dm"):
            others = {*channel.members} - {message.sender_id} - mentioned
            self._say(channel, message, "message", f"{message.sender_name} writes in {channel.name}", others)

    def _say(self, channel: Channel, message: Message, kind: NotificationKind, title: str, people: set[str]) -> None:
        if not people:
            return
        self._notifications.tell(
            channel.workspace_id,
            kind,
            title,
            body=" ".join(message.content.text_body.split())[:_WORDS],
            link=Link(page="chat", parameters={"channel": channel.id, "message": message.id}),
            dedup_key=f"{kind}:{message.id}",
            user_ids=sorted(people),
        )

    def _run(self, event: PlatformEvent) -> Run | None:
        with self._db.glance() as connection:
            return runs.get(connection, event.workspace_id, event.causation_run_id or "")


def _run_link(run_id: str) -> Link:
    return Link(page="runs", parameters={"run": run_id})


def _approval_link(approval_id: str) -> Link:
    return Link(page="approvals", parameters={"approval": approval_id})
