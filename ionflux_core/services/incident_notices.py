"""Who is told of incidents, where, and how often: at their opening, after growing pauses, and when they are over.

Each telling has a key made from the incident and what was told of it before, so that a crash between telling and
noting it, or a second process, brings nothing twice. In a storm one message counts what would have been many.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.alert_rules import ALERTS_CHANNEL, AlertRule, Destination
from ionflux_core.domain.chat import MessageContent
from ionflux_core.domain.health import spoken
from ionflux_core.domain.incidents import BY_ITSELF, Incident
from ionflux_core.domain.notifications import Link
from ionflux_core.errors import IonfluxError
from ionflux_core.ids import now
from ionflux_core.services.alerts import SYSTEM
from ionflux_core.services.chat import Chat
from ionflux_core.services.commands import plain
from ionflux_core.services.notifications import NOTIFIER, Notifications
from ionflux_core.services.runs import Runs
from ionflux_core.storage import incidents as rows
from ionflux_core.storage.engine import Database

log = logging.getLogger(__name__)

_WINDOW = timedelta(minutes=limits.ALERT_MESSAGE_MINUTES)
_TITLE_CHARS = 300
_OPEN_TO_AGENTS = ("public", "agent_dedicated")


class IncidentNotices:
    """Tells of incidents by the ways there are: the bell, the chat, and the notifier's mail, Slack and webhooks."""

    def __init__(
        self, db: Database, chat: Callable[[], Chat], notifications: Callable[[], Notifications], runs: Runs
    ) -> None:
        self._db = db
        self._chat = chat
        self._notifications = notifications
        self._runs = runs

    def tell(self, workspace_id: str, rules: Mapping[str, AlertRule]) -> int:
        """Tell what is due of a workspace's incidents; how many were told of."""
        at = now()
        with self._db.read() as connection:
            newest = rows.newest(connection, workspace_id)
        due = [each for each in newest if each.is_to_be_told(at) and not _is_muted(each, rules, at)]
        if not due:
            return 0
        lately = sum(each.told_at is not None and at - each.told_at < _WINDOW for each in newest)
        room = max(0, limits.ALERT_MESSAGES - lately)
        due.reverse()
        single, rest = due[:room], due[room:]
        for incident in single:
            self._tell_one(incident, rules.get(incident.rule_id or ""))
        if rest:
            self._tell_many(workspace_id, rest, rules, lately, at)
        self._db.write(lambda connection: rows.note_told(connection, due, at))
        return len(due)

    def _tell_one(self, incident: Incident, rule: AlertRule | None) -> None:
        title, text = words_of(incident)
        step = "resolved" if incident.status == "resolved" else _stamp(incident.told_at)
        key = f"incident:{incident.id}:{step}"
        # A stopped agent has just been told of as the fact it is (services/alerts.py, services/notices.py).
        known = incident.kind == "breaker" and incident.told_at is None
        link = Link(page="alerts", parameters={"incident": incident.id})
        if not known:
            self._notifications().tell(
                incident.workspace_id, "alert", title, body=text, link=link, dedup_key=f"incident:{incident.id}",
                again=incident.told_at is not None,
            )  # fmt: skip
        details = incident.model_dump(mode="json", exclude={"workspace_id", "told_at", "muted_until"})
        with self._db.read() as connection:
            origin = rows.origin(connection, incident.workspace_id, incident.id)
        for place in rule.destinations if rule else ():
            if place.channel != "chat":
                self._send(incident.workspace_id, place, title, text, link, key, details, origin=origin)
            elif not known or place.to.lstrip("#") != ALERTS_CHANNEL:
                words = f"**{plain(title)}**\n\n{plain(text)}"
                self._say(incident.workspace_id, place.to, words, key, run_id=origin.run_id if origin else None)

    def _tell_many(
        self, workspace_id: str, rest: Sequence[Incident], rules: Mapping[str, AlertRule], lately: int, at: datetime
    ) -> None:
        """One message for each place that counts what there is no room for in these ten minutes."""
        window = int(at.timestamp() // _WINDOW.total_seconds())
        total = max(0, lately - limits.ALERT_MESSAGES) + len(rest)
        count = f"{total} more {'alert' if total == 1 else 'alerts'}"
        title = f"{count} within {limits.ALERT_MESSAGE_MINUTES} minutes"
        text = f"The newest: {rest[-1].title}. All of them are under Alerts."
        link = Link(page="alerts")
        key = f"incidents:{workspace_id}:{window}"
        self._notifications().tell(workspace_id, "alert", title, body=text, link=link, dedup_key=key, again=True)
        asked = [rules.get(each.rule_id or "") for each in rest]
        for place in dict.fromkeys(place for rule in asked if rule for place in rule.destinations):
            if place.channel == "chat":
                self._say(workspace_id, place.to, f"**{plain(title)}**\n\n{plain(text)}", key, again=True)
            else:
                self._send(workspace_id, place, title, text, link, key, {"count": total})

    def _say(
        self, workspace_id: str, to: str, text: str, key: str, *, again: bool = False, run_id: str | None = None
    ) -> None:
        chat, name = self._chat(), to.lstrip("#")
        try:
            channel = chat.ensure_channel(workspace_id, name)
            if channel.type not in _OPEN_TO_AGENTS or channel.status != "active":
                channel = chat.ensure_channel(workspace_id, ALERTS_CHANNEL)
            message = chat.post(
                workspace_id, channel.id, text=text[: limits.MESSAGE_CHARS], run_id=run_id,
                dedup_key=f"{key}:{channel.id}", **SYSTEM,
            )  # fmt: skip
            if again and message.content.text_body != text:
                chat.update(workspace_id, message.id, MessageContent(text_body=text[: limits.MESSAGE_CHARS]))
        except IonfluxError as error:
            log.warning("an incident could not be told in the chat channel %s: %s", name[:80], error.message)

    def _send(
        self, workspace_id: str, place: Destination, title: str, text: str, link: Link, key: str, details: Any,
        *, origin: rows.Origin | None = None,
    ) -> None:  # fmt: skip
        """Start the run that mails or posts it; policies and the outbox decide whether it goes out."""
        inputs: dict[str, Any] = {"channel": place.channel, "target": place.to, "kind": "alert"}
        inputs |= {"title": title[:_TITLE_CHARS], "body": text, "link": link.model_dump(), "details": details}
        chain = origin.correlation_id if origin else None
        where = hashlib.sha256(f"{place.channel} {place.to}".encode()).hexdigest()[:16]
        try:
            self._runs.start(
                workspace_id, f"agent:{NOTIFIER}", inputs, key=f"{key}:{where}", by="alerts", correlation_id=chain
            )
        except IonfluxError as error:
            # Whoever is told in the app need not be kept from it by a full disk or a wrong address.
            log.warning("an incident could not be told by %s: %s", place.channel, error.message)


def words_of(incident: Incident) -> tuple[str, str]:
    """What is said of an incident: a title, and more."""
    if incident.status == "open":
        lasted = incident.seen_at - incident.opened_at
        since = f" It has lasted for {spoken(lasted.total_seconds())}." if incident.told_at is not None else ""
        return (f"Still: {incident.title}" if incident.told_at else incident.title), f"{incident.detail}{since}"
    ended = incident.resolved_at or incident.seen_at
    whole = spoken((ended - incident.opened_at).total_seconds())
    by = "" if incident.resolved_by == BY_ITSELF else f" {incident.resolved_by} has resolved it."
    return f"Resolved: {incident.title}", f"It lasted for {whole}.{by}"


def _is_muted(incident: Incident, rules: Mapping[str, AlertRule], at: datetime) -> bool:
    rule = rules.get(incident.rule_id or "")
    return incident.is_muted(at) or (rule is not None and rule.is_muted(at))


def _stamp(told_at: datetime | None) -> str:
    return str(int(told_at.timestamp())) if told_at else "first"
