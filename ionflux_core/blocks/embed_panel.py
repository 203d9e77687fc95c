"""Another site in a frame that can do nothing to the page around it."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.media import URL_CHARS, media_view, secure_address
from ionflux_core.domain.canvas import CanvasBlock, Place


class EmbedContent(Content):
    """The address of the site."""

    title_text: str = Field("", max_length=200, title="Title")
    embed_url: str = Field("", max_length=URL_CHARS, title="Address")

    _https = field_validator("embed_url")(secure_address)


class EmbedPanel(BlockKind[EmbedContent]):
    """A frame."""

    type = "embed_panel"
    title = "Embed"
    hint = "Another site in a frame"
    icon = "web_asset"
    order = 75
    size = Place(width=6, height=8)
    model = EmbedContent

    def view(self, content: EmbedContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, address, host}; whether the site lets itself be framed cannot be seen from here."""
        drawn = media_view(content.embed_url, None, "", here)
        if drawn["state"] == "unset":
            drawn["note"] = "Give the address of a site."
        return drawn

    def output(self, content: EmbedContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The address."""
        return content.embed_url

    def markdown(self, content: EmbedContent, block: CanvasBlock, here: Surroundings) -> str:
        """The address."""
        return f"<{content.embed_url}>" if content.embed_url else ""


def make() -> EmbedPanel:
    """The kind."""
    return EmbedPanel()
