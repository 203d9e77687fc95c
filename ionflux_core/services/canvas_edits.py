"""How a page is changed: in one transaction, alone on its page, and never without a line in its history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from ionflux_core.blocks import registry
from ionflux_core.domain.canvas import LAST_ROW, CanvasBlock, CanvasPage, PageLine, Place
from ionflux_core.errors import Conflict, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.limits import CANVAS_BLOCKS, CANVAS_PAGE_BYTES, CANVAS_VERSIONS, MIB
from ionflux_core.services import canvas_graph as graph
from ionflux_core.services.canvas_words import bytes_of, checked_content, checked_name, free_name, name_for
from ionflux_core.services.live import Live
from ionflux_core.storage import canvas as rows
from ionflux_core.storage.engine import Connection, Database

TOGETHER = timedelta(minutes=2)
"""What one author does within this time becomes one version."""
RESTORED = "restored version "
_MESSAGE_CHARS = 300
T = TypeVar("T")


class PageEdit:
    """One change of one page inside its transaction: what the page holds, and how it becomes otherwise."""

    def __init__(
        self,
        connection: Connection,
        page: PageLine,
        check_cycles: Callable[[CanvasPage, CanvasBlock], None],
    ) -> None:
        self.connection = connection
        self.page = page
        self.at = now()
        self.blocks = {block.id: block for block in rows.blocks(connection, page.workspace_id, page.id, outputs=False)}
        self.said: list[str] = []
        self._check_cycles = check_cycles

    def block(self, block_id: str) -> CanvasBlock:
        """A block of the page, without its output; NotFound when it is gone."""
        found = self.blocks.get(block_id)
        if found is None:
            raise NotFound("There is no such block.", hint="Reload the page.")
        return found

    def named(self, name: str) -> CanvasBlock | None:
        """The block of this name."""
        return next((block for block in self.blocks.values() if block.name == name), None)

    def names(self) -> set[str]:
        """The names that are taken."""
        return {block.name for block in self.blocks.values()}

    def free(self, name: str) -> str:
        """The name, or a like one that nobody has."""
        return free_name(name, self.names())

    def below(self) -> int:
        """The first row of the grid under all blocks; the last row there is when they reach so far."""
        return min(max((block.place.y + block.place.height for block in self.blocks.values()), default=0), LAST_ROW)

    def add(
        self,
        type: str,
        content: Mapping[str, Any],
        *,
        place: Place | None = None,
        name: str | None = None,
        known: bool = True,
    ) -> CanvasBlock:
        """Put a block on the page; Invalid when it would read itself. What reads its name is stale."""
        block = self.put(type, content, place=place, name=name, known=known)
        self.check(block)
        self.stale_after(block.name)
        return block

    def put(
        self,
        type: str,
        content: Mapping[str, Any],
        *,
        place: Place | None = None,
        name: str | None = None,
        known: bool = True,
    ) -> CanvasBlock:
        """The same for one of many, which are checked together at the end.

        `known` is False for the content of a kind that today's program may not know.
        """
        if len(self.blocks) >= CANVAS_BLOCKS:
            raise LimitExceeded(f"A page holds at most {CANVAS_BLOCKS} blocks.", hint="Make another page.")
        kind = registry.kind_of(type) if known else registry.kinds().get(type)
        stored = checked_content(type, content) if known else dict(content)
        if name is not None and checked_name(name) in self.names():
            raise Conflict(f"There is a block {name!r} on this page already.", hint="Choose another name.")
        size = kind.size if kind else Place()
        block = CanvasBlock(
            id=new_id(), workspace_id=self.page.workspace_id, page_id=self.page.id,
            name=name or self.free(name_for(type, stored)),
            type=type, content=stored, place=place or size.model_copy(update={"x": 0, "y": self.below()}),
            revision=1, created_at=self.at, updated_at=self.at,
        )  # fmt: skip
        block = block.model_copy(update={"stale": graph.may_be_stale(block)})
        self.blocks[block.id] = block
        rows.insert_block(self.connection, block)
        return block

    def change(self, block: CanvasBlock, **values: Any) -> CanvasBlock:
        """Give a block another content or type: a new revision, and what was computed from the old one is stale."""
        return self._revise(block, stale=graph.may_be_stale(block.model_copy(update=values)), **values)

    def rename(self, block: CanvasBlock, name: str) -> CanvasBlock:
        """Give a block another name; those who read it are not touched here."""
        return self._revise(block, name=name)

    def rewrite(self, block: CanvasBlock, content: Mapping[str, Any]) -> CanvasBlock:
        """Write the content otherwise, meaning the same: nothing becomes stale."""
        known = block.type in registry.kinds()
        return self._revise(block, content=checked_content(block.type, content) if known else dict(content))

    def _revise(self, block: CanvasBlock, **values: Any) -> CanvasBlock:
        changed = block.model_copy(update={**values, "revision": block.revision + 1, "updated_at": self.at})
        self.blocks[block.id] = changed
        self.check(changed)
        rows.save_block(self.connection, changed)
        return changed

    def lay(self, block: CanvasBlock, place: Place) -> None:
        """Put a block elsewhere; its revision stays, for nobody's text is touched."""
        self.blocks[block.id] = block.model_copy(update={"place": place})
        rows.save_block(self.connection, self.blocks[block.id])

    def remove(self, blocks: Iterable[CanvasBlock]) -> None:
        """Take blocks off the page; what has read them is stale."""
        gone = list(blocks)
        for block in gone:
            self.blocks.pop(block.id)
        rows.remove_blocks(self.connection, self.page.workspace_id, [block.id for block in gone], self.at)
        self.stale_after(*(block.name for block in gone))

    def bring(self, block: CanvasBlock) -> CanvasBlock:
        """Put a block on the page again that was taken off; under another name when its own is taken.

        What reads it is neither checked nor marked: whoever brings many back does so once at the end.
        """
        if len(self.blocks) >= CANVAS_BLOCKS:
            raise LimitExceeded(f"A page holds at most {CANVAS_BLOCKS} blocks.", hint="Delete another one first.")
        back = block.model_copy(update={"name": self.free(block.name), "updated_at": self.at})
        self.blocks[back.id] = back
        rows.save_block(self.connection, back, deleted_at=None)
        return back

    def stale(self, names: Collection[str]) -> None:
        """Mark those of these blocks that compute."""
        named = [block for block in self.blocks.values() if block.name in names and not block.stale]
        marked = [block for block in named if graph.may_be_stale(block)]
        for block in marked:
            self.blocks[block.id] = block.model_copy(update={"stale": True})
        rows.mark_stale(self.connection, self.page.workspace_id, [block.id for block in marked])

    def stale_after(self, *names: str) -> None:
        """Mark everything that reads these blocks, directly or through others."""
        self.stale(graph.dependants(self.blocks.values(), names))

    def say(self, what: str) -> None:
        """What the history will say of this edit."""
        self.said.append(what)

    def document(self) -> dict[str, Any]:
        """The page as its history keeps it: what people wrote, without what was computed."""
        order = sorted(self.blocks.values(), key=lambda block: (block.place.y, block.place.x, block.id))
        return {
            "title": self.page.title,
            "icon": self.page.icon,
            "blocks": [
                {
                    "id": block.id,
                    "name": block.name,
                    "type": block.type,
                    "content": block.content,
                    "place": block.place.model_dump(),
                }
                for block in order
            ],
        }

    def check(self, block: CanvasBlock) -> None:
        """Raise Invalid, with the path, when the blocks of the page read one another in a circle."""
        # A block of a kind nobody knows is kept as it is: nothing is computed from it.
        if block.type in registry.kinds():
            self._check_cycles(CanvasPage(**self.page.model_dump(), blocks=list(self.blocks.values())), block)


