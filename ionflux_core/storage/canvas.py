"""Rows of pages, their blocks and their history. Every question names the workspace."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from ionflux_core.domain.canvas import CanvasBlock, PageLine, PageVersion, Place
from ionflux_core.storage.engine import AnyRow
from ionflux_core.storage.tables import canvas_blocks, canvas_page_versions, canvas_pages, workspaces
from ionflux_core.storage.writes import upsert

_PLACE = ("position_x", "position_y", "width", "height", "z_index")
_WITHOUT_OUTPUT = [column for column in canvas_blocks.c if column.name not in ("output", "deleted_at")]
_VERSION_LINE = [column for column in canvas_page_versions.c if column.name not in ("document", "workspace_id")]


def lock_tree(connection: Connection, workspace_id: str) -> None:
    """Let nobody else change the tree of a workspace until the transaction ends; SQLite has one writer anyway."""
    connection.execute(select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True))


def pages(connection: Connection, workspace_id: str, status: str | None = None) -> list[PageLine]:
    """Pages of a workspace by their place among their siblings; of one status, or all."""
    query = select(canvas_pages).where(canvas_pages.c.workspace_id == workspace_id)
    if status is not None:
        query = query.where(canvas_pages.c.status == status)
    found = connection.execute(query.order_by(canvas_pages.c.position, canvas_pages.c.id))
    return [PageLine.model_validate(row._asdict()) for row in found]


def page(connection: Connection, workspace_id: str, page_id: str, *, lock: bool = False) -> PageLine | None:
    """One page; with `lock` nobody else edits it until the transaction ends."""
    query = select(canvas_pages).where(canvas_pages.c.id == page_id, canvas_pages.c.workspace_id == workspace_id)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    return None if row is None else PageLine.model_validate(row._asdict())


def is_taken(connection: Connection, page_id: str) -> bool:
    """Whether there is a page with this id in any workspace."""
    return connection.execute(select(canvas_pages.c.id).where(canvas_pages.c.id == page_id)).first() is not None


def page_of(connection: Connection, workspace_id: str, block_id: str, *, deleted: bool = False) -> str | None:
    """The page on which a block lies; of a deleted block only when asked for."""
    query = select(canvas_blocks.c.page_id).where(
        canvas_blocks.c.id == block_id, canvas_blocks.c.workspace_id == workspace_id
    )
    query = query if deleted else query.where(canvas_blocks.c.deleted_at.is_(None))
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def insert_page(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a page."""
    connection.execute(canvas_pages.insert(), row)


def save_page(connection: Connection, workspace_id: str, page_id: str, at: datetime | None, **values: Any) -> None:
    """Change columns of a page; without a time its own stays, for a place in the tree is no edit of the page."""
    statement = update(canvas_pages).where(canvas_pages.c.id == page_id, canvas_pages.c.workspace_id == workspace_id)
    connection.execute(statement.values(**values, **({"updated_at": at} if at else {})))


def blocks(connection: Connection, workspace_id: str, page_id: str, *, outputs: bool = True) -> list[CanvasBlock]:
    """Blocks of a page from the top left to the bottom right; without outputs where nobody looks at them."""
    columns = canvas_blocks.c if outputs else _WITHOUT_OUTPUT
    query = select(*columns).where(
        canvas_blocks.c.page_id == page_id,
        canvas_blocks.c.workspace_id == workspace_id,
        canvas_blocks.c.deleted_at.is_(None),
    )
    order = (canvas_blocks.c.position_y, canvas_blocks.c.position_x, canvas_blocks.c.id)
    return [_block(row) for row in connection.execute(query.order_by(*order))]


def block(connection: Connection, workspace_id: str, block_id: str, *, deleted: bool = False) -> CanvasBlock | None:
    """One block with its output; a deleted one only when asked for."""
    query = select(canvas_blocks).where(canvas_blocks.c.id == block_id, canvas_blocks.c.workspace_id == workspace_id)
    row = connection.execute(query if deleted else query.where(canvas_blocks.c.deleted_at.is_(None))).one_or_none()
    return None if row is None else _block(row)


def of_page(connection: Connection, workspace_id: str, page_id: str) -> set[str]:
    """The ids of every block a page has ever had and that is not yet purged."""
    query = select(canvas_blocks.c.id).where(
        canvas_blocks.c.page_id == page_id, canvas_blocks.c.workspace_id == workspace_id
    )
    return set(connection.execute(query).scalars())


