"""The list of addresses that are not mailed any more: kept from what happened to mails, and by hand."""

from __future__ import annotations

import logging

from ionflux_core import limits
from ionflux_core.domain.events import PlatformEvent
from ionflux_core.domain.suppressions import SUPPRESSING, Suppression, mailbox, reason_of
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.ids import now
from ionflux_core.storage import audit
from ionflux_core.storage import suppressions as rows
from ionflux_core.storage.engine import Connection, Database

log = logging.getLogger(__name__)

_DETAIL_CHARS, _ENTITY_CHARS = 500, 140


class Suppressions:
    """Use-cases around the list; as a follower it hears of bounces, complaints and unsubscriptions."""

    name = "suppressions"
    types = tuple(SUPPRESSING)

    def __init__(self, db: Database) -> None:
        self._db = db

    def take(self, event: PlatformEvent) -> None:
        """Put the address of a fact on the list, unless the fact may pass."""
        reason = reason_of(event.type, event.payload)
        if reason is None:
            return
        try:
            address = mailbox(str(event.payload.get("address") or ""))
        except Invalid as error:
            log.warning("event %s names no address that could be suppressed: %s", event.id, error.message)
            return
        detail = str(event.payload.get("reason") or "")[:_DETAIL_CHARS]
        kept = Suppression(
            workspace_id=event.workspace_id, address=address, reason=reason, detail=detail, at=event.at
        )  # fmt: skip
        self._db.write(lambda connection: rows.add(connection, kept))

    def find(self, workspace_id: str, *, contains: str = "", limit: int = 50) -> list[Suppression]:
        """Addresses of the list, the newest first."""
        limit = max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            return rows.find(connection, workspace_id, contains=contains.strip().lower(), limit=limit)

    def count(self, workspace_id: str) -> int:
        """How many addresses are on the list."""
        with self._db.read() as connection:
            return rows.count(connection, workspace_id)

    def get(self, workspace_id: str, address: str) -> Suppression | None:
        """Why an address is not mailed; None when it may be."""
        with self._db.glance() as connection:
            return rows.get(connection, workspace_id, mailbox(address))

    def add(self, workspace_id: str, address: str, *, by: str | None = None, detail: str = "") -> Suppression:
        """Put an address on the list by hand; one that is there keeps its reason."""
        asked = Suppression(
            workspace_id=workspace_id, address=mailbox(address), reason="by_hand", detail=detail[:_DETAIL_CHARS],
            at=now(),
        )  # fmt: skip

        def work(connection: Connection) -> Suppression:
            if rows.add(connection, asked):
                _note(connection, asked, "suppress", by)
            return rows.get(connection, workspace_id, asked.address) or asked

        return self._db.write(work, durable=True)

    def remove(self, workspace_id: str, address: str, *, by: str | None = None) -> None:
        """Take an address off the list: whoever does so knows that its owner wants mails."""
        plain = mailbox(address)

        def work(connection: Connection) -> None:
            found = rows.get(connection, workspace_id, plain)
            if found is None or not rows.remove(connection, workspace_id, plain):
                raise NotFound("The address is not on the list.", hint="Reload the list.")
            _note(connection, found, "unsuppress", by)

        self._db.write(work, durable=True)


def _note(connection: Connection, about: Suppression, action: str, by: str | None) -> None:
    audit.note(
        connection, about.workspace_id, at=now(), who=by, action=action, entity="address",
        entity_id=about.address[:_ENTITY_CHARS],
        details={"address": about.address, "reason": about.reason, "detail": about.detail},
    )  # fmt: skip
