"""Runs made from other runs: the parent's row, its finished steps taken over, and the tree they form."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, literal, select

from ionflux_core.domain.lineage import LineageNode, notes_of
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import run_steps, runs

_DEEPEST = 100
_FINISHED = ("success", "reused")


def parent(connection: Connection, workspace_id: str, run_id: str) -> AnyRow | None:
    """Every column of a run."""
    query = select(runs).where(runs.c.id == run_id, runs.c.workspace_id == workspace_id)
    return connection.execute(query).one_or_none()


def step(connection: Connection, run_id: str, step_key: str) -> AnyRow | None:
    """One recorded step."""
    query = select(run_steps).where(run_steps.c.run_id == run_id, run_steps.c.step_key == step_key)
    return connection.execute(query).one_or_none()


def finished_steps(
    connection: Connection, run_id: str, *, before: AnyRow | None, after: tuple[int, str], limit: int
) -> list[AnyRow]:
    """A page of the finished steps of a run that began before a step and do not contain it, in their order."""
    seq, key = after
    behind = (run_steps.c.seq > seq) | ((run_steps.c.seq == seq) & (run_steps.c.step_key > key))
    query = select(run_steps).where(_reusable(run_id, before), behind)
    return list(connection.execute(query.order_by(run_steps.c.seq, run_steps.c.step_key).limit(limit)))


def take_over(
    connection: Connection, parent_id: str, child_id: str, *, before: AnyRow | None, failed: bool = False
) -> int:
    """Copy finished steps of a run into another as `reused`, and with `failed` also the failed ones; how many.

    What they cost was paid by the run that executed them.
    """
    changed: dict[str, ColumnElement[object]] = {
        "run_id": literal(child_id),
        "status": literal("reused"),
        "source_run_id": func.coalesce(run_steps.c.source_run_id, run_steps.c.run_id),
        "cost_micros": literal(0),
    }
    count = _copy(connection, changed, _reusable(parent_id, before))
    if failed:
        of_failed = (run_steps.c.run_id == parent_id) & (run_steps.c.status == "error")
        count += _copy(connection, changed | {"status": run_steps.c.status}, of_failed)
    return count


def _copy(connection: Connection, changed: dict[str, ColumnElement[object]], which: ColumnElement[bool]) -> int:
    names = [column.name for column in run_steps.columns]
    source = select(*(changed.get(name, run_steps.c[name]).label(name) for name in names)).where(which)
    taken = insert(run_steps).from_select(names, source, include_defaults=False)
    return connection.execute(taken.execution_options(preserve_rowcount=True)).rowcount


def _reusable(run_id: str, before: AnyRow | None) -> ColumnElement[bool]:
    finished = (run_steps.c.run_id == run_id) & run_steps.c.status.in_(_FINISHED)
    if before is None:
        return finished
    # A step around the chosen one must run anew, or the chosen one would never be reached.
    words = before.step_key.split("/")
    outer = run_steps.c.step_key.in_(["/".join(words[:length]) for length in range(1, len(words))])
    around = outer & (run_steps.c.finished_at >= before.started_at)
    return and_(finished, run_steps.c.seq < before.seq, run_steps.c.step_key != before.step_key, ~around)


_NODE = (
    runs.c.id,
    runs.c.parent_run_id,
    runs.c.lineage,
    runs.c.forked_at,
    runs.c.changes,
    runs.c.status,
    runs.c.cost_micros,
    runs.c.created_at,
)


def ancestors(connection: Connection, workspace_id: str, run_id: str) -> list[LineageNode]:
    """The runs a run comes from, oldest first; those that are not kept any more are missing."""
    found: list[LineageNode] = []
    wanted: str | None = run_id
    seen = set[str]()
    while wanted and wanted not in seen and len(seen) <= _DEEPEST:
        seen.add(wanted)
        row = connection.execute(
            select(*_NODE).where(runs.c.id == wanted, runs.c.workspace_id == workspace_id)
        ).one_or_none()
        wanted = row.parent_run_id if row else None
        found += _nodes([row]) if row else []
    return found[:0:-1]


def family(
    connection: Connection, workspace_id: str, root_id: str, *, after: str | None, limit: int
) -> list[LineageNode]:
    """A page of a run and all that was made from it, in the order they were made."""
    tree = select(runs.c.id, literal(0).label("depth")).where(runs.c.id == root_id).cte("tree", recursive=True)
    child = runs.alias("child")
    deeper = select(child.c.id, tree.c.depth + 1).where(child.c.parent_run_id == tree.c.id, tree.c.depth < _DEEPEST)
    tree = tree.union(deeper)
    query: Select[tuple[object, ...]] = select(*_NODE).where(
        runs.c.id.in_(select(tree.c.id)), runs.c.workspace_id == workspace_id
    )
    if after:
        query = query.where(runs.c.id > after)
    return _nodes(list(connection.execute(query.order_by(runs.c.id).limit(limit))))


def _nodes(rows: Sequence[AnyRow]) -> list[LineageNode]:
    return [
        LineageNode(
            run_id=row.id,
            parent_run_id=row.parent_run_id,
            lineage=row.lineage,
            forked_at=row.forked_at,
            notes=notes_of(row.changes),
            status=row.status,
            cost_micros=row.cost_micros,
            created_at=row.created_at,
        )
        for row in rows
    ]
