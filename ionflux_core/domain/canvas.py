"""Pages of live blocks: a tree of documents, each a grid of blocks that may read one another."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ionflux_core.domain.runs import RunError

PageStatus = Literal["active", "archived", "template_draft"]

COLUMNS = 12
"""How many cells a page is wide; places and sizes of blocks are counted in cells."""
LAST_ROW = 10_000


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Place(_Read):
    """Where a block lies, in cells of the grid: `x` 0-11 from the left, `y` from the top, at least one cell large.

    `z` says what lies on top where two overlap.
    """

    x: int = Field(0, ge=0, le=COLUMNS - 1)
    y: int = Field(0, ge=0, le=LAST_ROW)
    width: int = Field(6, ge=1, le=COLUMNS)
    height: int = Field(4, ge=1, le=60)
    z: int = Field(0, ge=0, le=1_000)


class PageLine(_Read):
    """One line of the tree of pages; `depth` counts from 0 and is set where a tree is asked for."""

    id: str
    workspace_id: str
    parent_page_id: str | None = None
    title: str
    icon: str = ""
    position: int
    status: PageStatus = "active"
    version: int
    depth: int = 0
    created_at: datetime
    updated_at: datetime


class CanvasBlock(_Read):
    """A block as it is stored. `name` is what others call it in `{{ blocks.name.output }}`; unique on its page.

    `revision` counts edits of the content: whoever saves says which one they saw. `output` is what others read of a
    block that computes; `stale` says that something it was computed from has changed since `output_at`.
    """

    id: str
    workspace_id: str
    page_id: str
    name: str
    type: str
    content: dict[str, Any]
    place: Place
    revision: int
    stale: bool = False
    output: Any = None
    output_at: datetime | None = None
    run_id: str | None = None
    error: RunError | None = None
    created_at: datetime
    updated_at: datetime


class BlockDraft(_Read):
    """A block that is yet to be put on a page: without a name or a place it gets one."""

    type: str
    content: dict[str, Any] = {}
    name: str | None = None
    place: Place | None = None


class CanvasPage(PageLine):
    """A page with its blocks, from the top left to the bottom right."""

    blocks: list[CanvasBlock] = []


class PageVersion(_Read):
    """One line of a page's history."""

    page_id: str
    version: int
    author: str
    message: str
    created_at: datetime
    updated_at: datetime
