"""Claiming runs: which of those that are due a worker takes next, fairly and within every limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select, update

from ionflux_core.storage.engine import AnyRow, change_stamp
from ionflux_core.storage.runs import IS_LIVE
from ionflux_core.storage.statements import Query
from ionflux_core.storage.tables import runs

_ALONE = select(func.pg_advisory_xact_lock(7_201_010))
_CANDIDATES = 50
_PER_INSTANCE = 8

_due = (
    select(runs.c.id, runs.c.workspace_id, runs.c.instance_id, runs.c.concurrency, runs.c.priority, runs.c.started_at)
    .where(
        runs.c.status == literal_column("'pending'"), or_(runs.c.wake_at.is_(None), runs.c.wake_at <= bindparam("now"))
    )
    .order_by(runs.c.priority.desc(), runs.c.id)
)
_due_first = Query(_due.limit(_CANDIDATES))
_ranked = _due.add_columns(
    func.row_number()
    .over(
        # By instance, too: a long queue behind one instance's limit must not hide the others of its workspace.
        partition_by=(runs.c.workspace_id, runs.c.instance_id),
        order_by=(runs.c.priority.desc(), runs.c.id),
    )
    .label("place")
).subquery()
_due_fairly = Query(select(_ranked).where(_ranked.c.place <= _PER_INSTANCE))
_live = Query(
    select(runs.c.workspace_id, runs.c.instance_id, func.count())
    .where(IS_LIVE, runs.c.status == literal_column("'running'"))
    .group_by(runs.c.workspace_id, runs.c.instance_id)
)
_claim = Query(
    update(runs)
    .where(runs.c.id == bindparam("run_id"), runs.c.status == literal_column("'pending'"))
    .values(
        status=literal_column("'running'"),
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
        started_at=func.coalesce(runs.c.started_at, bindparam("now", type_=runs.c.started_at.type)),
        wake_at=None,
        change_seq=bindparam("stamp"),
    )
    .returning(runs)
)


class Claimed(NamedTuple):
    """A run that was just leased, and whether it has never been executed before."""

    row: AnyRow
    fresh: bool


class Claims(NamedTuple):
    """What a claim took, and whether it left runs that are due: to others, or behind a limit."""

    taken: list[Claimed]
    left: bool


def claim(
    connection: Connection,
    *,
    owner: str,
    now: datetime,
    lease_seconds: float,
    count: int,
    workspace_limit: Callable[[str], int],
) -> Claims:
    """Up to `count` pending runs, now leased to `owner`; the fullest workspace goes last, limits are kept."""
    if connection.dialect.name == "postgresql":
        # Counting and taking must be one act among all processes, or two of them overrun a limit together.
        connection.execute(_ALONE)
    due = _due_first.rows(connection, {"now": now})
    if not due:
        return Claims([], left=False)
    if len(due) == _CANDIDATES:
        due = _due_fairly.rows(connection, {"now": now})
    by_workspace: Counter[str] = Counter()
    by_instance: Counter[str] = Counter()
    for workspace_id, instance_id, running in _live.rows(connection, {}):
        by_workspace[workspace_id] += running
        by_instance[instance_id] += running
    chosen: list[AnyRow] = []
    found = len(due)
    while due and len(chosen) < count:
        due.sort(key=lambda run: (-run.priority, by_workspace[run.workspace_id], run.id))
        run = due.pop(0)
        if by_workspace[run.workspace_id] >= workspace_limit(run.workspace_id):
            continue
        if run.instance_id and by_instance[run.instance_id] >= run.concurrency:
            continue
        by_workspace[run.workspace_id] += 1
        by_instance[run.instance_id] += 1
        chosen.append(run)
    until = now + timedelta(seconds=lease_seconds)
    claimed: list[Claimed] = []
    for run in chosen:
        values = {"run_id": run.id, "owner": owner, "until": until, "now": now, "stamp": change_stamp()}
        claimed.extend(Claimed(row, run.started_at is None) for row in _claim.rows(connection, values))
    return Claims(claimed, left=found > len(chosen))


def fits(connection: Connection, row: Mapping[str, Any], *, workspace_limit: int) -> bool:
    """Whether a run that is about to be inserted may begin at once: its workspace and its instance have room."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE)
    in_workspace = of_instance = 0
    for workspace_id, instance_id, running in _live.rows(connection, {}):
        in_workspace += running if workspace_id == row["workspace_id"] else 0
        of_instance += running if instance_id == row["instance_id"] else 0
    return in_workspace < workspace_limit and (not row["instance_id"] or of_instance < row["concurrency"])


def due_count(connection: Connection, now: datetime, *, limit: int) -> int:
    """How many pending runs could be claimed now, counted up to `limit`."""
    due = _due.with_only_columns(runs.c.id).limit(limit).subquery()
    return connection.execute(select(func.count()).select_from(due), {"now": now}).scalar_one()