def insert_block(connection: Connection, block: CanvasBlock) -> None:
    """Insert a block."""
    connection.execute(canvas_blocks.insert(), _row(block))


def save_block(connection: Connection, block: CanvasBlock, **more: Any) -> None:
    """Keep a block as it is now, but for its output; `more` are further columns such as `deleted_at`."""
    values = _row(block)
    for name in ("id", "workspace_id", "page_id", "created_at", "output", "output_at", "run_id", "error"):
        values.pop(name)
    statement = update(canvas_blocks).where(
        canvas_blocks.c.id == block.id, canvas_blocks.c.workspace_id == block.workspace_id
    )
    connection.execute(statement.values(**values, **more))


def save_output(connection: Connection, workspace_id: str, block_id: str, **values: Any) -> None:
    """Keep what a block was computed to; who edits its content is not disturbed."""
    statement = update(canvas_blocks).where(
        canvas_blocks.c.id == block_id, canvas_blocks.c.workspace_id == workspace_id
    )
    connection.execute(statement.values(**values))


def mark_stale(connection: Connection, workspace_id: str, block_ids: Iterable[str]) -> None:
    """Note of blocks that what they were computed from has changed."""
    wanted = list(block_ids)
    if wanted:
        mine = canvas_blocks.c.workspace_id == workspace_id
        connection.execute(update(canvas_blocks).where(canvas_blocks.c.id.in_(wanted), mine).values(stale=True))


def remove_blocks(connection: Connection, workspace_id: str, block_ids: Iterable[str], at: datetime) -> None:
    """Take blocks off their page; they can be brought back until they are purged."""
    wanted = list(block_ids)
    if wanted:
        mine = canvas_blocks.c.workspace_id == workspace_id
        connection.execute(update(canvas_blocks).where(canvas_blocks.c.id.in_(wanted), mine).values(deleted_at=at))


def purge(connection: Connection, before: datetime) -> int:
    """Remove for good what was deleted before a time, in every workspace; how many blocks."""
    return connection.execute(delete(canvas_blocks).where(canvas_blocks.c.deleted_at < before)).rowcount


def versions(
    connection: Connection, workspace_id: str, page_id: str, *, before: int | None = None, limit: int
) -> list[PageVersion]:
    """Lines of a page's history, newest first; those before a version."""
    table = canvas_page_versions
    query = select(*_VERSION_LINE).where(table.c.page_id == page_id, table.c.workspace_id == workspace_id)
    query = query if before is None else query.where(table.c.version < before)
    found = connection.execute(query.order_by(table.c.version.desc()).limit(limit))
    return [PageVersion.model_validate(row._asdict()) for row in found]


def version(connection: Connection, workspace_id: str, page_id: str, number: int) -> dict[str, Any] | None:
    """The document of a page as it was saved as a version."""
    table = canvas_page_versions
    query = select(table.c.document).where(
        table.c.page_id == page_id, table.c.workspace_id == workspace_id, table.c.version == number
    )
    found: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
    return found


def save_version(connection: Connection, row: dict[str, Any]) -> None:
    """Add a version, or go on with the one that has this number."""
    upsert(connection, canvas_page_versions, [row], key=("page_id", "version"), keep=("created_at",))


def forget_versions(connection: Connection, workspace_id: str, page_id: str, up_to: int) -> None:
    """Remove the versions with numbers up to this one."""
    table = canvas_page_versions
    mine = (table.c.page_id == page_id, table.c.workspace_id == workspace_id, table.c.version <= up_to)
    connection.execute(delete(table).where(*mine))


def count(connection: Connection, workspace_id: str) -> int:
    """How many pages a workspace has, archived ones and templates among them."""
    query = select(func.count()).select_from(canvas_pages).where(canvas_pages.c.workspace_id == workspace_id)
    return connection.execute(query).scalar_one()


def _row(block: CanvasBlock) -> dict[str, Any]:
    place = block.place
    return {
        **block.model_dump(exclude={"place", "error", "content"}),
        "content": block.content,
        "error": block.error.model_dump() if block.error else None,
        **dict(zip(_PLACE, (place.x, place.y, place.width, place.height, place.z), strict=True)),
    }


def _block(row: AnyRow) -> CanvasBlock:
    values = row._asdict()
    x, y, width, height, z = (values.pop(name) for name in _PLACE)
    return CanvasBlock.model_validate({**values, "place": Place(x=x, y=y, width=width, height=height, z=z)})
