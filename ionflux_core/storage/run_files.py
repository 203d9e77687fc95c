"""Whole runs read and written at once: for a comparison, and for the file of a run on its way out and in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import artifacts, calls, run_logs, run_steps, runs
from ionflux_core.storage.writes import insert_new

_BATCH = 200


def run_row(connection: Connection, workspace_id: str, run_id: str) -> AnyRow | None:
    """Every column of a run."""
    query = select(runs).where(runs.c.id == run_id, runs.c.workspace_id == workspace_id)
    return connection.execute(query).one_or_none()


def spent_by_step(connection: Connection, run_id: str) -> list[AnyRow]:
    """What the calls of a run took together, by step and model."""
    failed = case((calls.c.status == "success", 0), else_=1)
    # A call over HTTP costs nothing; one of a model without a price is not known to.
    unpriced = case(((calls.c.kind == "llm") & calls.c.cost_micros.is_(None), 1), else_=0)
    query = select(
        calls.c.step_key,
        calls.c.kind,
        calls.c.provider,
        calls.c.model,
        func.count().label("calls"),
        func.sum(failed).label("failed"),
        func.sum(calls.c.tokens_in).label("tokens_in"),
        func.sum(calls.c.tokens_out).label("tokens_out"),
        func.coalesce(func.sum(calls.c.cost_micros), 0).label("cost_micros"),
        func.sum(unpriced).label("unpriced"),
    ).where(calls.c.run_id == run_id)
    return list(connection.execute(query.group_by(calls.c.step_key, calls.c.kind, calls.c.provider, calls.c.model)))


def steps(connection: Connection, run_id: str) -> Iterator[dict[str, Any]]:
    """The steps of a run in the order they began, a few at a time."""
    query = select(run_steps).where(run_steps.c.run_id == run_id).order_by(run_steps.c.seq, run_steps.c.step_key)
    return _in_batches(connection, query)


def calls_of(connection: Connection, run_id: str) -> Iterator[dict[str, Any]]:
    """The calls of a run, oldest first, a few at a time."""
    return _in_batches(connection, select(calls).where(calls.c.run_id == run_id).order_by(calls.c.id))


def logs(connection: Connection, run_id: str) -> Iterator[dict[str, Any]]:
    """The log lines of a run, oldest first, a few at a time."""
    return _in_batches(connection, select(run_logs).where(run_logs.c.run_id == run_id).order_by(run_logs.c.seq))


def known_files(connection: Connection, workspace_id: str, hashes: Iterable[str]) -> dict[str, AnyRow]:
    """Which of these stored files belong to a workspace, by hash."""
    wanted, found = sorted(set(hashes)), dict[str, AnyRow]()
    for at in range(0, len(wanted), _BATCH):
        part = wanted[at : at + _BATCH]
        query = select(artifacts).where(artifacts.c.workspace_id == workspace_id, artifacts.c.sha256.in_(part))
        found |= {row.sha256: row for row in connection.execute(query)}
    return found


def insert_run(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert a run that has ended elsewhere; False when its idempotency key is taken in the workspace."""
    return insert_new(connection, runs, row)


def insert_parts(
    connection: Connection,
    step_rows: list[dict[str, Any]],
    call_rows: list[dict[str, Any]],
    log_rows: list[dict[str, Any]],
) -> None:
    """Insert what a run that has ended elsewhere consists of."""
    for table, rows in ((run_steps, step_rows), (calls, call_rows), (run_logs, log_rows)):
        for at in range(0, len(rows), _BATCH):
            connection.execute(table.insert(), rows[at : at + _BATCH])


def _in_batches(connection: Connection, query: Select[Any]) -> Iterator[dict[str, Any]]:
    for row in connection.execute(query.execution_options(yield_per=_BATCH)):
        yield row._asdict()
