"""Text in Markdown; what it reads of other blocks is put in when it is shown."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.shown import cut_text
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.domain.references import words
from ionflux_core.limits import TEXT_CHARS


class TextContent(Content):
    """A text with an optional title."""

    title_text: str = Field("", max_length=200, title="Title")
    markdown_text: str = Field("", max_length=TEXT_CHARS * 5, title="Text", json_schema_extra={"widget": "markdown"})


class Text(BlockKind[TextContent]):
    """Words on a page."""

    type = "text"
    title = "Text"
    hint = "Words in Markdown"
    icon = "notes"
    order = 10
    size = Place(width=6, height=3)
    model = TextContent

    def view(self, content: TextContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{text, cut}: the text with what it reads of others; as it was written it is the content's."""
        text, cut = cut_text(here.filled_text(content.markdown_text))
        return {"text": text, "cut": cut}

    def output(self, content: TextContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The text as it is shown."""
        return here.filled_text(content.markdown_text)

    def markdown(self, content: TextContent, block: CanvasBlock, here: Surroundings) -> str:
        """The title as a heading, and the text."""
        heading = f"## {content.title_text}\n\n" if content.title_text else ""
        return f"{heading}{here.filled_text(content.markdown_text)}"

    def taken(self, content: TextContent, value: Any) -> TextContent:
        """The text becomes what the agent gives, shortened to what a text may hold."""
        longest = TEXT_CHARS * 5
        return content.model_copy(update={"markdown_text": words(value)[:longest]})


def make() -> Text:
    """The kind."""
    return Text()
