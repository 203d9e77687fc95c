"""A button that starts an agent with given inputs, and says how that run stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ionflux_core.blocks.agent_parts import agent_view, run_error, target_of
from ionflux_core.blocks.base import BlockKind, Content, Start, Surroundings
from ionflux_core.blocks.shown import BUSY, run_line, run_link, status
from ionflux_core.domain.canvas import CanvasBlock, Place


class ButtonContent(Content):
    """What stands on the button, what it starts, and with which inputs."""

    title_text: str = Field("", max_length=200, title="Title")
    label: str = Field("Run", min_length=1, max_length=60, title="Label")
    agent_configuration_id: str | None = Field(
        None, max_length=64, title="Agent", json_schema_extra={"widget": "instance"}
    )
    inputs: dict[str, Any] = Field({}, max_length=100, title="Inputs", json_schema_extra={"widget": "variables"})


class Button(BlockKind[ButtonContent]):
    """Starts something and does not wait for it."""

    type = "button"
    title = "Button"
    hint = "Starts an agent with given inputs"
    icon = "play_circle"
    order = 90
    size = Place(width=3, height=2)
    model = ButtonContent

    def view(self, content: ButtonContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, label, agent, run, links, offers}; `run` is the one this button started last."""
        drawn = agent_view(content.agent_configuration_id, here)
        run = here.run(block.run_id) if block.run_id else None
        links = {**drawn["links"], "run": run_link(run)}
        return {**drawn, "label": content.label, "run": run_line(run), "links": links}

    def line(self, content: ButtonContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """How the run stands that it started last."""
        run = here.run(block.run_id) if block.run_id else None
        if run is None:
            return {}
        age = run["finished_at"] or run["created_at"]
        return {"status": status(run["status"]), "busy": run["status"] in BUSY, "age": age, "error": run_error(run)}

    def start(self, content: ButtonContent, block: CanvasBlock, here: Surroundings, inputs: Mapping[str, Any]) -> Start:
        """A run with the button's inputs."""
        return Start(target_of(content.agent_configuration_id, here), {**here.filled(content.inputs), **inputs})

    def markdown(self, content: ButtonContent, block: CanvasBlock, here: Surroundings) -> str:
        """What the button would do."""
        agent = here.instance(content.agent_configuration_id) if content.agent_configuration_id else None
        return f"**{content.label}**" + (f" (starts {agent['name']})" if agent else "")


def make() -> Button:
    """The kind."""
    return Button()
