"""Digests: figures sent by schedule through the outbox or into the chat, each slot once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ionflux_core import limits
from ionflux_core.domain.destinations import Way
from ionflux_core.domain.digests import Digest, DigestDelivery, DigestDraft
from ionflux_core.domain.effects import EffectFilter
from ionflux_core.domain.schedules import next_times
from ionflux_core.errors import Conflict, Invalid, IonfluxError, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.alerts import SYSTEM
from ionflux_core.services.chat import Chat
from ionflux_core.services.digest_sheets import Sheets
from ionflux_core.services.digest_words import Sheet, as_data, as_html, as_markdown, as_text
from ionflux_core.services.notifications import NOTIFIER
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Prepared
from ionflux_core.services.workspaces import checked_name, validated
from ionflux_core.storage import audit, outbox, runs
from ionflux_core.storage import digests as rows
from ionflux_core.storage.engine import Connection, Database

log = logging.getLogger(__name__)

_AT_ONCE = 20
_SAID: Mapping[str, str] = {
    "draft": "being sent",
    "sending": "being sent",
    "sent": "sent",
    "would_send": "not sent: that way out is in dry run",
    "awaiting_approval": "waits for an approval",
    "denied": "not sent: a person or a policy said no",
    "failed": "could not be sent",
    "uncertain": "nobody knows whether it was sent",
}
_UNEXPECTED = "It could not be sent: an error that nobody expected. The log of the program names it."
_WAYS: Mapping[Way, str] = {"email": "mail", "webhook": "webhook", "slack": "Slack message", "chat": "message"}


class Digests:
    """Use-cases around digests.

    A slot is taken by moving `next_at` on in the transaction that accepts the runs which carry the digest out, so that
    of two processes one sends it, and none loses it. What leaves the house leaves through the outbox.
    """

    def __init__(
        self,
        db: Database,
        sheets: Sheets,
        runs: Runs,
        chat: Callable[[], Chat],
    ) -> None:
        self._db = db
        self._sheets = sheets
        self._runs = runs
        self._chat = chat

    def find(self, workspace_id: str) -> list[Digest]:
        """Digests of a workspace by name."""
        with self._db.glance() as connection:
            return rows.find(connection, workspace_id)

    def get(self, workspace_id: str, digest_id: str) -> Digest:
        """One digest; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.get(connection, workspace_id, digest_id)
        if found is None:
            raise _gone()
        return found

    def create(self, workspace_id: str, draft: DigestDraft | Mapping[str, Any], *, by: str | None = None) -> Digest:
        """A new digest; its first slot is the next one of its schedule."""
        values, at = self._checked(workspace_id, draft), now()
        row = {
            **values, "id": new_id(), "workspace_id": workspace_id, "next_at": _next(values, at), "last_at": None,
            "last_outcome": "", "created_at": at, "updated_at": at,
        }  # fmt: skip

        def work(connection: Connection) -> None:
            others = rows.find(connection, workspace_id)
            if len(others) >= limits.DIGESTS:
                raise LimitExceeded(f"A workspace has at most {limits.DIGESTS} digests.", hint="Delete one first.")
            _refuse_taken(others, values["name"], None)
            rows.insert(connection, row)
            _note(connection, workspace_id, row["id"], "created", by, at)

        self._db.write(work)
        return self.get(workspace_id, row["id"])

    def save(
        self, workspace_id: str, digest_id: str, draft: DigestDraft | Mapping[str, Any], *, by: str | None = None
    ) -> Digest:
        """Change a digest; a slot that is due stays due unless its schedule was changed."""
        values, at, old = self._checked(workspace_id, draft), now(), self.get(workspace_id, digest_id)
        same = all(getattr(old, name) == values[name] for name in ("cron", "timezone", "enabled"))
        following = old.next_at if same else _next(values, at)

        def work(connection: Connection) -> None:
            _refuse_taken(rows.find(connection, workspace_id), values["name"], digest_id)
            if not rows.save(connection, workspace_id, digest_id, **values, next_at=following, updated_at=at):
                raise _gone()
            _note(connection, workspace_id, digest_id, "changed", by, at)

        self._db.write(work)
        return self.get(workspace_id, digest_id)

    def delete(self, workspace_id: str, digest_id: str, *, by: str | None = None) -> None:
        """Take a digest away; what it has sent stays in the outbox."""

        def work(connection: Connection) -> None:
            if not rows.remove(connection, workspace_id, digest_id):
                raise _gone()
            _note(connection, workspace_id, digest_id, "deleted", by, now())

        self._db.write(work)

    def sheet(self, workspace_id: str, digest_id: str) -> Sheet:
        """What a digest would say if it were sent now."""
        return self._sheets.of(self.get(workspace_id, digest_id), now())

    def send_now(self, workspace_id: str, digest_id: str, *, by: str | None = None) -> Digest:
        """Send a digest at once; its schedule stays as it is. Twice within a second is once."""
        digest, at = self.get(workspace_id, digest_id), now().replace(microsecond=0)
        prepared = self._prepared(digest, at)

        def work(connection: Connection) -> None:
            for each in prepared:
                self._runs.insert(connection, each)
            said = _handed_over(digest)
            if not rows.save(connection, workspace_id, digest_id, last_at=at, last_outcome=said, updated_at=at):
                raise _gone()
            _note(connection, workspace_id, digest_id, "sent", by, at)

        self._db.write(work)
        self._runs.announce()
        return self.get(workspace_id, digest_id)

    def send_due(self) -> int:
        """Send what is due, each slot once; how many were sent by this process. What was missed is made up once."""
        at = now()
        with self._db.glance() as connection:
            waiting = rows.due(connection, at, _AT_ONCE)
        return sum(self._meet_alone(digest, at) for digest in waiting)

    def deliveries(self, workspace_id: str, digest: Digest) -> list[DigestDelivery]:
        """What became of the last sending, address by address; empty when it was never sent, or went to the chat."""
        if digest.last_at is None or digest.destination.channel == "chat":
            return []
        found = []
        with self._db.read() as connection:
            for to in digest.destination.to:
                run_id = runs.id_for_key(connection, workspace_id, _key(digest, digest.last_at, to))
                if run_id:
                    narrow = EffectFilter(run_id=run_id)
                    effects = outbox.find(connection, workspace_id, narrow, before=None, limit=1)
                    run = None if effects else runs.get(connection, workspace_id, run_id)
                    failed = run is not None and run.status not in ("pending", "running", "success")
                    word = effects[0].status if effects else "failed" if failed else "draft"
                    found.append(DigestDelivery(to=to, outcome=_SAID[word], run_id=run_id))
        return found

    def _meet_alone(self, digest: Digest, at: datetime) -> bool:
        """The tick edge of one digest: an error that nobody expected is its own, and the others are sent."""
        for work in (self._meet, self._pass_over):
            try:
                return work(digest, at)
            except Exception:
                log.exception("the digest %s of the workspace %s could not be sent", digest.id, digest.workspace_id)
        return False

    def _pass_over(self, digest: Digest, at: datetime) -> bool:
        """Go on with the next slot after an error that nobody expected."""
        values = {"next_at": _next(digest.model_dump(), at), "last_at": digest.next_at, "last_outcome": _UNEXPECTED}
        self._db.write(lambda connection: rows.take(connection, digest, **values))
        return False

    def _meet(self, digest: Digest, at: datetime) -> bool:
        """Send one slot, or say why it could not be sent; either way the schedule goes on."""
        slot = digest.next_at or at
        prepared: list[Prepared] = []
        try:
            prepared = self._prepared(digest, slot)
            said = _handed_over(digest)
        except IonfluxError as error:
            said = f"It could not be sent: {error.message}"
        values = {"next_at": _next(digest.model_dump(), at), "last_at": slot, "last_outcome": said}

        def work(connection: Connection) -> bool:
            if not rows.take(connection, digest, **values):
                return False
            for each in prepared:
                self._runs.insert(connection, each)
            return True

        taken = self._db.write(work)
        if taken and prepared:
            self._runs.announce()
        return taken

    def _prepared(self, digest: Digest, slot: datetime) -> list[Prepared]:
        """The runs that carry a digest out; a message in the chat is posted here, under a key of its slot."""
        sheet = self._sheets.of(digest, slot)
        if digest.destination.channel == "chat":
            for to in digest.destination.to:
                self._post(digest, to, as_markdown(sheet), _key(digest, slot, to))
            return []
        inputs = _inputs(digest.destination.channel, sheet)
        return [
            self._runs.prepare(
                digest.workspace_id, f"agent:{NOTIFIER}", {**inputs, "target": to}, key=_key(digest, slot, to),
                by="digests",
            )
            for to in digest.destination.to
        ]  # fmt: skip

    def _post(self, digest: Digest, name: str, text: str, key: str) -> None:
        chat = self._chat()
        channel = chat.ensure_channel(digest.workspace_id, name.lstrip("#"))
        if channel.type in ("private", "dm"):
            raise Invalid(f"{name!r} is a private channel.", hint="Choose a channel that everybody sees.")
        chat.post(digest.workspace_id, channel.id, text=text[: limits.MESSAGE_CHARS], dedup_key=key, **SYSTEM)

    def _checked(self, workspace_id: str, draft: DigestDraft | Mapping[str, Any]) -> dict[str, Any]:
        checked = validated(DigestDraft, draft, "digest")
        values = checked.model_dump() | {"name": checked_name(checked.name, "digest")}
        self._sheets.agents.refuse_secrets(workspace_id, values, "The digest")
        self._sheets.check_view(workspace_id, checked.view_id)
        return values


