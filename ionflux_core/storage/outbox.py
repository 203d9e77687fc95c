"""Rows of the outbox: one per effect and idempotency key, moved from state to state, read in pages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select, update

from ionflux_core.domain.effects import Effect, EffectFilter, EffectLine, EffectStatus
from ionflux_core.storage import approvals, runs
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import agent_configurations, outbox
from ionflux_core.storage.tables import runs as run_rows
from ionflux_core.storage.writes import insert_absent, insert_new

_WITH_RUN = outbox.join(run_rows, run_rows.c.id == outbox.c.run_id).outerjoin(
    agent_configurations, agent_configurations.c.id == outbox.c.instance_id
)
_NAMES = (agent_configurations.c.name.label("instance_name"), run_rows.c.definition_slug)
_LINE = [column for column in outbox.c if column.name in EffectLine.model_fields]
# What a batch has to know of each of its effects; payloads are heavy and read when they leave.
_STATE = (
    outbox.c.id, outbox.c.idempotency_key, outbox.c.status, outbox.c.run_id, outbox.c.approval_id, outbox.c.target,
    outbox.c.response, outbox.c.error,
)  # fmt: skip
_AT_ONCE = 500


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Note an effect; False when its key is taken in the workspace."""
    return insert_new(connection, outbox, row)


def get(connection: Connection, workspace_id: str, effect_id: str) -> Effect | None:
    """One effect of a workspace."""
    return _one(connection, select(outbox).where(outbox.c.id == effect_id, outbox.c.workspace_id == workspace_id))


def for_key(connection: Connection, workspace_id: str, key: str) -> Effect | None:
    """The effect with this idempotency key."""
    query = select(outbox).where(outbox.c.workspace_id == workspace_id, outbox.c.idempotency_key == key)
    return _one(connection, query)


def for_approval(connection: Connection, workspace_id: str, approval_id: str) -> Effect | None:
    """The effect a question is about; the first of them where it is about many."""
    query = select(outbox).where(outbox.c.workspace_id == workspace_id, outbox.c.approval_id == approval_id)
    return _one(connection, query.order_by(outbox.c.id).limit(1))


def move(
    connection: Connection, effect_id: str, to: EffectStatus, *, source: Collection[str], at: datetime,
    **values: Any,
) -> bool:  # fmt: skip
    """Bring an effect to a state from one of `source`; False when it stands elsewhere by now."""
    statement = update(outbox).where(outbox.c.id == effect_id, outbox.c.status.in_(source))
    return bool(connection.execute(statement.values(status=to, updated_at=at, **values)).rowcount == 1)


def move_many(
    connection: Connection, run_id: str, effect_ids: Sequence[str], to: EffectStatus, *, source: Collection[str],
    at: datetime, **values: Any,
) -> int:  # fmt: skip
    """Bring effects of a run to a state from one of `source`; how many stood there. Another run's are left alone."""
    moved = 0
    for ids in _parts(effect_ids):
        mine = outbox.c.id.in_(ids), outbox.c.run_id == run_id, outbox.c.status.in_(source)
        statement = update(outbox).where(*mine)
        moved += connection.execute(statement.values(status=to, updated_at=at, **values)).rowcount
    return moved


def deny_asked(connection: Connection, workspace_id: str, approval_id: str, at: datetime) -> None:
    """Nothing that a question was about goes out."""
    waiting = update(outbox).where(
        outbox.c.workspace_id == workspace_id,
        outbox.c.approval_id == approval_id,
        outbox.c.status == "awaiting_approval",
    )
    connection.execute(waiting.values(status="denied", updated_at=at))


def insert_many(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Note effects; those whose key is taken in the workspace are left out."""
    insert_absent(connection, outbox, rows)


def states(connection: Connection, workspace_id: str, keys: Sequence[str]) -> dict[str, AnyRow]:
    """How the effects with these keys stand, by key and without their payloads."""
    found: dict[str, AnyRow] = {}
    for part in _parts(keys):
        query = select(*_STATE).where(outbox.c.workspace_id == workspace_id, outbox.c.idempotency_key.in_(part))
        found |= {row.idempotency_key: row for row in connection.execute(query)}
    return found


def claim_many(
    connection: Connection, effect_ids: Sequence[str], *, source: Collection[str], at: datetime, **values: Any
) -> list[Effect]:
    """Say of effects that they are being sent; those that were still to be sent, whole, in the order of the ids."""
    mine = select(outbox.c.id).where(outbox.c.id.in_(effect_ids), outbox.c.status.in_(source)).with_for_update()
    ids = set(connection.execute(mine).scalars())
    statement = update(outbox).where(outbox.c.id.in_(ids))
    attempts = outbox.c.attempts + 1
    connection.execute(statement.values(status="sending", updated_at=at, attempts=attempts, **values))
    rows = connection.execute(select(outbox, *_NAMES).select_from(_WITH_RUN).where(outbox.c.id.in_(ids)))
    whole = {row.id: Effect.model_validate(row._asdict()) for row in rows}
    return [whole[each] for each in effect_ids if each in whole]


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def answer(
    connection: Connection, effect: Effect, to: EffectStatus, *, at: datetime, by: str, comment: str | None = None,
    **values: Any,
) -> bool:  # fmt: skip
    """Settle an uncertain effect, close the question about it and bring its run on; False when someone was faster."""
    if not move(connection, effect.id, to, source=("uncertain",), at=at, **values):
        return False
    if effect.approval_id and approvals.decide(
        connection, effect.approval_id, "approved", at=at, decided_by=by, comment=comment, edits={"answer": to}
    ):
        runs.move(connection, effect.run_id, "pending", parked=True, wake_at=None)
    return True


def find(
    connection: Connection, workspace_id: str, narrow: EffectFilter, *, before: str | None, limit: int
) -> list[EffectLine]:
    """Effects of a workspace, newest first, older than the id `before`."""
    query = _narrowed(select(*_LINE, *_NAMES).select_from(_WITH_RUN), workspace_id, narrow)
    if before:
        query = query.where(outbox.c.id < before)
    rows = connection.execute(query.order_by(outbox.c.id.desc()).limit(limit))
    return [EffectLine.model_validate(row._asdict()) for row in rows]


def count(connection: Connection, workspace_id: str, narrow: EffectFilter, *, cap: int = 10_001) -> int:
    """How many effects a filter leaves, counted up to `cap`."""
    query = _narrowed(select(outbox.c.id).select_from(_WITH_RUN), workspace_id, narrow).limit(cap)
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def kinds(connection: Connection, workspace_id: str) -> list[str]:
    """The kinds of effects there have been."""
    query = select(outbox.c.kind).where(outbox.c.workspace_id == workspace_id).distinct().order_by(outbox.c.kind)
    return list(connection.execute(query).scalars())


def _narrowed(query: Select[Any], workspace_id: str, narrow: EffectFilter) -> Select[Any]:
    equal = {outbox.c.status: narrow.status, outbox.c.kind: narrow.kind, outbox.c.run_id: narrow.run_id}
    conditions = [outbox.c.workspace_id == workspace_id]
    conditions += [column == value for column, value in equal.items() if value]
    if narrow.agent:
        conditions.append(or_(outbox.c.instance_id == narrow.agent, run_rows.c.definition_slug == narrow.agent))
    return query.where(and_(*conditions))


def _one(connection: Connection, query: Select[Any]) -> Effect | None:
    whole = query.add_columns(*_NAMES).select_from(_WITH_RUN)
    row: AnyRow | None = connection.execute(whole).one_or_none()
    return None if row is None else Effect.model_validate(row._asdict())
