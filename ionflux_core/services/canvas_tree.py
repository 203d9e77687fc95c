"""The tree of pages: nesting, order, archive, copies and templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ionflux_core.domain.canvas import BlockDraft, CanvasBlock, CanvasPage, PageLine, PageStatus
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.limits import CANVAS_DEPTH, CANVAS_PAGES
from ionflux_core.services.canvas_edits import CanvasEdits, PageEdit, found_page
from ionflux_core.services.canvas_words import TITLE_CHARS, checked_icon, checked_title
from ionflux_core.storage import canvas as rows
from ionflux_core.storage.engine import Connection

_COPY = " (copy)"


class CanvasTree(CanvasEdits):
    """Use-cases around pages as a whole. A page lies below another one, at a place among its siblings."""

    def tree(self, workspace_id: str, status: PageStatus = "active") -> list[PageLine]:
        """The pages of a status, each followed by those below it, with their depth."""
        with self._db.glance() as connection:
            return _in_order(rows.pages(connection, workspace_id, status))

    def templates(self, workspace_id: str) -> list[PageLine]:
        """What new pages can be made from, by title."""
        return sorted(self.tree(workspace_id, "template_draft"), key=lambda page: page.title.casefold())

    def page(self, workspace_id: str, page_id: str) -> CanvasPage:
        """A page with its blocks; NotFound when it is not there. Archived ones open, too, and cannot be changed."""
        with self._db.read() as connection:
            line = found_page(rows.page(connection, workspace_id, page_id))
            return CanvasPage(**line.model_dump(), blocks=rows.blocks(connection, workspace_id, page_id))

    def breadcrumbs(self, workspace_id: str, page_id: str) -> list[PageLine]:
        """The way from the top of the tree to a page, the page itself last."""
        with self._db.glance() as connection:
            by_id = {page.id: page for page in rows.pages(connection, workspace_id)}
        way = [found_page(by_id.get(page_id))]
        while way[0].parent_page_id in by_id and len(way) <= CANVAS_DEPTH:
            way.insert(0, by_id[way[0].parent_page_id])
        return [page.model_copy(update={"depth": depth}) for depth, page in enumerate(way)]

    def create(
        self,
        workspace_id: str,
        title: str,
        *,
        parent_id: str | None = None,
        icon: str = "",
        template_id: str | None = None,
        blocks: Sequence[BlockDraft] = (),
        by: str = "owner",
        said: str = "made",
    ) -> CanvasPage:
        """A new page, the last one below its parent: with the blocks of a template, and with these; all or nothing.

        `said` is what its history begins with.
        """
        title, icon = checked_title(title), checked_icon(icon)
        self._refuse_secrets(workspace_id, [block.content for block in blocks], "The page")

        def fill(edit: PageEdit) -> None:
            if template_id is not None:
                template = found_page(rows.page(edit.connection, workspace_id, template_id))
                if template.status != "template_draft":
                    raise Conflict(f"{template.title!r} is no template.", hint="Save it as a template first.")
                copy_blocks(edit, rows.blocks(edit.connection, workspace_id, template_id, outputs=False))
                edit.page = edit.page.model_copy(update={"icon": icon or template.icon})
            put = [edit.put(each.type, each.content, place=each.place, name=each.name) for each in blocks]
            for block in put[-1:]:
                edit.check(block)
            edit.say("made from a template" if template_id is not None else said)

        return self._make(workspace_id, title, icon, by, fill, parent_id=parent_id)

    def write_page(
        self,
        workspace_id: str,
        page_id: str,
        title: str,
        blocks: Sequence[BlockDraft],
        *,
        parent_id: str | None = None,
        icon: str = "",
        by: str,
    ) -> CanvasPage:
        """The page with this id, made or written anew with these blocks; what was there stays in its history."""
        title, icon = checked_title(title), checked_icon(icon)
        self._refuse_secrets(workspace_id, [title, *(block.content for block in blocks)], "The page")

        def fill(edit: PageEdit) -> None:
            edit.remove(list(edit.blocks.values()))
            edit.page = edit.page.model_copy(update={"title": title, "icon": icon})
            for each in blocks:
                edit.put(each.type, each.content, place=each.place, name=each.name)
            for block in list(edit.blocks.values())[-1:]:
                edit.check(block)
            edit.say(f"written by {by}")

        with self._db.glance() as connection:
            there = rows.page(connection, workspace_id, page_id) is not None
        if not there:
            return self._make(workspace_id, title, icon, by, fill, parent_id=parent_id, page_id=page_id)
        self._edit(workspace_id, page_id, by, fill, alone=True)
        return self.page(workspace_id, page_id)

    def duplicate_page(self, workspace_id: str, page_id: str, by: str = "owner") -> CanvasPage:
        """A copy of a page behind it, with what its blocks were computed to; pages below it are not copied."""
        source = self.page(workspace_id, page_id)

        def fill(edit: PageEdit) -> None:
            copy_blocks(edit, source.blocks, outputs=True)
            edit.say("copied from another page")

        title = f"{source.title[: TITLE_CHARS - len(_COPY)]}{_COPY}"
        if source.status == "template_draft":
            return self._make(workspace_id, title, source.icon, by, fill, status="template_draft")
        copy = self._make(workspace_id, title, source.icon, by, fill, parent_id=self._living(source))
        if source.status == "active":
            self.move_page(workspace_id, copy.id, parent_id=copy.parent_page_id, position=source.position + 1)
        return self.page(workspace_id, copy.id)

    def _living(self, page: PageLine) -> str | None:
        """The page's parent, unless that is archived."""
        with self._db.glance() as connection:
            parent = page.parent_page_id and rows.page(connection, page.workspace_id, page.parent_page_id)
        return parent.id if parent and parent.status == "active" else None

    def save_as_template(self, workspace_id: str, page_id: str, title: str, by: str = "owner") -> CanvasPage:
        """A template with the blocks of a page as they are now, without what was computed."""
        source, title = self.page(workspace_id, page_id), checked_title(title)

        def fill(edit: PageEdit) -> None:
            copy_blocks(edit, source.blocks)
            edit.say("saved as a template")

        return self._make(workspace_id, title, source.icon, by, fill, status="template_draft")

    def save_page(
        self, workspace_id: str, page_id: str, *, title: str | None = None, icon: str | None = None, by: str = "owner"
    ) -> CanvasPage:
        """Give a page another title or icon; what is None stays."""
        changes = {} if title is None else {"title": checked_title(title)}
        changes |= {} if icon is None else {"icon": checked_icon(icon)}
        self._refuse_secrets(workspace_id, changes, "The title")

        def work(edit: PageEdit) -> None:
            changed = {key: value for key, value in changes.items() if getattr(edit.page, key) != value}
            edit.page = edit.page.model_copy(update=changed)
            for key in changed:
                edit.say(f"changed the {key}")

        self._edit(workspace_id, page_id, by, work)
        return self.page(workspace_id, page_id)

    def move_page(
        self, workspace_id: str, page_id: str, *, parent_id: str | None, position: int, by: str = "owner"
    ) -> CanvasPage:
        """Put a page, with all below it, at a place (from 0) below another page, or at the top of the tree."""

        def work(connection: Connection) -> None:
            rows.lock_tree(connection, workspace_id)
            pages = {page.id: page for page in rows.pages(connection, workspace_id, "active")}
            page = self._active(connection, pages, workspace_id, page_id)
            _refuse_loop(pages, page, parent_id)
            siblings = [each for each in _children(pages.values(), parent_id, pages) if each.id != page_id]
            siblings.insert(max(0, min(position, len(siblings))), page)
            rows.save_page(connection, workspace_id, page_id, None, parent_page_id=parent_id)
            _number(connection, siblings)
            if page.parent_page_id != parent_id:
                left = _children(pages.values(), page.parent_page_id, pages)
                _number(connection, [each for each in left if each.id != page_id])

        self._db.write(work)
        self._changed(workspace_id, page_id)
        return self.page(workspace_id, page_id)

    def set_page_status(self, workspace_id: str, page_id: str, status: PageStatus, by: str = "owner") -> CanvasPage:
        """Archive a page with all below it, or bring it back with all below it.

        One that is brought back while the page above it is archived comes to the top of the tree.
        """
        if status not in ("archived", "active"):
            raise Invalid("A page is archived or active.", hint="Save it as a template to make one.")

        def work(connection: Connection) -> None:
            rows.lock_tree(connection, workspace_id)
            everything = rows.pages(connection, workspace_id)
            pages = {page.id: page for page in everything if page.status != "template_draft"}
            page = found_page(rows.page(connection, workspace_id, page_id))
            if page.status == status:
                return
            moving = [page, *_below(pages.values(), page_id)]
            active = {each.id: each for each in pages.values() if each.status == "active"}
            if status == "active" and not _has_room(active, page.parent_page_id, moving):
                rows.save_page(connection, workspace_id, page_id, None, parent_page_id=None)
            for each in moving:
                rows.save_page(connection, workspace_id, each.id, None, status=status)
            _number_all(connection, rows.pages(connection, workspace_id, "active"), last=page_id)

        self._db.write(work)
        self._changed(workspace_id, page_id)
        return self.page(workspace_id, page_id)

    @staticmethod
    def _active(connection: Connection, pages: Mapping[str, PageLine], workspace_id: str, page_id: str) -> PageLine:
        if page_id not in pages:
            page = found_page(rows.page(connection, workspace_id, page_id))
            what = "archived" if page.status == "archived" else "a template"
            raise Conflict(f"The page {page.title!r} is {what}.", hint="Only active pages have a place in the tree.")
        return pages[page_id]

    def _make(
        self,
        workspace_id: str,
        title: str,
        icon: str,
        by: str,
        fill: Callable[[PageEdit], None],
        *,
        parent_id: str | None = None,
        status: PageStatus = "active",
        page_id: str | None = None,
    ) -> CanvasPage:
        """Insert a page and fill it in one transaction; its first version says how it came to be."""
        self._refuse_secrets(workspace_id, title, "The title")
        wanted, page_id = page_id, page_id or new_id()

        def work(connection: Connection) -> None:
            rows.lock_tree(connection, workspace_id)
            if wanted is not None and rows.is_taken(connection, wanted):
                raise NotFound("There is no such page.", hint="Choose one from the tree.")
            if rows.count(connection, workspace_id) >= CANVAS_PAGES:
                raise LimitExceeded(f"A workspace holds at most {CANVAS_PAGES} pages.", hint="Make another workspace.")
            pages = {page.id: page for page in rows.pages(connection, workspace_id, status)}
            _refuse_depth(pages, parent_id, 1)
            at = now()
            rows.insert_page(connection, {
                "id": page_id, "workspace_id": workspace_id, "parent_page_id": parent_id, "title": title,
                "icon": icon, "position": len(_children(pages.values(), parent_id, pages)), "status": status,
                "version": 1, "created_at": at, "updated_at": at,
            })  # fmt: skip
            edit = PageEdit(connection, self._locked(connection, workspace_id, page_id), self.check_cycles)
            fill(edit)
            self._keep(edit, by, alone=True)

        self._db.write(work)
        self._changed(workspace_id, page_id)
        return self.page(workspace_id, page_id)


