"""Approvals: what agents ask of people, and the answers; a run goes on from its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ionflux_core.domain.runs import Approval
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.ids import now
from ionflux_core.storage import approvals as rows
from ionflux_core.storage import audit, runs
from ionflux_core.storage.engine import Connection, Database


class Approvals:
    """Use-cases around approvals."""

    def __init__(self, db: Database, announce: Callable[[], None]) -> None:
        self._db = db
        self._announce = announce

    def pending(self, workspace_id: str, *, limit: int = 50) -> list[Approval]:
        """Open questions, oldest first."""
        with self._db.read() as connection:
            return rows.pending(connection, workspace_id, limit=limit)

    def get(self, workspace_id: str, approval_id: str) -> Approval:
        """One question; NotFound when it is not there."""
        with self._db.read() as connection:
            asked = rows.get(connection, workspace_id, approval_id)
        if asked is None:
            raise NotFound("There is no such approval.", hint="Reload the page.")
        return asked

    def count(self, workspace_id: str) -> int:
        """How many questions are open."""
        with self._db.read() as connection:
            return rows.pending_count(connection, workspace_id)

    def decide(
        self,
        workspace_id: str,
        approval_id: str,
        *,
        approved: bool,
        by: str | None = None,
        comment: str | None = None,
        edits: Mapping[str, Any] | None = None,
    ) -> Approval:
        """Answer a question once; the run goes on from there. Only editable fields may be edited."""
        with self._db.read() as connection:
            asked = rows.get(connection, workspace_id, approval_id)
        if asked is None:
            raise NotFound("There is no such approval.", hint="Reload the page.")
        foreign = sorted(set(edits or {}) - set(asked.editable))
        if foreign:
            raise Invalid(
                f"{foreign[0]!r} cannot be edited here.", hint=f"Editable: {', '.join(asked.editable) or 'none'}."
            )
        status, at = "approved" if approved else "denied", now()

        def work(connection: Connection) -> None:
            values = {"decided_by": by, "comment": comment, "edits": dict(edits or {})}
            if not rows.decide(connection, approval_id, status, at=at, **values):
                raise Conflict("Someone has answered this already.", hint="Reload the page.")
            runs.move(connection, asked.run_id, "pending", parked=True, wake_at=None)
            audit.note(
                connection, workspace_id, at=at, who=by, action=status, entity="approval", entity_id=approval_id,
                details={"run_id": asked.run_id, "title": asked.title, "comment": comment, "edits": dict(edits or {})},
            )  # fmt: skip

        self._db.write(work, durable=True)
        self._announce()
        with self._db.read() as connection:
            return rows.get(connection, workspace_id, approval_id) or asked
