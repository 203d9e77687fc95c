"""What the charts read from the run store: rows changed since a watermark, in batches, and a few figures of today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Text, and_, cast, func, literal, or_, select

from ionflux_core.storage import costs
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import approvals, calls, kpi_points, run_steps, runs, value_entries

# A run's id holds the time it was accepted, never earlier than the time it is dated; the minute is for unlike clocks.
_ID_SLACK_MS = 60_000


class Mark(NamedTuple):
    """A place in the order of changes: microseconds since 1970, and the last id read at that microsecond."""

    change_seq: int = 0
    id: str = ""


# What came from a file was neither done nor paid here.
_HERE = runs.c.imported.is_(None)
_RUN = [
    runs.c.id,
    runs.c.workspace_id,
    runs.c.instance_id,
    runs.c.brand_id,
    runs.c.definition_slug,
    runs.c.status,
    runs.c.trigger_kind,
    runs.c.dry_run,
    runs.c.error,
    runs.c.cost_micros,
    runs.c.created_at,
    runs.c.started_at,
    runs.c.finished_at,
    runs.c.change_seq,
    runs.c.correlation_id,
    runs.c.config["instance_version"].as_integer().label("instance_version"),
    runs.c.attempt,
    runs.c.trigger["by"].as_string().label("started_by"),
]
_OF_RUN = [runs.c.workspace_id, runs.c.instance_id, runs.c.brand_id, runs.c.definition_slug, runs.c.trigger_kind]
_RUN_STATUS = runs.c.status.label("run_status")
_STEP = [
    run_steps.c.run_id,
    *_OF_RUN,
    _RUN_STATUS,
    run_steps.c.step_key,
    run_steps.c.seq,
    run_steps.c.kind,
    run_steps.c.title,
    run_steps.c.status,
    run_steps.c.attempt,
    run_steps.c.cost_micros,
    run_steps.c.started_at,
    run_steps.c.finished_at,
]
_VALUE = [
    value_entries.c.id,
    value_entries.c.run_id,
    *_OF_RUN,
    _RUN_STATUS,
    value_entries.c.kind,
    value_entries.c.amount,
    value_entries.c.unit,
    value_entries.c.method,
    value_entries.c.confidence,
    value_entries.c.at,
]
_CALL = [
    calls.c.id,
    calls.c.run_id,
    *_OF_RUN,
    _RUN_STATUS,
    calls.c.step_key,
    calls.c.kind,
    calls.c.provider,
    calls.c.model,
    calls.c.status,
    calls.c.error,
    calls.c.tokens_in,
    calls.c.tokens_out,
    calls.c.cached_tokens,
    calls.c.cost_micros,
    calls.c.latency_ms,
    calls.c.attempt,
    calls.c.at,
]
_POINT = [
    kpi_points.c.id,
    kpi_points.c.workspace_id,
    kpi_points.c.instance_id,
    kpi_points.c.brand_id,
    kpi_points.c.definition_slug,
    kpi_points.c.run_id,
    kpi_points.c.name,
    kpi_points.c.unit,
    kpi_points.c.value,
    kpi_points.c.at,
    kpi_points.c.dims,
    kpi_points.c.change_seq,
]


def changed_runs(connection: Connection, after: Mark, *, limit: int) -> list[AnyRow]:
    """Runs changed after a mark, in the order of change."""
    return _changed(connection, runs, _RUN, after, limit, _HERE)


def changed_points(connection: Connection, after: Mark, *, limit: int) -> list[AnyRow]:
    """KPI points changed after a mark, in the order of change."""
    return _changed(connection, kpi_points, _POINT, after, limit)


def _changed(
    connection: Connection, table: Any, columns: list[Any], after: Mark, limit: int, *conditions: Any
) -> list[AnyRow]:
    query = (
        select(*columns)
        .where(*conditions)
        # The first condition repeats what the second implies: it is the one an index answers.
        .where(table.c.change_seq >= after.change_seq)
        .where(or_(table.c.change_seq > after.change_seq, table.c.id > after.id))
        .order_by(table.c.change_seq, table.c.id)
        .limit(limit)
    )
    return list(connection.execute(query))


def steps_of(connection: Connection, run_ids: Sequence[str]) -> list[AnyRow]:
    """The steps of these runs, each with whose run it is."""
    query = select(*_STEP).join(runs, runs.c.id == run_steps.c.run_id).where(run_steps.c.run_id.in_(run_ids))
    return list(connection.execute(query.order_by(run_steps.c.run_id, run_steps.c.seq)))


def values_of(connection: Connection, run_ids: Sequence[str]) -> list[AnyRow]:
    """The value entries of these runs, each with whose run it is."""
    query = select(*_VALUE).join(runs, runs.c.id == value_entries.c.run_id).where(value_entries.c.run_id.in_(run_ids))
    return list(connection.execute(query.order_by(value_entries.c.at, value_entries.c.id)))


def approvals_of(connection: Connection, run_ids: Sequence[str]) -> list[AnyRow]:
    """The questions of these runs to people; `edited` where somebody changed what was asked about."""
    columns = (
        approvals.c.id, approvals.c.run_id, *_OF_RUN, _RUN_STATUS, approvals.c.kind, approvals.c.status,
        (cast(approvals.c.edits, Text) != "{}").label("edited"), approvals.c.created_at, approvals.c.decided_at,
    )  # fmt: skip
    query = select(*columns).join(runs, runs.c.id == approvals.c.run_id).where(approvals.c.run_id.in_(run_ids))
    return list(connection.execute(query.order_by(approvals.c.id)))


def model_costs_of(connection: Connection, run_ids: Sequence[str]) -> list[AnyRow]:
    """What these runs' calls of each model have cost and taken, and how many of them had no price."""
    model = (calls.c.provider + literal(":") + func.coalesce(calls.c.model, "")).label("model")
    of_run = (calls.c.run_id, *_OF_RUN, runs.c.status, runs.c.created_at)
    query = (
        select(
            *of_run,
            model,
            func.count().label("calls"),
            costs.UNPRICED_COUNT.label("unpriced"),
            *(
                cast(func.coalesce(func.sum(calls.c[name]), 0), BigInteger).label(name)
                for name in ("cost_micros", "tokens_in", "tokens_out", "cached_tokens")
            ),
        )
        .join(runs, runs.c.id == calls.c.run_id)
        .where(calls.c.run_id.in_(run_ids), costs.OF_MODELS)
        .group_by(*of_run, model)
    )
    return list(connection.execute(query))


