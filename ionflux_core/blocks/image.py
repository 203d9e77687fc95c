"""A picture: a stored file, or an address on the workspace's list."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.media import URL_CHARS, StoredReference, media_view, secure_address
from ionflux_core.domain.canvas import CanvasBlock, Place


class ImageContent(Content):
    """Where the picture is, and what is said of it."""

    title_text: str = Field("", max_length=200, title="Title")
    image_url: str = Field("", max_length=URL_CHARS, title="Address")
    file: StoredReference | None = Field(None, title="File", json_schema_extra={"widget": "file", "accepts": "image/"})
    caption: str = Field("", max_length=1_000, title="Caption")
    alt: str = Field("", max_length=500, title="In words", description="For those who do not see the picture.")

    _https = field_validator("image_url")(secure_address)


class Image(BlockKind[ImageContent]):
    """Something to see."""

    type = "image"
    title = "Image"
    hint = "A picture with a caption"
    icon = "image"
    order = 70
    size = Place(width=4, height=6)
    model = ImageContent

    def view(self, content: ImageContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, address, host, media_type, alt, caption}."""
        drawn = media_view(content.image_url, content.file, "image/", here)
        return {**drawn, "alt": content.alt or content.caption or content.title_text, "caption": content.caption}

    def output(self, content: ImageContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The stored file's reference, or the address."""
        return content.file.model_dump() if content.file else content.image_url

    def markdown(self, content: ImageContent, block: CanvasBlock, here: Surroundings) -> str:
        """Its words and where it is: a picture of another place is a link on paper."""
        name = content.caption or content.alt or (content.file.name if content.file else "") or "Image"
        return f"{name}: <{content.image_url}>" if content.image_url and not content.file else f"_{name}_"


def make() -> Image:
    """The kind."""
    return Image()
