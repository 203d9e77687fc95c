"""Pages of the workspace."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from pydantic import Field

from ionflux_core.limits import CANVAS_BLOCKS, TEXT_CHARS
from ionflux_core.sdk import Context
from ionflux_core.transforms.base import NONE, Example, Name, transform, unfit


class Written(TypedDict):
    """A page that was written."""

    page_id: Annotated[str, "The page's id; empty in a dry run, which writes nothing."]
    link: Annotated[str, "Its address in the product; empty in a dry run."]


@transform(
    "canvas.write_block",
    title="Write a page",
    examples=[Example("A text", {"title": "Stock of today", "markdown": "**4** of A1 are left."},
                      {"page_id": "page-1", "link": "canvas?page=page-1"})],
)  # fmt: skip
def write_block(
    ctx: Context,
    title: Annotated[Name, "The page's title."],
    markdown: Annotated[
        str, "A text block with these words, before the others.", Field(max_length=TEXT_CHARS * 5)
    ] = "",
    blocks: Annotated[
        list[dict[str, Any]], "Blocks: {type, content, name, place}.", Field(max_length=CANVAS_BLOCKS)
    ] = NONE,
    key: Annotated[str, "The same key writes the same page anew; else it is the title.", Field(max_length=200)] = "",
    parent: Annotated[str, "The id of the page it stands below.", Field(max_length=64)] = "",
    icon: Annotated[str, "An emoji.", Field(max_length=8)] = "",
) -> Written:
    """Write blocks on a page of the flow's own: made the first time, written anew after that, with its history."""
    whole = [*([{"type": "text", "content": {"markdown_text": markdown}}] if markdown else []), *blocks]
    if not whole:
        raise unfit("blocks", "There is nothing to write.", "Give markdown or blocks.")
    page_id = ctx.pages.write(title, whole, key=key or title, parent=parent or None, icon=icon)
    return {"page_id": page_id, "link": f"canvas?page={page_id}" if page_id else ""}
