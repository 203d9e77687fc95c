"""What pages of blocks need to know of runs, for many agents at once, and which blocks follow which agent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, false, func, select

from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import agent_configurations, approvals, canvas_blocks, canvas_pages, runs

_LINE = (
    runs.c.id, runs.c.instance_id, runs.c.status, runs.c.trigger_kind, runs.c.preview, runs.c.error, runs.c.created_at,
    runs.c.finished_at,
)  # fmt: skip


class Following(NamedTuple):
    """A block whose output comes from runs: of an instance, or the one it has started itself."""

    block_id: str
    page_id: str
    workspace_id: str
    type: str
    instance_id: str | None
    run_id: str | None


def newest_ids(
    connection: Connection, workspace_id: str, instance_ids: Iterable[str], *, status: str | None = None
) -> dict[str, str]:
    """The newest run of each of these instances that was no dry run, of one status or of any: instance to run."""
    wanted = sorted(set(instance_ids))
    if not wanted:
        return {}
    mine = agent_configurations
    own = select(runs.c.id).where(runs.c.instance_id == mine.c.id, runs.c.dry_run == false(), runs.c.imported.is_(None))
    own = own if status is None else own.where(runs.c.status == status)
    newest = own.order_by(runs.c.id.desc()).limit(1).correlate(mine).scalar_subquery()
    query = select(mine.c.id, newest).where(mine.c.workspace_id == workspace_id, mine.c.id.in_(wanted))
    return {instance: run for instance, run in connection.execute(query) if run is not None}


def lines(connection: Connection, workspace_id: str, run_ids: Iterable[str]) -> dict[str, AnyRow]:
    """Runs in short, by id; those of other workspaces and those that are gone are not among them."""
    wanted = sorted(set(run_ids))
    if not wanted:
        return {}
    query = select(*_LINE).where(runs.c.workspace_id == workspace_id, runs.c.id.in_(wanted))
    return {row.id: row for row in connection.execute(query)}


def open_questions(connection: Connection, workspace_id: str, run_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The oldest open question of each of these runs: run to (id, title)."""
    if not run_ids:
        return {}
    query = select(approvals.c.run_id, approvals.c.id, approvals.c.title).where(
        approvals.c.workspace_id == workspace_id, approvals.c.status == "pending", approvals.c.run_id.in_(run_ids)
    )
    found: dict[str, tuple[str, str]] = {}
    for run_id, approval_id, title in connection.execute(query.order_by(approvals.c.id)):
        found.setdefault(run_id, (approval_id, title))
    return found


def oldest_question(connection: Connection, workspace_id: str, instance_id: str | None) -> tuple[str | None, int]:
    """The oldest open question of an instance, or of the workspace, and how many are open."""
    open_ones = select(approvals.c.id).where(approvals.c.workspace_id == workspace_id, approvals.c.status == "pending")
    if instance_id:
        open_ones = open_ones.join(runs, runs.c.id == approvals.c.run_id).where(runs.c.instance_id == instance_id)
    oldest: str | None = connection.execute(open_ones.order_by(approvals.c.id).limit(1)).scalar_one_or_none()
    if oldest is None:
        return None, 0
    return oldest, connection.execute(select(func.count()).select_from(open_ones.subquery())).scalar_one()


def outputs(connection: Connection, workspace_id: str, run_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What these runs gave, by their ids."""
    wanted = sorted(set(run_ids))
    if not wanted:
        return {}
    query = select(runs.c.id, runs.c.outputs).where(runs.c.workspace_id == workspace_id, runs.c.id.in_(wanted))
    return {run_id: given or {} for run_id, given in connection.execute(query)}


def following(connection: Connection, types: Sequence[str]) -> list[Following]:
    """Every block of these types on a page that is not archived."""
    instance = canvas_blocks.c.content["agent_configuration_id"].as_string()
    query = (
        select(
            canvas_blocks.c.id, canvas_blocks.c.page_id, canvas_blocks.c.workspace_id, canvas_blocks.c.type, instance,
            canvas_blocks.c.run_id,
        )
        .join(canvas_pages, canvas_pages.c.id == canvas_blocks.c.page_id)
        .where(
            canvas_blocks.c.type.in_(types), canvas_blocks.c.deleted_at.is_(None), canvas_pages.c.status == "active"
        )
    )  # fmt: skip
    return [Following(*row) for row in connection.execute(query)]