def copy_blocks(edit: PageEdit, blocks: Iterable[CanvasBlock], *, outputs: bool = False) -> None:
    """Put copies of blocks on an empty page under the same names, so that what reads one another still does."""
    for block in blocks:
        copy = edit.put(block.type, block.content, place=block.place, name=block.name, known=False)
        if outputs:
            kept = block.model_dump(include={"output", "output_at", "run_id", "error", "stale"})
            rows.save_output(edit.connection, copy.workspace_id, copy.id, **kept)


def _in_order(pages: list[PageLine]) -> list[PageLine]:
    """Pages depth first; one whose parent is not among them stands at the top."""
    by_id = {page.id: page for page in pages}
    children: dict[str | None, list[PageLine]] = {}
    for page in pages:
        children.setdefault(page.parent_page_id if page.parent_page_id in by_id else None, []).append(page)
    ordered: list[PageLine] = []
    waiting = [(page, 0) for page in reversed(children.get(None, []))]
    while waiting:
        page, depth = waiting.pop()
        ordered.append(page.model_copy(update={"depth": depth}))
        waiting += [(child, depth + 1) for child in reversed(children.get(page.id, []))]
    return ordered


def _children(pages: Iterable[PageLine], parent_id: str | None, known: Mapping[str, Any]) -> list[PageLine]:
    """The pages below one; at the top also those whose parent is not among the known ones."""

    def parent(page: PageLine) -> str | None:
        return page.parent_page_id if page.parent_page_id in known else None

    return [page for page in pages if parent(page) == (parent_id if parent_id in known else None)]


