"""A page as the browser draws it: one line for each block, whatever has become of what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import BlockKind, Content
from ionflux_core.domain.canvas import CanvasBlock, CanvasPage
from ionflux_core.errors import IonfluxError
from ionflux_core.limits import CANVAS_VIEW_BYTES, KIB
from ionflux_core.services.canvas_graph import reads
from ionflux_core.services.surroundings import PageSurroundings
from ionflux_core.storage.engine import dump_json

CONTENT_BYTES: Final = 40 * KIB
"""Contents that are larger are not sent for editing in place."""


def lines(page: CanvasPage, here: PageSurroundings, busy: Callable[[CanvasBlock], bool]) -> list[dict[str, Any]]:
    """One line for each block, as `VIEWS` of the board wants it; a block that fails says so and breaks no other."""
    return [_line(block, here, busy(block)) for block in page.blocks]


def _line(block: CanvasBlock, here: PageSurroundings, busy: bool) -> dict[str, Any]:
    kind = registry.kinds().get(block.type)
    place = block.place
    line: dict[str, Any] = {
        "id": block.id, "name": block.name, "type": block.type, "title": "", "icon": kind.icon if kind else "help",
        "x": place.x, "y": place.y, "width": place.width, "height": place.height, "revision": block.revision,
        "stale": block.stale, "computes": bool(kind and kind.computes), "busy": busy, "status": None,
        "age": block.output_at.isoformat() if block.output_at else None, "error": None,
    }  # fmt: skip
    here.problems.clear()
    try:
        if kind is None:
            registry.kind_of(block.type)
        else:
            _describe(line, kind, block, here)
    except IonfluxError as error:
        line["view"] = {"state": "failed", "note": error.message}
        line["error"] = _error(error)
    problem = here.problems[0] if here.problems else None
    if problem is not None and line["error"] is None:
        line["error"] = _error(problem)
    line["view"]["references"] = sorted(reads(block))
    _fit(line, block)
    return line


def _describe(line: dict[str, Any], kind: BlockKind[Any], block: CanvasBlock, here: PageSurroundings) -> None:
    content: Content = registry.checked(block.type, block.content)
    line["stale"] = block.stale and kind.computes and kind.ready(content)
    if block.error is not None:
        error = block.error
        line["error"] = {"message": error.message, "hint": error.hint, "run": block.run_id}
    line["status"] = _standing(line, kind, block)
    own = kind.line(content, block, here)
    busy = line["busy"] or own.get("busy", False)
    line |= {**own, "busy": busy, "error": own.get("error") or line["error"]}
    line["title"] = str(getattr(content, "title_text", "") or own.get("title") or "")
    line["view"] = kind.view(content, block, here)


def _standing(line: dict[str, Any], kind: BlockKind[Any], block: CanvasBlock) -> dict[str, str] | None:
    if not kind.computes:
        return None
    if block.error is not None:
        return {"word": "Failed", "tone": "red"}
    if block.output_at is None:
        return {"word": "Not run", "tone": "gray"}
    return {"word": "Out of date", "tone": "orange"} if line["stale"] else {"word": "Up to date", "tone": "green"}


def _error(error: IonfluxError) -> dict[str, Any]:
    return {"message": error.message, "hint": error.hint, "run": None}


def _fit(line: dict[str, Any], block: CanvasBlock) -> None:
    """Add the content where it is small enough, and leave out what makes the view larger than a browser is sent."""
    view = line["view"]
    content = len(dump_json(block.content).encode())
    view["content"] = block.content if content <= CONTENT_BYTES else None
    if view["content"] is None:
        view["editable"] = False
    size = len(dump_json(view).encode())
    if size > CANVAS_VIEW_BYTES and view["content"] is not None:
        view["content"], view["editable"] = None, False
        size -= content
    if size > CANVAS_VIEW_BYTES:
        line["view"] = {
            "state": "failed", "note": "This block is too large to be drawn. Open it to see all of it.",
            "references": view["references"][:20], "content": None, "editable": False,
        }  # fmt: skip
