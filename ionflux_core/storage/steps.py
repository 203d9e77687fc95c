"""The journal of a run: its steps, logs and calls, written in the transaction of the step they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from ionflux_core.domain.runs import RunLog, RunStep
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import calls, run_logs, run_steps
from ionflux_core.storage.writes import insert_new, upsert


def record(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write steps; a step that is there as running or failed is replaced by its newer state."""
    upsert(connection, run_steps, rows, key=("run_id", "step_key"))


def recorded(connection: Connection, run_id: str) -> dict[str, AnyRow]:
    """Every step a run has recorded, by key."""
    query = select(run_steps).where(run_steps.c.run_id == run_id)
    return {row.step_key: row for row in connection.execute(query)}


def of_run(connection: Connection, run_id: str, *, limit: int, offset: int = 0) -> list[RunStep]:
    """Steps of a run in the order they began."""
    query = select(run_steps).where(run_steps.c.run_id == run_id)
    query = query.order_by(run_steps.c.seq, run_steps.c.step_key).limit(limit).offset(offset)
    return [RunStep.model_validate(row._asdict()) for row in connection.execute(query)]


def count(connection: Connection, run_id: str) -> int:
    """How many steps a run has recorded."""
    return connection.execute(select(func.count()).where(run_steps.c.run_id == run_id)).scalar_one()


def finished_count(connection: Connection, run_id: str) -> int:
    """How many steps of a run need not be executed again."""
    done = run_steps.c.status.in_(("success", "reused"))
    return connection.execute(select(func.count()).where(run_steps.c.run_id == run_id, done)).scalar_one()


def open_step(connection: Connection, run_id: str) -> tuple[str, str] | None:
    """The title of the step a run is in, and what a model has said in it so far; rows of short steps do not show."""
    query = select(run_steps.c.title, run_steps.c.outputs).where(
        run_steps.c.run_id == run_id, run_steps.c.status == "running"
    )
    row = connection.execute(query.order_by(run_steps.c.seq.desc()).limit(1)).first()
    if row is None:
        return None
    return row.title, str(row.outputs.get("text") or "") if isinstance(row.outputs, dict) else ""


def finished_since(connection: Connection, run_id: str, at: datetime) -> bool:
    """True when a run has finished a step since a time."""
    query = select(run_steps.c.step_key).where(run_steps.c.run_id == run_id, run_steps.c.finished_at >= at)
    return connection.execute(query.where(run_steps.c.status == "success").limit(1)).first() is not None


def close_open(connection: Connection, run_id: str, status: str, at: datetime) -> None:
    """End the steps that were still shown as running when their run ended."""
    connection.execute(
        run_steps.update()
        .where(run_steps.c.run_id == run_id, run_steps.c.status.in_(("running", "waiting")))
        .values(status=status, finished_at=at)
    )


def write_logs(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append log lines."""
    if rows:
        connection.execute(run_logs.insert(), list(rows))


def logs(connection: Connection, run_id: str, *, limit: int, after: int = 0) -> list[RunLog]:
    """Log lines of a run, oldest first."""
    query = select(run_logs).where(run_logs.c.run_id == run_id, run_logs.c.seq > after)
    rows = connection.execute(query.order_by(run_logs.c.seq).limit(limit))
    return [RunLog.model_validate({k: v for k, v in row._asdict().items() if k != "seq"}) for row in rows]


def write_calls(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append model and HTTP calls."""
    for row in rows:
        insert_new(connection, calls, row)


def first_request(connection: Connection, run_id: str, step_key: str) -> Any:
    """What the first call of a step asked; None when it made none."""
    query = select(calls.c.request).where(calls.c.run_id == run_id, calls.c.step_key == step_key)
    return connection.execute(query.order_by(calls.c.id).limit(1)).scalar_one_or_none()


def calls_of_step(connection: Connection, run_id: str, step_key: str, *, limit: int) -> list[dict[str, Any]]:
    """Model and HTTP calls of one step, oldest first."""
    query = select(calls).where(calls.c.run_id == run_id, calls.c.step_key == step_key)
    return [row._asdict() for row in connection.execute(query.order_by(calls.c.id).limit(limit))]


def calls_behind(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """Calls of a run, and those whose answers it reuses from the runs that made them."""
    reused = (run_steps.c.source_run_id == calls.c.run_id) & (run_steps.c.step_key == calls.c.step_key)
    query = select(calls).join(run_steps, reused).where(run_steps.c.run_id == run_id).order_by(calls.c.id)
    return [row._asdict() for row in connection.execute(query)] + calls_of(connection, run_id)


def calls_of(connection: Connection, run_id: str, *, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Model and HTTP calls of a run, oldest first."""
    query = select(calls).where(calls.c.run_id == run_id).order_by(calls.c.id).offset(offset)
    return [row._asdict() for row in connection.execute(query if limit is None else query.limit(limit))]