def _inputs(channel: str, sheet: Sheet) -> dict[str, Any]:
    inputs: dict[str, Any] = {"channel": channel, "kind": "digest", "title": sheet.subject, "body": as_text(sheet)}
    inputs["link"] = {"page": "dashboard", "parameters": sheet.parameters}
    if channel == "email":
        inputs["html"] = as_html(sheet)
    if channel == "webhook":
        inputs["details"] = as_data(sheet)
    return inputs


def _handed_over(digest: Digest) -> str:
    to, way = digest.destination.to, digest.destination.channel
    if way == "chat":
        return f"Posted in {', '.join('#' + each.lstrip('#') for each in to)}."
    return f"Given to the outbox: {len(to)} {_WAYS[way]}{'' if len(to) == 1 else 's'}."


def _key(digest: Digest, slot: datetime, to: str) -> str:
    return f"digest:{digest.id}:{int(slot.timestamp())}:{to}"


def _next(values: Mapping[str, Any], at: datetime) -> datetime | None:
    """The next slot after a time; None for what is switched off."""
    return next_times(values["cron"], values["timezone"], at, 1)[0] if values["enabled"] else None


def _refuse_taken(others: list[Digest], name: str, own: str | None) -> None:
    if any(each.name == name and each.id != own for each in others):
        raise Conflict(f"There is a digest {name!r} already.", hint="Choose another name.")


def _note(connection: Connection, workspace_id: str, digest_id: str, action: str, by: str | None, at: datetime) -> None:
    audit.note(connection, workspace_id, at=at, who=by, action=action, entity="digest", entity_id=digest_id)


def _gone() -> NotFound:
    return NotFound("There is no such digest.", hint="Reload the page: somebody has deleted it.")
