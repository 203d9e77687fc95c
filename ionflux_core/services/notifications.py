"""Notifications: each person is told once of what concerns them, in the app and by the ways they chose."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from ionflux_core import limits
from ionflux_core.domain.notifications import Link, Notification, NotificationChoices, NotificationKind, as_choices
from ionflux_core.errors import Invalid, IonfluxError, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.runs import Runs
from ionflux_core.services.workspaces import validated
from ionflux_core.storage import notifications as rows
from ionflux_core.storage.engine import Connection, Database

log = logging.getLogger(__name__)

NOTIFIER = "notifier"
KEPT_DAYS = 90
_WISHES_SECONDS = 2.0
_PREFERENCE = "notification_choices"
_TITLE_CHARS, _BODY_CHARS = 300, 2_000


class Notifications:
    """Use-cases around what people are told."""

    def __init__(self, db: Database, runs: Runs, changed: Callable[[str, str], None]) -> None:
        self._db = db
        self._runs = runs
        self._changed = changed
        self._wishes: dict[str, tuple[float, list[NotificationChoices]]] = {}

    def find(
        self, workspace_id: str, user_id: str, *, before: str | None = None, limit: int = 50
    ) -> list[Notification]:
        """What a person was told, newest first; `before` is the id of the last one seen."""
        limit = max(1, min(limit, limits.PAGE_ROWS + 1))
        with self._db.read() as connection:
            return rows.find(connection, workspace_id, user_id, before=before, limit=limit)

    def unread(self, workspace_id: str, user_id: str) -> int:
        """How much a person has not read, counted up to 100."""
        with self._db.glance() as connection:
            return rows.unread(connection, workspace_id, user_id)

    def read(self, workspace_id: str, user_id: str, ids: Sequence[str] | None = None) -> int:
        """Note that these were read, or all of them; how many were unread."""
        wanted = None if ids is None else list(ids)[: limits.PAGE_ROWS]
        count = self._db.write(lambda connection: rows.mark_read(connection, workspace_id, user_id, wanted, now()))
        if count:
            self._changed(workspace_id, f"notifications:{user_id}")
        return count

    def tell(
        self,
        workspace_id: str,
        kind: NotificationKind,
        title: str,
        *,
        dedup_key: str,
        link: Link,
        body: str = "",
        user_ids: Sequence[str] | None = None,
        again: bool = False,
    ) -> int:
        """Tell these people of a fact, or everyone of the workspace; how many were told now.

        A fact has a key and is told once. With `again` what was said of it is replaced and counts as unread once more:
        for a fact that goes on.
        """
        told = 0
        with self._db.read() as connection:
            people = [each for each in rows.members(connection, workspace_id) if not user_ids or each[0] in user_ids]
        for user_id, preferences in people:
            ways = as_choices(preferences).of(kind)
            if not (ways.in_app or ways.mail or ways.webhook):
                continue
            row = {
                "id": new_id(),
                "workspace_id": workspace_id,
                "user_id": user_id,
                "kind": kind,
                "title": title[:_TITLE_CHARS],
                "body": body[:_BODY_CHARS],
                "link": link.model_dump(),
                "dedup_key": dedup_key[:300],
                "read_at": None if ways.in_app else now(),
                "created_at": now(),
            }
            if not self._keep(row, again=again):
                continue
            told += 1
            self._changed(workspace_id, f"notifications:{user_id}")
            self._send(row, as_choices(preferences))
        return told

    def is_wanted(self, workspace_id: str, kind: NotificationKind) -> bool:
        """Whether anybody of a workspace wants to be told of a kind, as of at most two seconds ago."""
        at = time.monotonic()
        kept = self._wishes.get(workspace_id)
        if kept is None or at - kept[0] > _WISHES_SECONDS:
            with self._db.read() as connection:
                people = rows.members(connection, workspace_id)
            kept = (at, [as_choices(preferences) for _, preferences in people])
            self._wishes[workspace_id] = kept
        ways = [choices.of(kind) for choices in kept[1]]
        return any(way.in_app or way.mail or way.webhook for way in ways)

    def _keep(self, row: dict[str, Any], *, again: bool) -> bool:
        """Keep it; True when the person is told now and not only once more."""

        def work(connection: Connection) -> bool:
            if rows.insert(connection, row):
                return True
            if again:
                said = {name: row[name] for name in ("title", "body", "link", "read_at")}
                rows.save(connection, row["user_id"], row["workspace_id"], row["dedup_key"], **said)
            return False

        fresh = self._db.write(work)
        if again and not fresh:
            self._changed(row["workspace_id"], f"notifications:{row['user_id']}")
        return fresh

    def _send(self, row: Mapping[str, Any], choices: NotificationChoices) -> None:
        """Start the run that mails or posts it; the outbox decides whether it goes out."""
        ways = choices.of(row["kind"])
        targets = [("email", choices.mail_address)] * ways.mail + [("webhook", choices.webhook_url)] * ways.webhook
        for channel, target in targets:
            if not target:
                continue
            inputs = {"channel": channel, "target": target, "kind": row["kind"], "title": row["title"]}
            inputs |= {"body": row["body"], "link": row["link"]}
            key = f"notify:{channel}:{row['id']}"
            try:
                self._runs.start(row["workspace_id"], f"agent:{NOTIFIER}", inputs, key=key, by="notifications")
            except IonfluxError as error:
                # Whoever is told in the app need not be kept from it by a full disk or a wrong address.
                log.warning("a notification could not be sent by %s: %s", channel, error.message)

    def choices(self, user_id: str) -> NotificationChoices:
        """How a person wishes to be told."""
        with self._db.glance() as connection:
            return as_choices(rows.preferences(connection, user_id))

    def save_choices(self, user_id: str, choices: NotificationChoices | Mapping[str, Any]) -> NotificationChoices:
        """Keep how a person wishes to be told; Invalid when a way has nowhere to go."""
        checked = validated(NotificationChoices, choices, "choices")
        ways = checked.ways.values()
        if any(way.mail for way in ways) and not _is_mail(checked.mail_address):
            raise Invalid("Mail needs an address.", hint="Write one like me@example.com, or choose another way.")
        if any(way.webhook for way in ways):
            _check_webhook(checked.webhook_url)
        value = checked.model_dump(mode="json")
        if not self._db.write(lambda connection: rows.save_preference(connection, user_id, _PREFERENCE, value, now())):
            raise NotFound("There is no such person.")
        self._wishes.clear()
        return checked

    def purge(self) -> int:
        """Remove what was told more than 90 days ago; how many."""
        return self._db.write(lambda connection: rows.purge(connection, now() - timedelta(days=KEPT_DAYS)))


def _check_webhook(url: str) -> None:
    """Invalid for what is no address to post to; where it leads is checked when something is sent."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise Invalid(
            "A webhook needs an address like https://example.com/hook, without user and password.",
            hint="Write the address, or choose another way.",
        )


def _is_mail(address: str) -> bool:
    name, at, host = address.strip().rpartition("@")
    return bool(name and at and host) and not any(c.isspace() or c in "<>,;" for c in address.strip())
