"""What a page was before: every version kept, and brought back as a new one."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.canvas import CanvasBlock, CanvasPage, PageVersion, Place
from ionflux_core.errors import NotFound
from ionflux_core.limits import PAGE_ROWS
from ionflux_core.services import canvas_graph as graph
from ionflux_core.services.canvas_edits import RESTORED, CanvasEdits, PageEdit, found_page
from ionflux_core.storage import canvas as rows


class CanvasHistory(CanvasEdits):
    """Use-cases around the versions of a page; the newest 500 are kept."""

    def history(self, workspace_id: str, page_id: str, before: int | None = None, limit: int = 50) -> list[PageVersion]:
        """Lines of a page's history, newest first; what one author did within two minutes is one line."""
        with self._db.read() as connection:
            found_page(rows.page(connection, workspace_id, page_id))
            return rows.versions(connection, workspace_id, page_id, before=before, limit=min(limit, PAGE_ROWS))

    def version(self, workspace_id: str, page_id: str, version: int) -> dict[str, Any]:
        """The page as it was: {title, icon, blocks: [{id, name, type, content, place}]}."""
        with self._db.glance() as connection:
            document = rows.version(connection, workspace_id, page_id, version)
        if document is None:
            raise NotFound(f"There is no version {version} of this page.", hint="Choose one from its history.")
        return document

    def restore_version(self, workspace_id: str, page_id: str, version: int, by: str = "owner") -> CanvasPage:
        """Make the page what it was, as a new version: what it is now stays in the history."""
        document = self.version(workspace_id, page_id, version)
        self._refuse_secrets(workspace_id, document, "The version")

        def work(edit: PageEdit) -> None:
            now_here = dict(edit.blocks)
            edit.page = edit.page.model_copy(update={"title": document["title"], "icon": document["icon"]})
            # All are taken off first, so that two blocks may have exchanged their names meanwhile.
            edit.remove(now_here.values())
            known = rows.of_page(edit.connection, workspace_id, page_id)
            changed = [_put_back(edit, then, now_here, known) for then in document["blocks"]]
            edit.stale_after(*filter(None, changed))
            edit.say(f"{RESTORED}{version}")

        self._edit(workspace_id, page_id, by, work, alone=True)
        with self._db.read() as connection:
            line = found_page(rows.page(connection, workspace_id, page_id))
            return CanvasPage(**line.model_dump(), blocks=rows.blocks(connection, workspace_id, page_id))


def _put_back(edit: PageEdit, then: dict[str, Any], now_here: dict[str, CanvasBlock], known: set[str]) -> str | None:
    """Put a block back as it was, under its own id while it is not purged; its name when it was another just now."""
    place = Place.model_validate(then["place"])
    if then["id"] not in known:
        return edit.put(then["type"], then["content"], place=place, name=then["name"], known=False).name
    last = now_here.get(then["id"]) or rows.block(edit.connection, edit.page.workspace_id, then["id"], deleted=True)
    assert last is not None
    same = (last.type, last.content) == (then["type"], then["content"])
    values = {key: then[key] for key in ("name", "type", "content")}
    back = last.model_copy(update={**values, "place": place, "revision": last.revision + 1})
    edit.bring(back if same else back.model_copy(update={"stale": graph.may_be_stale(back)}))
    return None if same and then["id"] in now_here else then["name"]
