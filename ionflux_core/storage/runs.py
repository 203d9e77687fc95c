"""Rows of runs: insert once, claim fairly, move by the table of allowed moves, read in pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)

from ionflux_core.domain.runs import Run, RunFilter, RunStatus, RunSummary, sources_of
from ionflux_core.domain.waits import waits_in
from ionflux_core.storage.engine import AnyRow, change_stamp
from ionflux_core.storage.search import matching
from ionflux_core.storage.statements import Query, Write
from ionflux_core.storage.tables import agent_configurations, runs
from ionflux_core.storage.writes import insert_new

# To the letter the predicate of ix_runs_live: SQLite takes a partial index only when it finds its condition again.
IS_LIVE: ColumnElement[bool] = literal_column(
    "runs.status IN ('pending', 'running', 'waiting', 'awaiting_approval', 'paused')"
)

_WAITING: tuple[RunStatus, ...] = ("waiting", "awaiting_approval")
_NEWEST = 200
_SUMMARY = [
    runs.c.id,
    runs.c.workspace_id,
    runs.c.instance_id,
    agent_configurations.c.name.label("instance_name"),
    runs.c.definition_slug,
    runs.c.definition_version,
    runs.c.brand_id,
    runs.c.status,
    runs.c.trigger_kind,
    runs.c.dry_run,
    runs.c.preview,
    runs.c.error,
    runs.c.cost_micros,
    runs.c.unpriced_calls,
    runs.c.created_at,
    runs.c.started_at,
    runs.c.finished_at,
]
_WITH_INSTANCE = runs.outerjoin(agent_configurations, agent_configurations.c.id == runs.c.instance_id)


def insert(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a run; False when its idempotency key is taken in the workspace."""
    return insert_new(connection, runs, {**row, "change_seq": change_stamp()})


_id_for_key = Query(
    select(runs.c.id).where(runs.c.workspace_id == bindparam("workspace"), runs.c.idempotency_key == bindparam("key"))
)


def id_for_key(connection: Connection, workspace_id: str, key: str) -> str | None:
    """The run that was started with this idempotency key."""
    found: str | None = _id_for_key.value(connection, {"workspace": workspace_id, "key": key})
    return found


@cache
def _move(target: RunStatus, owned: bool, parked: bool, names: tuple[str, ...]) -> Write:
    # The statuses are our own words; as text they spare the statement a list of parameters.
    words = ", ".join(f"'{status}'" for status in sources_of(target) if not (parked and status == "running"))
    allowed: ColumnElement[bool] = literal_column(f"runs.status IN ({words})")
    statement = update(runs).where(runs.c.id == bindparam("where_id"), allowed)
    if owned:
        statement = statement.where(runs.c.lease_owner == bindparam("where_owner"))
    return Write(lambda _: statement, names)


def move(
    connection: Connection,
    run_id: str,
    target: RunStatus,
    *,
    owner: str | None = None,
    parked: bool = False,
    **values: Any,
) -> bool:
    """Move a run to a status if the table of moves allows it from where it is now; False when it does not.

    With `owner`, only the worker that holds the lease may move it: a worker that lost its lease moves nothing. With
    `parked`, only a run that nobody executes is moved: who wakes a run must not take it from the worker that
    someone else has woken it for.
    """
    values |= {"status": target, "lease_owner": None, "lease_until": None, "control": None}
    values["change_seq"] = change_stamp()
    statement = _move(target, owner is not None, parked, tuple(values))
    return statement.run(connection, {**values, "where_id": run_id, "where_owner": owner}) == 1


_held = Query(
    select(literal_column("1"))
    .where(
        runs.c.id == bindparam("run_id"),
        runs.c.lease_owner == bindparam("owner"),
        runs.c.status == literal_column("'running'"),
    )
    .with_for_update(read=True)
)


def is_held(connection: Connection, run_id: str, owner: str) -> bool:
    """True while `owner` has the lease of a run; nobody can take it before this transaction has ended."""
    return _held.first(connection, {"run_id": run_id, "owner": owner}) is not None


def renew(connection: Connection, owner: str, run_ids: Sequence[str], until: datetime) -> dict[str, str | None]:
    """Extend the leases of these runs; what people asked of each (pause). Runs that were lost are missing."""
    statement = (
        update(runs)
        .where(runs.c.id.in_(run_ids), runs.c.lease_owner == owner, runs.c.status == "running")
        .values(lease_until=until)
        .returning(runs.c.id, runs.c.control)
    )
    return {row.id: row.control for row in connection.execute(statement)}


