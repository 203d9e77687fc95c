"""The outbox: what was, would be or may have been sent, and a person's word on what nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ionflux_core import limits
from ionflux_core.domain.effects import Effect, EffectAction, EffectFilter, EffectLine, EffectStatus
from ionflux_core.errors import Conflict, NotFound
from ionflux_core.ids import now
from ionflux_core.storage import audit
from ionflux_core.storage import outbox as rows
from ionflux_core.storage.engine import Connection, Database

_BECOMES: dict[EffectAction, EffectStatus] = {"retry": "draft", "sent": "sent", "give_up": "failed"}


@dataclass(frozen=True, slots=True)
class Effects:
    """One page of effects, newest first; `cursor` asks for the next one."""

    effects: list[EffectLine]
    cursor: str | None


class Outbox:
    """Use-cases around effects."""

    def __init__(self, db: Database, announce: Callable[[], None]) -> None:
        self._db = db
        self._announce = announce

    def find(
        self, workspace_id: str, narrow: EffectFilter | None = None, *, cursor: str | None = None, limit: int = 50
    ) -> Effects:
        """A page of effects, newest first."""
        limit = max(1, min(limit, limits.PAGE_ROWS))
        with self._db.read() as connection:
            found = rows.find(connection, workspace_id, narrow or EffectFilter(), before=cursor, limit=limit + 1)
        return Effects(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def count(self, workspace_id: str, narrow: EffectFilter | None = None) -> int:
        """How many effects a filter leaves, counted up to 10,001."""
        with self._db.read() as connection:
            return rows.count(connection, workspace_id, narrow or EffectFilter())

    def kinds(self, workspace_id: str) -> list[str]:
        """The kinds of effects there have been."""
        with self._db.read() as connection:
            return rows.kinds(connection, workspace_id)

    def get(self, workspace_id: str, effect_id: str) -> Effect:
        """One effect with its payload; NotFound when it is not there."""
        with self._db.read() as connection:
            found = rows.get(connection, workspace_id, effect_id)
        if found is None:
            raise NotFound("There is no such effect.", hint="Choose one from the outbox.")
        return found

    def of_approval(self, workspace_id: str, approval_id: str) -> Effect | None:
        """The effect a question is about; None for an agent's own question."""
        with self._db.read() as connection:
            return rows.for_approval(connection, workspace_id, approval_id)

    def act(
        self, workspace_id: str, effect_id: str, action: EffectAction, *, by: str | None = None, comment: str = ""
    ) -> Effect:
        """Say what is to become of an uncertain effect: send it again, it was sent, or give it up. Once."""
        effect, at = self.get(workspace_id, effect_id), now()
        error = {"code": "given_up", "message": f"{by or 'Somebody'} gave it up."} if action == "give_up" else None
        values = {"sent_at": at} if action == "sent" else {}

        def work(connection: Connection) -> None:
            name, said = by or "somebody", comment.strip() or None
            if not rows.answer(
                connection, effect, _BECOMES[action], at=at, by=name, comment=said, error=error, **values
            ):
                raise Conflict("It is not uncertain any more.", hint="Reload it: somebody has settled it.")
            audit.note(
                connection, workspace_id, at=at, who=by, action=action, entity="effect", entity_id=effect_id,
                details={"run_id": effect.run_id, "summary": effect.summary, "comment": comment},
            )  # fmt: skip

        self._db.write(work, durable=True)
        self._announce()
        return self.get(workspace_id, effect_id)