def _below(pages: Iterable[PageLine], page_id: str) -> list[PageLine]:
    """Every page under one, at any depth."""
    children: dict[str | None, list[PageLine]] = {}
    for page in pages:
        children.setdefault(page.parent_page_id, []).append(page)
    found: list[PageLine] = []
    waiting = [page_id]
    while waiting:
        fresh = children.pop(waiting.pop(), [])
        found += fresh
        waiting += [page.id for page in fresh]
    return found


def _refuse_loop(pages: Mapping[str, PageLine], page: PageLine, parent_id: str | None) -> None:
    below = {each.id: each for each in _below(pages.values(), page.id)}
    if parent_id == page.id or parent_id in below:
        inside = below[parent_id].title if parent_id in below else page.title
        raise Conflict(
            f"{page.title!r} cannot lie inside {inside!r}: that page is part of it.", hint="Choose another page."
        )
    _refuse_depth(pages, parent_id, _height([page, *below.values()]))


def _height(pages: list[PageLine]) -> int:
    return max(page.depth for page in _in_order(pages)) + 1


def _has_room(pages: Mapping[str, PageLine], parent_id: str | None, moving: list[PageLine]) -> bool:
    try:
        _refuse_depth(pages, parent_id, _height(moving))
    except (NotFound, LimitExceeded):
        return False
    return True