def calls_of(connection: Connection, run_ids: Sequence[str]) -> list[AnyRow]:
    """Every attempt of these runs to call a model or an address, without what was said, each with whose run it is."""
    query = select(*_CALL).join(runs, runs.c.id == calls.c.run_id).where(calls.c.run_id.in_(run_ids))
    return list(connection.execute(query.order_by(calls.c.id)))


def newest_changes(connection: Connection) -> tuple[int, int]:
    """The newest change of runs and of KPI points; 0 where there are none."""
    newest_run = select(func.max(runs.c.change_seq)).where(_HERE).scalar_subquery()
    newest_point = select(func.max(kpi_points.c.change_seq)).scalar_subquery()
    row = connection.execute(select(newest_run, newest_point)).one()
    return row[0] or 0, row[1] or 0


def first_run(connection: Connection) -> str:
    """The id of the oldest run; empty when there is none. Another id means that history was taken out or replaced."""
    return connection.execute(select(func.min(runs.c.id))).scalar_one() or ""


def counts_since(connection: Connection, workspace_id: str, since: datetime) -> dict[str, int]:
    """Runs of a workspace created since a recent time, by status."""
    query = select(runs.c.status, func.count()).where(_recent(workspace_id, since)).group_by(runs.c.status)
    return {status: count for status, count in connection.execute(query)}


def cost_since(connection: Connection, workspace_id: str, since: datetime) -> int:
    """Millionths of the price list's currency spent by runs created since a recent time."""
    query = select(func.coalesce(func.sum(runs.c.cost_micros), 0)).where(_recent(workspace_id, since))
    return int(connection.execute(query).scalar_one())


def value_since(connection: Connection, workspace_id: str, since: datetime) -> list[dict[str, Any]]:
    """What runs created since a recent time were worth, by kind, method and unit, which stay apart.

    kind, method, unit, amount, entries, confidence.
    """
    query = (
        select(
            value_entries.c.kind,
            value_entries.c.method,
            value_entries.c.unit,
            func.sum(value_entries.c.amount).label("amount"),
            func.count().label("entries"),
            func.avg(value_entries.c.confidence).label("confidence"),
        )
        .join(runs, runs.c.id == value_entries.c.run_id)
        .where(_recent(workspace_id, since))
        .group_by(value_entries.c.kind, value_entries.c.method, value_entries.c.unit)
        .order_by(value_entries.c.kind, value_entries.c.method, value_entries.c.unit)
    )
    return [row._asdict() for row in connection.execute(query)]


def _recent(workspace_id: str, since: datetime) -> Any:
    """Runs since a time; ids sort by time, so the index on (workspace, id) leaves only recent rows to look at."""
    milliseconds = f"{max(int(since.timestamp() * 1000) - _ID_SLACK_MS, 0):012x}"
    floor = f"{milliseconds[:8]}-{milliseconds[8:]}"
    return and_(runs.c.workspace_id == workspace_id, runs.c.id >= floor, runs.c.created_at >= since, _HERE)
