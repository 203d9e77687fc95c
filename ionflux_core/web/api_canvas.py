"""The API's pages, their blocks and their history, by the field names of the product's data model."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ionflux_core import limits
from ionflux_core.domain.canvas import COLUMNS, LAST_ROW, CanvasBlock, CanvasPage, PageStatus, Place
from ionflux_core.domain.runs import RunError
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.web import api_lists
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Limit, Reading
from ionflux_core.web.bodies import check_kind, read_body

router = APIRouter(tags=["pages"])

_YAML = "application/yaml"
_TYPES = {"markdown": ("text/markdown", "md"), "html": ("text/html", "html"), "yaml": (_YAML, "yaml")}
_FILE = {"content": {_YAML: {"schema": {"type": "string"}}}}
_PLACES = {"position_x": "x", "position_y": "y", "width": "width", "height": "height", "z_index": "z"}


class PageOut(Answer):
    """A page; `depth` is set in the tree, `icon` is an emoji or the name of a Material symbol."""

    id: str
    parent_page_id: str | None
    title: str
    icon: str
    position: int
    depth: int
    status: PageStatus
    version: int
    created_at: datetime
    updated_at: datetime


class PageList(Answer):
    """A page of the tree, depth first; null is the last page."""

    pages: list[PageOut]
    cursor: int | None


class BlockOut(Answer):
    """A block. Places and sizes are cells of a grid of twelve columns; `stale` says that its output is old."""

    id: str
    page_id: str
    name: str
    type: str
    content: dict[str, Any]
    position_x: int
    position_y: int
    width: int
    height: int
    z_index: int
    revision: int
    stale: bool
    output: Any
    output_at: datetime | None
    run_id: str | None
    error: RunError | None
    created_at: datetime
    updated_at: datetime


class WholePageOut(PageOut):
    """A page with its blocks, from the top left."""

    blocks: list[BlockOut]


class PageVersionOut(Answer):
    """One line of a page's history."""

    version: int
    author: str
    message: str
    created_at: datetime
    updated_at: datetime


class PageDocument(Answer):
    """A page as it was."""

    title: str
    icon: str
    blocks: list[dict[str, Any]]


class NewPage(Body):
    """A page below another one or at the top; `template_id` gives it the blocks of a template."""

    title: str
    icon: str = ""
    parent_page_id: str | None = None
    template_id: str | None = None


class PageChanges(Body):
    """What is left out stays. `parent_page_id` null is the top of the tree; without `position` it becomes the last."""

    title: str | None = None
    icon: str | None = None
    parent_page_id: str | None = None
    position: int | None = Field(None, ge=0)
    status: Literal["active", "archived"] | None = None


class _Places(Body):
    position_x: int | None = Field(None, ge=0, le=COLUMNS - 1)
    position_y: int | None = Field(None, ge=0, le=LAST_ROW)
    width: int | None = Field(None, ge=1, le=COLUMNS)
    height: int | None = Field(None, ge=1, le=60)
    z_index: int | None = Field(None, ge=0, le=1_000)

    def place(self, old: Place) -> Place:
        """The place with what is given here."""
        given = {_PLACES[name]: getattr(self, name) for name in _PLACES if getattr(self, name) is not None}
        return old.model_copy(update=given)


class NewBlock(_Places):
    """A block; without a place it lies below all others, without a name it is called after its title or type."""

    type: str
    content: dict[str, Any] | None = None
    name: str | None = None


class BlockChanges(_Places):
    """What is left out stays. `revision` is the one you have seen; content, name and type need it, places do not."""

    revision: int | None = Field(None, ge=1)
    content: dict[str, Any] | None = None
    name: str | None = None
    type: str | None = None


class TemplateTitle(Body):
    """What a template is called."""

    title: str


@router.get("/pages")
def find_pages(here: Reading, status: PageStatus = "active", cursor: int | None = None, limit: Limit = 50) -> PageList:
    """The tree of pages, each followed by those below it; templates have the status `template_draft`."""
    lines = list(enumerate(here.application.canvas.tree(here.workspace_id, status)))
    rows, following = api_lists.page(lines, lambda line: line[0], cursor=cursor, limit=limit)
    return PageList(pages=[PageOut.model_validate(line) for _, line in rows], cursor=following)


@router.post("/pages", status_code=201)
def create_page(here: Editing, draft: NewPage, response: Response) -> WholePageOut:
    """Make a page."""
    page = here.application.canvas.create(
        here.workspace_id, draft.title, icon=draft.icon, parent_id=draft.parent_page_id,
        template_id=draft.template_id, by=here.who.name,
    )  # fmt: skip
    return _made(page, response)


