"""What runs and their model calls have cost, as estimates and figures ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Integer, and_, case, cast, func, select

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import calls, runs

# A call that was answered and has no cost is one whose price nobody knows; a failed one may rightly have none.
OF_MODELS = calls.c.kind != "http"
UNPRICED = and_(OF_MODELS, calls.c.status == "success", calls.c.cost_micros.is_(None))
UNPRICED_COUNT = cast(func.coalesce(func.sum(case((UNPRICED, 1), else_=0)), 0), Integer)


class RunCost(NamedTuple):
    """What a run's calls have cost in millionths of a US dollar, and how many had no price."""

    cost_micros: int
    unpriced_calls: int


NOTHING = RunCost(0, 0)


def finished_runs(
    connection: Connection, workspace_id: str, *, instance_id: str | None, definition_slug: str, limit: int
) -> Sequence[AnyRow]:
    """The newest successful runs of an instance, or of a definition: id, started_at, finished_at.

    Replays and runs of elsewhere are left out; they teach nothing about what the next run will cost.
    """
    of = runs.c.instance_id == instance_id if instance_id else runs.c.definition_slug == definition_slug
    query = (
        select(runs.c.id, runs.c.started_at, runs.c.finished_at)
        .where(runs.c.workspace_id == workspace_id, of, runs.c.status == "success", runs.c.lineage.is_(None))
        .where(runs.c.imported.is_(None), runs.c.dry_run.is_(False))
        .order_by(runs.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).all()


def calls_by_step(connection: Connection, run_ids: Sequence[str]) -> Sequence[AnyRow]:
    """Model calls of runs by run, step and model: how many, their tokens, cost, and how many had no price."""
    group = (calls.c.run_id, calls.c.step_key, calls.c.provider, calls.c.model)
    query = (
        select(
            *group,
            func.count().label("calls"),
            func.sum(calls.c.tokens_in).label("tokens_in"),
            func.sum(calls.c.tokens_out).label("tokens_out"),
            func.sum(calls.c.cached_tokens).label("cached_tokens"),
            func.coalesce(func.sum(calls.c.cost_micros), 0).label("cost_micros"),
            UNPRICED_COUNT.label("unpriced"),
        )
        .where(calls.c.run_id.in_(run_ids), OF_MODELS)
        .group_by(*group)
    )
    return connection.execute(query).all()


def of_runs(connection: Connection, workspace_id: str, *, instance_id: str, since: datetime) -> AnyRow:
    """One row for an instance since a time: runs that have ended, their cost, model calls and those without a price."""
    recent = and_(
        runs.c.workspace_id == workspace_id,
        runs.c.instance_id == instance_id,
        runs.c.created_at >= since,
        runs.c.started_at.is_not(None),
        runs.c.replay_of.is_(None),
    )
    made = (
        select(func.count())
        .select_from(calls.join(runs, runs.c.id == calls.c.run_id))
        .where(recent, OF_MODELS)
        .scalar_subquery()
    )
    query = select(
        func.count().label("runs"),
        func.coalesce(func.sum(runs.c.cost_micros), 0).label("cost_micros"),
        func.coalesce(func.sum(runs.c.unpriced_calls), 0).label("unpriced"),
        made.label("calls"),
    ).where(recent)
    return connection.execute(query).one()


def of_run(connection: Connection, run_id: str) -> RunCost:
    """What the calls a run has recorded have cost."""
    query = select(func.coalesce(func.sum(calls.c.cost_micros), 0), UNPRICED_COUNT).where(calls.c.run_id == run_id)
    cost, unpriced = connection.execute(query).one()
    return RunCost(int(cost), int(unpriced))