def _refuse_depth(pages: Mapping[str, PageLine], parent_id: str | None, height: int) -> None:
    """Raise when something of this height has no room below a page, or when that page is not there."""
    depth, above = 0, parent_id
    if parent_id is not None and parent_id not in pages:
        raise NotFound("There is no such page to put this under.", hint="Choose one from the tree.")
    while above is not None and above in pages and depth <= CANVAS_DEPTH:
        depth, above = depth + 1, pages[above].parent_page_id
    if depth + height > CANVAS_DEPTH:
        raise LimitExceeded(f"Pages nest at most {CANVAS_DEPTH} levels deep.", hint="Put it further up.")


def _number(connection: Connection, siblings: Iterable[PageLine]) -> None:
    """Give siblings their places in this order; only those that change are written."""
    for position, page in enumerate(siblings):
        if page.position != position:
            rows.save_page(connection, page.workspace_id, page.id, None, position=position)


def _number_all(connection: Connection, pages: list[PageLine], *, last: str) -> None:
    """Number every page among its siblings; one of them is the last of its own."""
    known = {page.id for page in pages}
    families: dict[str | None, list[PageLine]] = {}
    for page in sorted(pages, key=lambda page: page.id == last):
        families.setdefault(page.parent_page_id if page.parent_page_id in known else None, []).append(page)
    for siblings in families.values():
        _number(connection, siblings)