@router.post("/pages/import", status_code=201, openapi_extra={"requestBody": {"required": True, **_FILE}})
async def import_page(
    here: Editing,
    request: Request,
    response: Response,
    parent_page_id: Annotated[
        str | None, Query(max_length=36, description="Under which page; else at the top.")
    ] = None,
) -> WholePageOut:
    """Make a page of an exported one, sent as YAML; all of it or nothing."""
    check_kind(request, _YAML)
    text = await read_body(request, limits.CANVAS_IMPORT_BYTES)
    bring_in = here.application.canvas_files.import_yaml
    page = await run_in_threadpool(bring_in, here.workspace_id, text, parent_page_id, here.who.name)
    return _made(page, response)


@router.get("/pages/{page_id}")
def get_page(here: Reading, page_id: str) -> WholePageOut:
    """One page with its blocks."""
    return _whole(here.application.canvas.page(here.workspace_id, page_id))


@router.patch("/pages/{page_id}")
def save_page(here: Editing, page_id: str, changes: PageChanges) -> WholePageOut:
    """Rename a page, move it in the tree, archive it with all below it, or bring it back."""
    canvas, by = here.application.canvas, here.who.name
    if changes.status is not None:
        canvas.set_page_status(here.workspace_id, page_id, changes.status, by)
    if {"parent_page_id", "position"} & changes.model_fields_set:
        moves = "parent_page_id" in changes.model_fields_set
        parent = changes.parent_page_id if moves else canvas.page(here.workspace_id, page_id).parent_page_id
        position = limits.CANVAS_PAGES if changes.position is None else changes.position
        canvas.move_page(here.workspace_id, page_id, parent_id=parent, position=position, by=by)
    if changes.title is not None or changes.icon is not None:
        canvas.save_page(here.workspace_id, page_id, title=changes.title, icon=changes.icon, by=by)
    return _whole(canvas.page(here.workspace_id, page_id))


@router.delete("/pages/{page_id}")
def archive_page(here: Editing, page_id: str) -> PageOut:
    """Archive a page with all below it; PATCH with `status` active brings them back."""
    page = here.application.canvas.set_page_status(here.workspace_id, page_id, "archived", here.who.name)
    return PageOut.model_validate(page)


@router.post("/pages/{page_id}/duplicate", status_code=201)
def duplicate_page(here: Editing, page_id: str, response: Response) -> WholePageOut:
    """Copy a page, without those below it."""
    return _made(here.application.canvas.duplicate_page(here.workspace_id, page_id, here.who.name), response)


@router.post("/pages/{page_id}/template", status_code=201)
def save_as_template(here: Editing, page_id: str, wanted: TemplateTitle, response: Response) -> WholePageOut:
    """Make a template of a page as it is now."""
    canvas = here.application.canvas
    return _made(canvas.save_as_template(here.workspace_id, page_id, wanted.title, here.who.name), response)


@router.get("/pages/{page_id}/export", response_class=Response)
def export_page(here: Reading, page_id: str, format: Literal["markdown", "html", "yaml"] = "yaml") -> Response:
    """The page as a file: Markdown or HTML to read, YAML to import."""
    files = here.application.canvas_files
    write = {"markdown": files.markdown, "html": files.html, "yaml": files.yaml}[format]
    text = write(here.workspace_id, page_id)
    media_type, suffix = _TYPES[format]
    title = here.application.canvas.page(here.workspace_id, page_id).title
    name = re.sub("[^0-9A-Za-z]+", "-", title).strip("-")[:60] or "page"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{suffix}"'}
    return Response(text.encode(), media_type=f"{media_type}; charset=utf-8", headers=headers)


@router.get("/pages/{page_id}/blocks")
def find_blocks(
    here: Reading, page_id: str, request: Request, response: Response, offset: api_lists.Place = 0, limit: Limit = 50
) -> list[BlockOut]:
    """The blocks of a page, from the top left."""
    blocks = here.application.canvas.page(here.workspace_id, page_id).blocks[offset : offset + limit + 1]
    return [_block(block) for block in api_lists.part(blocks, request, response, offset=offset, limit=limit)]