def ask(connection: Connection, run_id: str, control: str | None) -> bool:
    """Leave a wish with a running run (pause); its worker meets it at the next step."""
    statement = update(runs).where(runs.c.id == run_id, runs.c.status == "running").values(control=control)
    return bool(connection.execute(statement).rowcount == 1)


def add_claim(connection: Connection, run: AnyRow, claims: int) -> bool:
    """Put a run whose worker was lost back into the queue; False when that worker has renewed its lease meanwhile."""
    statement = (
        update(runs)
        .where(runs.c.id == run.id, runs.c.status == "running")
        .where(runs.c.lease_owner.is_not_distinct_from(run.lease_owner))
        .where(runs.c.lease_until.is_not_distinct_from(run.lease_until))
        .values(status="pending", claims=claims, lease_owner=None, lease_until=None, change_seq=change_stamp())
    )
    return bool(connection.execute(statement).rowcount == 1)


def lost(connection: Connection, now: datetime) -> list[AnyRow]:
    """Running runs whose lease is over: their worker is gone."""
    query = select(runs).where(
        IS_LIVE, runs.c.status == "running", or_(runs.c.lease_until < now, runs.c.lease_until.is_(None))
    )
    return list(connection.execute(query))


def leased(connection: Connection) -> list[AnyRow]:
    """Every running run with its lease owner."""
    return list(connection.execute(select(runs).where(IS_LIVE, runs.c.status == "running")))


def due_parked(connection: Connection, now: datetime) -> list[AnyRow]:
    """Parked runs whose timer has run out."""
    query = select(runs.c.id, runs.c.status, runs.c.wait).where(
        IS_LIVE, runs.c.status.in_(_WAITING), runs.c.wake_at <= now
    )
    return list(connection.execute(query))


