"""Data as it is, pretty printed."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field, JsonValue

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.shown import as_json
from ionflux_core.domain.canvas import CanvasBlock, Place


class JsonContent(Content):
    """Any JSON with an optional title."""

    title_text: str = Field("", max_length=200, title="Title")
    json_data_to_display: JsonValue = Field({}, title="Data", json_schema_extra={"widget": "json"})


class JsonDisplay(BlockKind[JsonContent]):
    """JSON to look at."""

    type = "json_display"
    title = "JSON"
    hint = "Data, pretty printed; may read other blocks"
    icon = "data_object"
    order = 80
    size = Place(width=6, height=5)
    model = JsonContent

    def view(self, content: JsonContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{value, text, cut}: the data with what it reads of others; `value` is None when it is cut."""
        value = here.filled(content.json_data_to_display)
        drawn = as_json(value)
        # Once as a value to fold and unfold, once as text would be twice as much: the text is for what is cut.
        return {
            "value": None if drawn["cut"] else value,
            "text": drawn["text"] if drawn["cut"] else "",
            "cut": drawn["cut"],
        }

    def output(self, content: JsonContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The data as it is shown."""
        return here.filled(content.json_data_to_display)

    def markdown(self, content: JsonContent, block: CanvasBlock, here: Surroundings) -> str:
        """A block of code."""
        heading = f"## {content.title_text}\n\n" if content.title_text else ""
        text = json.dumps(here.filled(content.json_data_to_display), ensure_ascii=False, indent=2, default=str)
        return f"{heading}```json\n{text}\n```"

    def taken(self, content: JsonContent, value: Any) -> JsonContent:
        """The data becomes what the agent gives."""
        return content.model_copy(update={"json_data_to_display": value})

    def words(self, content: JsonContent) -> str:
        """The data as text."""
        return json.dumps(content.json_data_to_display, ensure_ascii=False, indent=2)


def make() -> JsonDisplay:
    """The kind."""
    return JsonDisplay()