class CanvasEdits:
    """What every part of the canvas shares: the database, who is told, and the frame of an edit."""

    def __init__(self, db: Database, live: Live, refuse_secrets: Callable[[str, Any, str], None]) -> None:
        self._db = db
        self._live = live
        self._refuse_secrets = refuse_secrets
        self.check_cycles: Callable[[CanvasPage, CanvasBlock], None] = graph.refuse_cycle

    def _edit(
        self, workspace_id: str, page_id: str, by: str, work: Callable[[PageEdit], T], *, alone: bool = False
    ) -> T:
        """What `work` returns; the page gets a version (`alone`: one of its own), and whoever looks at it is told."""

        def change(connection: Connection) -> T:
            page = self._locked(connection, workspace_id, page_id)
            edit = PageEdit(connection, page, self.check_cycles)
            answer = work(edit)
            if edit.said:
                self._keep(edit, by, alone=alone)
            return answer

        answer = self._db.write(change)
        self._changed(workspace_id, page_id)
        return answer

    def _edit_block(self, workspace_id: str, block_id: str, by: str, work: Callable[[PageEdit, CanvasBlock], T]) -> T:
        """The same for the page of a block."""
        with self._db.glance() as connection:
            page_id = rows.page_of(connection, workspace_id, block_id)
        if page_id is None:
            raise NotFound("There is no such block.", hint="Reload the page.")
        return self._edit(workspace_id, page_id, by, lambda edit: work(edit, edit.block(block_id)))

    @staticmethod
    def _locked(connection: Connection, workspace_id: str, page_id: str) -> PageLine:
        page = found_page(rows.page(connection, workspace_id, page_id, lock=True))
        if page.status == "archived":
            raise Conflict(f"The page {page.title!r} is archived.", hint="Bring it back before you change it.")
        return page

    def _keep(self, edit: PageEdit, by: str, *, alone: bool) -> None:
        """Add to the history, or go on with its newest line when the same author wrote it a moment ago."""
        page, document = edit.page, edit.document()
        if bytes_of(document) > CANVAS_PAGE_BYTES:
            raise LimitExceeded(
                f"The page would be larger than {CANVAS_PAGE_BYTES // MIB} MiB.", hint="Make a second page."
            )
        newest = next(iter(rows.versions(edit.connection, page.workspace_id, page.id, limit=1)), None)
        same = newest is not None and newest.author == by and edit.at - newest.created_at < TOGETHER
        together = same and not alone and newest is not None and not newest.message.startswith(RESTORED)
        said = [*(newest.message.split(", ") if together and newest else []), *edit.said]
        number = page.version if together else (newest.version if newest else 0) + 1
        rows.save_version(edit.connection, {
            "page_id": page.id, "version": number, "workspace_id": page.workspace_id, "document": document,
            "author": by[:200], "message": ", ".join(dict.fromkeys(said))[:_MESSAGE_CHARS],
            "created_at": edit.at, "updated_at": edit.at,
        })  # fmt: skip
        values = {"title": page.title, "icon": page.icon, "version": number}
        rows.save_page(edit.connection, page.workspace_id, page.id, edit.at, **values)
        if number > CANVAS_VERSIONS and not together:
            rows.forget_versions(edit.connection, page.workspace_id, page.id, number - CANVAS_VERSIONS)

    def _changed(self, workspace_id: str, page_id: str) -> None:
        self._live.changed(workspace_id, f"canvas:{page_id}")


def found_page(page: PageLine | None) -> PageLine:
    """The page; NotFound when it is not there."""
    if page is None:
        raise NotFound("There is no such page.", hint="Choose one from the list of pages.")
    return page