def waiting_for_events(connection: Connection, workspace_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Runs of a workspace that are parked until an event comes."""
    query = select(runs.c.id, runs.c.wait).where(
        IS_LIVE, runs.c.workspace_id == workspace_id, runs.c.status.in_(_WAITING)
    )
    return [
        (row.id, row.wait) for row in connection.execute(query) if any(each.get("topic") for each in waits_in(row.wait))
    ]


_one = Query(
    select(runs, agent_configurations.c.name.label("instance_name"))
    .select_from(_WITH_INSTANCE)
    .where(runs.c.id == bindparam("run"), runs.c.workspace_id == bindparam("workspace"))
)


def get(connection: Connection, workspace_id: str, run_id: str) -> Run | None:
    """One run with everything it holds."""
    row = _one.first(connection, {"run": run_id, "workspace": workspace_id})
    return None if row is None else run_of(row)


def run_of(row: AnyRow) -> Run:
    """The read model of a row of `runs`."""
    return run_from(row._asdict())


def run_from(values: dict[str, Any]) -> Run:
    """The read model of the columns of a row of `runs`, as they were read or are about to be inserted."""
    values = dict(values)
    values["started_by"] = values.pop("triggered_by_user_id")
    # A row that was just claimed comes without its instance; the target is the name it was started by.
    values.setdefault("instance_name", values["target"] if values["instance_id"] else None)
    error = values.get("error") or {}
    values["error_code"], values["error_message"] = error.get("code"), error.get("message")
    return Run.model_validate({name: values[name] for name in Run.model_fields if name in values})


def find(
    connection: Connection, workspace_id: str, narrow: RunFilter, *, before: str | None, limit: int
) -> list[RunSummary]:
    """Runs of a workspace, newest first, older than the id `before`."""
    query = select(*_SUMMARY).select_from(_WITH_INSTANCE).where(runs.c.workspace_id == workspace_id)
    query = _narrowed(query, narrow, connection.dialect.name)
    if before:
        query = query.where(runs.c.id < before)
    return [_summary(row) for row in connection.execute(query.order_by(runs.c.id.desc()).limit(limit))]


def count(connection: Connection, workspace_id: str, narrow: RunFilter, *, cap: int = 10_001) -> int:
    """How many runs a filter leaves, counted up to `cap`."""
    query = select(runs.c.id).where(runs.c.workspace_id == workspace_id)
    query = _narrowed(query, narrow, connection.dialect.name).limit(cap)
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def unfinished_count(connection: Connection, workspace_id: str) -> int:
    """How many runs of a workspace are pending, running or parked."""
    query = select(func.count()).where(IS_LIVE, runs.c.workspace_id == workspace_id)
    return connection.execute(query).scalar_one()


_any_waiting = Query(
    select(runs.c.id)
    .where(
        IS_LIVE,
        runs.c.status.in_([literal_column(f"'{status}'") for status in _WAITING]),
        runs.c.workspace_id == bindparam("workspace"),
    )
    .limit(1)
)


def any_waiting(connection: Connection, workspace_id: str) -> bool:
    """Whether a run of a workspace is parked until somebody, a time or an event."""
    return _any_waiting.first(connection, {"workspace": workspace_id}) is not None


def wake_parent(connection: Connection, parent_id: str, child_id: str) -> bool:
    """Bring on a run that is parked until this child of it has ended; False when it waits for something else."""
    # Locked before it is read: a parent that is about to be parked has either been parked, or sees the child's end.
    query = select(runs.c.status, runs.c.wait).where(runs.c.id == parent_id).with_for_update()
    parent = connection.execute(query).first()
    if parent is None or parent.status not in _WAITING:
        return False
    if not any(each.get("run_id") == child_id for each in waits_in(parent.wait)):
        return False
    return move(connection, parent_id, "pending", parked=True, wake_at=None)


def hold(connection: Connection, run_id: str) -> None:
    """Let nobody else move a run before this transaction has ended."""
    connection.execute(select(runs.c.id).where(runs.c.id == run_id).with_for_update())


def children_of(connection: Connection, run_id: str) -> list[str]:
    """The unfinished runs that a run has started and waits for."""
    query = select(runs.c.id).where(IS_LIVE, runs.c.parent_run_id == run_id, runs.c.lineage.is_(None))
    return list(connection.execute(query).scalars())


def failures(
    connection: Connection, workspace_id: str, instance_id: str | None, slug: str, since: datetime, until: datetime
) -> int:
    """How many of the newest runs of an instance, or of a definition without one, have failed within a time."""
    query = select(runs.c.status, runs.c.finished_at, runs.c.instance_id, runs.c.definition_slug)
    query = query.where(runs.c.instance_id == instance_id if instance_id else runs.c.workspace_id == workspace_id)
    newest = connection.execute(query.order_by(runs.c.id.desc()).limit(_NEWEST))
    own = [row for row in newest if row.instance_id == instance_id and row.definition_slug == slug]
    ended = [row.finished_at for row in own if row.status in ("error", "budget_stopped") and row.finished_at]
    return sum(since <= at <= until for at in ended)


_status = Query(select(runs.c.status).where(runs.c.id == bindparam("run")))


def status_of(connection: Connection, run_id: str) -> RunStatus | None:
    """The status of a run, or None when it is not there."""
    status: RunStatus | None = _status.value(connection, {"run": run_id})
    return status


def depth_of(connection: Connection, run_id: str) -> int:
    """How deep in a chain of runs that started each other a run stands; -1 when it is gone."""
    found = connection.execute(select(runs.c.depth).where(runs.c.id == run_id)).scalar_one_or_none()
    return -1 if found is None else found


def _summary(row: AnyRow) -> RunSummary:
    values = row._asdict()
    error = values.pop("error") or {}
    return RunSummary(**values, error_code=error.get("code"), error_message=error.get("message"))


def _failed_with(code: str) -> list[ColumnElement[bool]]:
    """The conditions for runs that ended with an error of this code, or by their budget."""
    own: ColumnElement[bool] = runs.c.error["code"].as_string() == code
    failed = runs.c.status.in_(("error", "budget_stopped"))
    return [failed, or_(own, and_(runs.c.error["code"].as_string().is_(None), runs.c.status == code))]


def _narrowed(query: Select[Any], narrow: RunFilter, dialect: str) -> Select[Any]:
    equal = {
        runs.c.instance_id: narrow.instance_id,
        runs.c.definition_slug: narrow.definition_slug,
        runs.c.brand_id: narrow.brand_id,
        runs.c.trigger_kind: narrow.trigger_kind,
        runs.c.correlation_id: narrow.correlation_id,
    }
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
    if narrow.statuses:
        conditions.append(runs.c.status.in_(narrow.statuses))
    if narrow.error_code:
        conditions += _failed_with(narrow.error_code)
    if narrow.since:
        conditions.append(runs.c.created_at >= narrow.since)
    if narrow.until:
        conditions.append(runs.c.created_at < narrow.until)
    if narrow.text:
        conditions.append(matching(narrow.text, dialect))
    return query.where(and_(*conditions)) if conditions else query
