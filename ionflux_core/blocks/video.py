"""A film: a stored file, or an address on the workspace's list."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.media import URL_CHARS, StoredReference, media_view, secure_address
from ionflux_core.domain.canvas import CanvasBlock, Place


class VideoContent(Content):
    """Where the film is, and what is said of it."""

    title_text: str = Field("", max_length=200, title="Title")
    video_url: str = Field("", max_length=URL_CHARS, title="Address")
    file: StoredReference | None = Field(None, title="File", json_schema_extra={"widget": "file", "accepts": "video/"})
    caption: str = Field("", max_length=1_000, title="Caption")

    _https = field_validator("video_url")(secure_address)


class Video(BlockKind[VideoContent]):
    """Something to watch."""

    type = "video"
    title = "Video"
    hint = "A film with a caption"
    icon = "movie"
    order = 72
    size = Place(width=6, height=7)
    model = VideoContent

    def view(self, content: VideoContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, address, host, media_type, caption}."""
        return {**media_view(content.video_url, content.file, "video/", here), "caption": content.caption}

    def output(self, content: VideoContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The stored file's reference, or the address."""
        return content.file.model_dump() if content.file else content.video_url

    def markdown(self, content: VideoContent, block: CanvasBlock, here: Surroundings) -> str:
        """Its words and where it is."""
        name = content.caption or (content.file.name if content.file else "") or "Video"
        return f"{name}: <{content.video_url}>" if content.video_url and not content.file else f"_{name}_"


def make() -> Video:
    """The kind."""
    return Video()