@router.post("/pages/{page_id}/blocks", status_code=201)
def add_block(here: Editing, page_id: str, draft: NewBlock, response: Response) -> BlockOut:
    """Put a block on a page."""
    places = draft.model_fields_set & set(_PLACES)
    block = here.application.canvas.add_block(
        here.workspace_id, page_id, draft.type, draft.content, place=draft.place(Place()) if places else None,
        name=draft.name, by=here.who.name,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/pages/{page_id}/blocks/{block.id}"
    return _block(block)


@router.get("/pages/{page_id}/blocks/{block_id}")
def get_block(here: Reading, page_id: str, block_id: str) -> BlockOut:
    """One block."""
    return _block(_on(here, page_id, block_id))


@router.patch("/pages/{page_id}/blocks/{block_id}")
def save_block(here: Editing, page_id: str, block_id: str, changes: BlockChanges) -> BlockOut:
    """Change a block. 409 `edited_elsewhere` when `revision` is old: `current` is the block as it is now."""
    canvas, ws, by = here.application.canvas, here.workspace_id, here.who.name
    block = _on(here, page_id, block_id)
    writes = changes.type is not None or changes.content is not None or changes.name is not None
    if writes and changes.revision is None:
        raise Invalid("revision: it is needed to change what is written.", hint="Send the revision you have seen.")
    revision = changes.revision or 0
    if changes.type is not None and changes.type != block.type:
        revision = canvas.convert_block(ws, block_id, changes.type, by, revision=revision).revision
    if changes.content is not None or changes.name is not None:
        canvas.save_block(ws, block_id, revision=revision, content=changes.content, name=changes.name, by=by)
    if changes.model_fields_set & set(_PLACES):
        canvas.place_blocks(ws, page_id, {block_id: changes.place(block.place)}, by)
    return _block(canvas.block(ws, block_id))


@router.delete("/pages/{page_id}/blocks/{block_id}", status_code=204)
def delete_block(
    here: Editing,
    page_id: str,
    block_id: str,
    revision: Annotated[int | None, Query(ge=1, description="The one you have seen; an old one is refused.")] = None,
) -> None:
    """Take a block off its page; within 30 days it can be restored."""
    _on(here, page_id, block_id)
    here.application.canvas.delete_block(here.workspace_id, block_id, here.who.name, revision=revision)


@router.post("/pages/{page_id}/blocks/{block_id}/restore")
def restore_block(here: Editing, page_id: str, block_id: str) -> BlockOut:
    """Bring a deleted block back."""
    canvas = here.application.canvas
    return _block(canvas.restore_block(here.workspace_id, block_id, here.who.name, page_id=page_id))


@router.post("/pages/{page_id}/blocks/{block_id}/duplicate", status_code=201)
def duplicate_block(here: Editing, page_id: str, block_id: str, response: Response) -> BlockOut:
    """Copy a block below itself."""
    _on(here, page_id, block_id)
    block = here.application.canvas.duplicate_block(here.workspace_id, block_id, here.who.name)
    response.headers["Location"] = f"/api/v1/pages/{page_id}/blocks/{block.id}"
    return _block(block)


@router.get("/pages/{page_id}/versions")
def find_page_versions(
    here: Reading,
    page_id: str,
    request: Request,
    response: Response,
    before: Annotated[int | None, Query(ge=1, le=10**9, description="Only versions before this one.")] = None,
    limit: Limit = 50,
) -> list[PageVersionOut]:
    """The history of a page, newest first; while there is more, the header `Link` says where."""
    rows = here.application.canvas.history(here.workspace_id, page_id, before=before, limit=limit)
    if len(rows) == limit and rows[-1].version > 1:
        following = request.url.include_query_params(before=rows[-1].version, limit=limit)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return [PageVersionOut.model_validate(row) for row in rows]


@router.get("/pages/{page_id}/versions/{version}")
def get_page_version(here: Reading, page_id: str, version: int) -> PageDocument:
    """A page as it was saved as a version."""
    return PageDocument.model_validate(here.application.canvas.version(here.workspace_id, page_id, version))


@router.post("/pages/{page_id}/versions/{version}/restore")
def restore_page_version(here: Editing, page_id: str, version: int) -> WholePageOut:
    """Make a page what it was, as a new version."""
    return _whole(here.application.canvas.restore_version(here.workspace_id, page_id, version, here.who.name))


def _on(here: Here, page_id: str, block_id: str) -> CanvasBlock:
    """The block, if it lies on this page."""
    block = here.application.canvas.block(here.workspace_id, block_id)
    if block.page_id != page_id:
        raise NotFound("There is no such block on this page.", hint="GET /api/v1/pages/{page_id}/blocks lists them.")
    return block


def _block(block: CanvasBlock) -> BlockOut:
    places = {name: getattr(block.place, key) for name, key in _PLACES.items()}
    return BlockOut.model_validate({**block.model_dump(), **places})


def _whole(page: CanvasPage) -> WholePageOut:
    return WholePageOut(**PageOut.model_validate(page).model_dump(), blocks=[_block(block) for block in page.blocks])


def _made(page: CanvasPage, response: Response) -> WholePageOut:
    response.headers["Location"] = f"/api/v1/pages/{page.id}"
    return _whole(page)
