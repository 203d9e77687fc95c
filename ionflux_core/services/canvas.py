"""Pages of live blocks: what people write on them, and what their blocks were computed to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import Computed
from ionflux_core.domain.canvas import LAST_ROW, CanvasBlock, Place
from ionflux_core.domain.runs import RunError
from ionflux_core.errors import Conflict, Invalid, NotFound
from ionflux_core.ids import now
from ionflux_core.limits import CANVAS_OUTPUT_BYTES, KIB
from ionflux_core.services import canvas_graph as graph
from ionflux_core.services.canvas_conversion import converted
from ionflux_core.services.canvas_edits import PageEdit, found_page
from ionflux_core.services.canvas_history import CanvasHistory
from ionflux_core.services.canvas_tree import CanvasTree
from ionflux_core.services.canvas_words import bytes_of, checked_content, checked_name
from ionflux_core.storage import canvas as rows
from ionflux_core.storage.engine import Connection

UNDO_DAYS = 30


class Canvas(CanvasTree, CanvasHistory):
    """Use-cases around pages and their blocks; the tree and the history are its two parents.

    Every change of a block is checked by its kind, refused when it would make a block read itself, kept in the page's
    history, and told to whoever looks at the page. What depends on a changed block is marked stale.
    """

    def block(self, workspace_id: str, block_id: str) -> CanvasBlock:
        """One block; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.block(connection, workspace_id, block_id)
        if found is None:
            raise NotFound("There is no such block.", hint="Reload the page.")
        return found

    def add_block(
        self,
        workspace_id: str,
        page_id: str,
        type: str,
        content: Mapping[str, Any] | None = None,
        *,
        place: Place | None = None,
        name: str | None = None,
        by: str = "owner",
    ) -> CanvasBlock:
        """A new block; without a place it lies below all others, without a name it is called after title or type."""
        wanted = registry.kind_of(type).empty().model_dump(mode="json") if content is None else dict(content)
        self._refuse_secrets(workspace_id, checked_content(type, wanted), "The block")

        def work(edit: PageEdit) -> CanvasBlock:
            block = edit.add(type, wanted, place=place, name=name)
            edit.say(f"added {block.name}")
            return block

        return self._edit(workspace_id, page_id, by, work)

    def save_block(
        self,
        workspace_id: str,
        block_id: str,
        *,
        revision: int,
        content: Mapping[str, Any] | None = None,
        name: str | None = None,
        by: str = "owner",
    ) -> CanvasBlock:
        """Give a block another content or name; what is None stays.

        `revision` is the one the author has seen. When someone else has saved meanwhile nothing is kept: Conflict
        `edited_elsewhere`, with the block as it is now in `details["current"]`. Who saves what is there already is no
        conflict. A new name is put into every block that reads this one.
        """
        if content is not None:
            content = self._checked(workspace_id, block_id, content)

        def work(edit: PageEdit, block: CanvasBlock) -> None:
            new_content = block.content if content is None else dict(content)
            new_name = block.name if name is None else checked_name(name)
            if (new_content, new_name) == (block.content, block.name):
                return
            _refuse_old(edit, block, revision)
            if new_name != block.name:
                block = _rename(edit, block, new_name)
            if new_content != block.content:
                block = edit.change(block, content=new_content)
                edit.stale_after(block.name)
                edit.say(f"edited {block.name}")

        self._edit_block(workspace_id, block_id, by, work)
        return self.block(workspace_id, block_id)

    def _checked(self, workspace_id: str, block_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
        checked = checked_content(self.block(workspace_id, block_id).type, content)
        self._refuse_secrets(workspace_id, checked, "The block")
        return checked

    def place_blocks(
        self, workspace_id: str, page_id: str, places: Mapping[str, Place], by: str = "owner"
    ) -> dict[str, Place]:
        """Lay blocks elsewhere; who does it last wins. Blocks that are gone are passed over. Where all lie now."""

        def work(edit: PageEdit) -> dict[str, Place]:
            moved = [edit.blocks[key] for key, place in places.items() if _elsewhere(edit.blocks.get(key), place)]
            for block in moved:
                edit.lay(block, places[block.id])
            if moved:
                edit.say(f"moved {moved[0].name}" if len(moved) == 1 else f"moved {len(moved)} blocks")
            return {block.id: block.place for block in edit.blocks.values()}

        return self._edit(workspace_id, page_id, by, work)

    def convert_block(
        self, workspace_id: str, block_id: str, type: str, by: str = "owner", *, revision: int | None = None
    ) -> CanvasBlock:
        """Make a block one of another kind; its words, and the fields both kinds know, are kept."""
        registry.kind_of(type)

        def work(edit: PageEdit, block: CanvasBlock) -> None:
            _refuse_old(edit, block, revision)
            if block.type == type:
                return
            edit.change(block, type=type, content=checked_content(type, converted(block, type)))
            empty = {"output": None, "output_at": None, "run_id": None, "error": None}
            rows.save_output(edit.connection, workspace_id, block_id, **empty)
            edit.stale_after(block.name)
            edit.say(f"converted {block.name}")

        self._edit_block(workspace_id, block_id, by, work)
        return self.block(workspace_id, block_id)

    def duplicate_block(self, workspace_id: str, block_id: str, by: str = "owner") -> CanvasBlock:
        """A copy of a block below it, under a name of its own."""

        def work(edit: PageEdit, block: CanvasBlock) -> str:
            below = block.place.y + block.place.height
            place = block.place.model_copy(update={"y": min(below, LAST_ROW)})
            for other in list(edit.blocks.values()):
                if other.place.y >= below and _share_columns(other.place, place):
                    edit.lay(other, other.place.model_copy(update={"y": min(other.place.y + place.height, LAST_ROW)}))
            copy = edit.add(block.type, block.content, place=place, name=edit.free(block.name), known=False)
            edit.say(f"copied {block.name}")
            return copy.id

        return self.block(workspace_id, self._edit_block(workspace_id, block_id, by, work))

    def delete_block(self, workspace_id: str, block_id: str, by: str = "owner", *, revision: int | None = None) -> None:
        """Take a block off its page; `restore_block` brings it back within 30 days."""

        def work(edit: PageEdit, block: CanvasBlock) -> None:
            _refuse_old(edit, block, revision)
            edit.remove([block])
            edit.say(f"deleted {block.name}")

        self._edit_block(workspace_id, block_id, by, work)

    def restore_block(
        self, workspace_id: str, block_id: str, by: str = "owner", *, page_id: str | None = None
    ) -> CanvasBlock:
        """Bring a deleted block back, with what it was computed to; under another name when its own is taken."""
        with self._db.glance() as connection:
            its_page = rows.page_of(connection, workspace_id, block_id, deleted=True)
        if its_page is None or page_id not in (None, its_page):
            raise NotFound("This block is gone for good.", hint="Look into the history of the page.")

        def work(edit: PageEdit) -> None:
            deleted = rows.block(edit.connection, workspace_id, block_id, deleted=True)
            if deleted is not None and block_id not in edit.blocks:
                back = edit.bring(deleted)
                edit.check(back)
                edit.stale_after(back.name)
                edit.say(f"brought back {back.name}")

        self._edit(workspace_id, its_page, by, work)
        return self.block(workspace_id, block_id)

    def write_output(
        self, workspace_id: str, block_id: str, computed: Computed, *, revision: int | None = None
    ) -> None:
        """Keep what a block was computed to; it is fresh now, and what reads it is stale when the output differs.

        With the `revision` it was computed from, a block that was edited meanwhile stays stale.
        What is larger than CANVAS_OUTPUT_BYTES is not kept: the block says so, and the run has it whole. A block that
        has been deleted meanwhile is passed over.
        """
        computed = _fitting(computed)

        def work(connection: Connection) -> str | None:
            page_id = rows.page_of(connection, workspace_id, block_id)
            page = rows.page(connection, workspace_id, page_id, lock=True) if page_id else None
            block = rows.block(connection, workspace_id, block_id) if page else None
            if page is None or block is None:
                return None
            rows.save_output(
                connection, workspace_id, block_id, output=computed.output, run_id=computed.run_id,
                stale=revision is not None and revision != block.revision,
                error=computed.error.model_dump() if computed.error else None, output_at=now(),
            )  # fmt: skip
            if computed.output != block.output or block.output_at is None:
                PageEdit(connection, page, self.check_cycles).stale_after(block.name)
            return page.id

        page_id = self._db.write(work)
        if page_id is not None:
            self._changed(workspace_id, page_id)

    def mark_stale(self, workspace_id: str, page_id: str, names: set[str]) -> None:
        """Note that what these blocks show has changed outside the page: they and what reads them are stale."""

        def work(connection: Connection) -> None:
            page = rows.page(connection, workspace_id, page_id, lock=True)
            edit = PageEdit(connection, found_page(page), self.check_cycles)
            edit.stale(names | graph.dependants(edit.blocks.values(), names))

        self._db.write(work)
        self._changed(workspace_id, page_id)

    def purge(self) -> int:
        """Remove for good what was deleted more than 30 days ago; how many blocks."""
        return self._db.write(lambda connection: rows.purge(connection, now() - timedelta(days=UNDO_DAYS)))


def _refuse_old(edit: PageEdit, block: CanvasBlock, revision: int | None) -> None:
    """Raise Conflict with the block as it is now, unless the author has seen just that; None asks for nothing."""
    if revision is None or block.revision == revision:
        return
    current = rows.block(edit.connection, block.workspace_id, block.id) or block
    raise Conflict(
        f"{block.name} was changed elsewhere while you wrote.",
        hint="Compare the two, then save yours again or keep theirs; your text is not lost.",
        code="edited_elsewhere",
        current=current.model_dump(mode="json"),
    )


def _rename(edit: PageEdit, block: CanvasBlock, name: str) -> CanvasBlock:
    if edit.named(name) is not None:
        raise Conflict(f"There is a block {name!r} on this page already.", hint="Choose another name.")
    old = block.name
    block = edit.rename(block, name)
    edit.stale_after(name)
    for other in list(edit.blocks.values()):
        content = graph.renamed(other, old, name)
        if content != other.content:
            edit.rewrite(other, content)
    edit.say(f"renamed {old} to {name}")
    return edit.blocks[block.id]


def _fitting(computed: Computed) -> Computed:
    try:
        size = bytes_of(computed.output)
    except Invalid as error:
        return _refused(computed, error.code, error.message, error.hint)
    if size <= CANVAS_OUTPUT_BYTES:
        return computed
    message = f"The output is larger than {CANVAS_OUTPUT_BYTES // KIB} KiB ({size // KIB} KiB)."
    hint = "Open the run to see all of it, or let the block give less."
    return _refused(computed, "output_too_large", message, hint)


def _refused(computed: Computed, code: str, message: str, hint: str) -> Computed:
    return Computed(error=RunError(code=code, message=message, hint=hint), run_id=computed.run_id)


def _elsewhere(block: CanvasBlock | None, place: Place) -> bool:
    return block is not None and block.place != place


def _share_columns(one: Place, other: Place) -> bool:
    return one.x < other.x + other.width and other.x < one.x + one.width
