"""What the watch asks of runs, the queue and deliveries: every question reads a bounded stretch of an index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from ionflux_core.domain.alert_rules import RuleTarget
from ionflux_core.domain.events import matches
from ionflux_core.limits import ALERT_RUNS
from ionflux_core.storage.engine import AnyRow, change_stamp
from ionflux_core.storage.runs import IS_LIVE
from ionflux_core.storage.tables import agent_configurations, event_deliveries, events, runs, triggers

FAILED = ("error", "budget_stopped")
_NEWEST_RUNS = 50
_NEWEST_EVENTS = 5_000
_DURATIONS = 5_000


class EndedRuns(NamedTuple):
    """The runs of a period: how many ended with a verdict, how many of them badly, and what all have cost."""

    verdicts: int
    failed: int
    cost_micros: int


def _of(target: RuleTarget) -> list[ColumnElement[bool]]:
    equal = {
        runs.c.definition_slug: target.definition_slug,
        runs.c.instance_id: target.instance_id,
        runs.c.brand_id: target.brand_id,
    }
    # Wrapped, so that neither database leaves the stretch of ix_runs_change for an index on all runs there ever were.
    return [func.coalesce(column, "") == value for column, value in equal.items() if value]


def _ended(workspace_id: str, target: RuleTarget, since: datetime, period: timedelta) -> Select[Any]:
    """Runs that ended since a time, newest change first. Changes are numbered by the system's clock: the stretch of
    the period holds every run that has ended in it, and history that was made up for is told by its own end."""
    first = change_stamp() - int(period.total_seconds() * 1_000_000)
    return (
        select(runs.c.id, runs.c.status, runs.c.cost_micros, runs.c.started_at, runs.c.finished_at)
        .where(
            runs.c.change_seq >= first,
            func.coalesce(runs.c.workspace_id, "") == workspace_id,
            runs.c.finished_at >= since,
            runs.c.dry_run.is_(False),
            runs.c.replay_of.is_(None),
            runs.c.imported.is_(None),
            *_of(target),
        )
        .order_by(runs.c.change_seq.desc())
    )


def ended_runs(
    connection: Connection, workspace_id: str, target: RuleTarget, since: datetime, period: timedelta
) -> EndedRuns:
    """Counts and cost of the runs that ended since a time, of the newest 20,000."""
    ended = _ended(workspace_id, target, since, period).limit(ALERT_RUNS).subquery()
    verdict = ended.c.status.in_(("success", *FAILED))
    query = select(
        func.coalesce(func.sum(case((verdict, 1), else_=0)), 0),
        func.coalesce(func.sum(case((ended.c.status.in_(FAILED), 1), else_=0)), 0),
        func.coalesce(func.sum(ended.c.cost_micros), 0),
    )
    return EndedRuns(*(int(value) for value in connection.execute(query).one()))


def newest_failure(
    connection: Connection, workspace_id: str, target: RuleTarget, since: datetime, period: timedelta
) -> str | None:
    """The id of the newest run that ended badly since a time."""
    query = _ended(workspace_id, target, since, period).where(runs.c.status.in_(FAILED))
    row = connection.execute(query.limit(1)).first()
    return None if row is None else str(row.id)


def durations(
    connection: Connection, workspace_id: str, target: RuleTarget, since: datetime, period: timedelta
) -> list[float]:
    """Seconds from start to end of the successful runs of a period, of the newest 5,000."""
    query = _ended(workspace_id, target, since, period).where(
        runs.c.status == "success", runs.c.started_at.is_not(None)
    )
    rows = connection.execute(query.limit(_DURATIONS))
    return [max(0.0, (row.finished_at - row.started_at).total_seconds()) for row in rows]


def queue(
    connection: Connection, workspace_id: str, instances: Sequence[str] | None, at: datetime
) -> tuple[int, datetime | None]:
    """How many runs of a workspace, or of some of its agents, could start now, and since when the oldest waits."""
    since = func.coalesce(runs.c.wake_at, runs.c.created_at)
    query = select(func.count(), func.min(since)).where(
        IS_LIVE, runs.c.status == "pending", runs.c.workspace_id == workspace_id, since <= at
    )
    if instances is not None:
        query = query.where(runs.c.instance_id.in_(instances))
    count, oldest = connection.execute(query).one()
    return int(count), datetime.fromisoformat(oldest) if isinstance(oldest, str) else oldest


def dead_letters(
    connection: Connection, workspace_id: str, instances: Sequence[str] | None, since: datetime
) -> tuple[int, str]:
    """How many deliveries of the newest 5,000 events died since a time, and the newest one's event type."""
    newest = (
        select(events.c.id, events.c.seq, events.c.type)
        .where(events.c.workspace_id == workspace_id)
        .order_by(events.c.seq.desc())
        .limit(_NEWEST_EVENTS)
        .subquery()
    )
    joined = newest.join(event_deliveries, event_deliveries.c.event_id == newest.c.id)
    dead = [event_deliveries.c.status == "dead", event_deliveries.c.at >= since]
    if instances is not None:
        joined = joined.join(triggers, triggers.c.id == event_deliveries.c.trigger_id)
        dead.append(triggers.c.instance_id.in_(instances))
    query = select(newest.c.type).select_from(joined).where(and_(*dead)).order_by(newest.c.seq.desc())
    found = list(connection.execute(query).scalars())
    return len(found), str(found[0]) if found else ""


def newest_runs(connection: Connection, instance_id: str) -> list[AnyRow]:
    """The newest 50 runs of an instance, newest first, whatever their status."""
    query = select(
        runs.c.id, runs.c.status, runs.c.started_at, runs.c.finished_at, runs.c.created_at, runs.c.dry_run,
        runs.c.replay_of, runs.c.imported, runs.c.kpis, runs.c.correlation_id,
    )  # fmt: skip
    query = query.where(runs.c.instance_id == instance_id).order_by(runs.c.id.desc()).limit(_NEWEST_RUNS)
    return list(connection.execute(query))


def last_event(connection: Connection, workspace_id: str, newest: Sequence[AnyRow], pattern: str) -> datetime | None:
    """When one of these runs has last published an event that fits a subject."""
    query = (
        select(events.c.type, events.c.at)
        .where(
            events.c.correlation_id.in_({row.correlation_id for row in newest}),
            events.c.causation_run_id.in_([row.id for row in newest]),
            func.coalesce(events.c.workspace_id, "") == workspace_id,
        )
        .order_by(events.c.seq.desc())
    )
    return next((row.at for row in connection.execute(query) if matches(pattern, row.type)), None)


def instances_of(connection: Connection, workspace_id: str, target: RuleTarget) -> list[str] | None:
    """The agents a target names; None when it is the whole workspace."""
    if not target.is_narrow:
        return None
    equal = {
        agent_configurations.c.id: target.instance_id,
        agent_configurations.c.definition_slug: target.definition_slug,
        agent_configurations.c.brand_id: target.brand_id,
    }
    query = select(agent_configurations.c.id).where(
        agent_configurations.c.workspace_id == workspace_id,
        *(column == value for column, value in equal.items() if value),
    )
    return list(connection.execute(query).scalars())
