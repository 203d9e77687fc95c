"""An agent on a page: how it stands, what it is asked, and what its last run gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ionflux_core.blocks import outputs
from ionflux_core.blocks.agent_parts import agent_line, agent_view, asked_inputs, target_of
from ionflux_core.blocks.base import BlockKind, Content, Start, Surroundings
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Invalid


class AgentContent(Content):
    """Which agent, which of its outputs, and what it is given at every run from here."""

    title_text: str = Field("", max_length=200, title="Title")
    agent_configuration_id: str | None = Field(
        None, max_length=64, title="Agent", json_schema_extra={"widget": "instance"}
    )
    agent_last_run_output_key_ref: str | None = Field(
        None, max_length=120, title="Output to show", json_schema_extra={"widget": "output"}
    )
    inputs: dict[str, Any] = Field(
        {},
        max_length=100,
        title="Inputs",
        description="Values for its inputs; {{ blocks.name.output }} reads another block.",
        json_schema_extra={"widget": "variables"},
    )


class AgentSnippet(BlockKind[AgentContent]):
    """A live agent."""

    type = "agent_snippet"
    title = "Agent"
    hint = "An agent with its last result; run it here"
    icon = "smart_toy"
    order = 20
    size = Place(width=6, height=6)
    computes = True
    model = AgentContent

    def view(self, content: AgentContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, agent, inputs, keys, key, output, run, question, links, offers}.

        `state` is ready, unset, missing, archived or planned; `inputs` are those asked for at run time; `output` is
        drawn by its type, see `shown`; `run` is the newest one whatever its status; `question` {id, title} is open.
        """
        drawn = agent_view(content.agent_configuration_id, here)
        agent = here.instance(content.agent_configuration_id) if content.agent_configuration_id else None
        stored = self._stored(content, block, here)
        key = self._key(content, agent, stored)
        types = {one["key"]: one["type"] for one in (agent["outputs"] if agent else ())}
        run = here.newest_run(content.agent_configuration_id or "") if agent else None
        return {
            **drawn,
            "inputs": asked_inputs(agent, content.inputs),
            "keys": list(agent["outputs"]) if agent else [],
            "key": content.agent_last_run_output_key_ref,
            "shown_key": key,
            "output": outputs.drawn(stored, key, types.get(key or "")),
            "question": run["question"] if run else None,
        }

    def line(self, content: AgentContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """Its agent's name and how the newest run stands; why this block could not start one."""
        line = agent_line(content.agent_configuration_id, here)
        if block.error is not None and not line.get("busy") and block.error.code.startswith("block_"):
            line["error"] = {"message": block.error.message, "hint": block.error.hint, "run": None}
        return line

    def ready(self, content: AgentContent) -> bool:
        """Once an agent is chosen."""
        return bool(content.agent_configuration_id)

    def output(self, content: AgentContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The chosen output of the last successful run."""
        stored = self._stored(content, block, here)
        agent = here.instance(content.agent_configuration_id) if content.agent_configuration_id else None
        key = self._key(content, agent, stored)
        if key is None or key not in outputs.keys(stored):
            raise Invalid(f"The agent of {block.name} has given no output yet.", hint="Run it first.", code="no_output")
        return outputs.value(stored, key)

    def parts(self, content: AgentContent, block: CanvasBlock, here: Surroundings) -> Mapping[str, Any]:
        """Every output by its key."""
        return outputs.whole(self._stored(content, block, here))

    def start(self, content: AgentContent, block: CanvasBlock, here: Surroundings, inputs: Mapping[str, Any]) -> Start:
        """A run of the agent with what the block gives it and what was asked just now."""
        target = target_of(content.agent_configuration_id, here)
        given = {key: value for key, value in inputs.items() if value is not None}
        return Start(target, {**here.filled(content.inputs), **given})

    def kept(self, run_outputs: Mapping[str, Any]) -> Any:
        """All outputs that fit, by key."""
        return outputs.kept(run_outputs)

    def markdown(self, content: AgentContent, block: CanvasBlock, here: Surroundings) -> str:
        """The agent's name as a heading, and its output."""
        agent = here.instance(content.agent_configuration_id) if content.agent_configuration_id else None
        heading = content.title_text or (agent["name"] if agent else "Agent")
        stored = self._stored(content, block, here)
        key = self._key(content, agent, stored)
        types = {one["key"]: one["type"] for one in (agent["outputs"] if agent else ())}
        return f"## {heading}\n\n{on_paper(outputs.drawn(stored, key, types.get(key or '')))}"

    @staticmethod
    def _stored(content: AgentContent, block: CanvasBlock, here: Surroundings) -> Any:
        """What the block keeps, or what the agent gave before it was put on the page."""
        if outputs.keys(block.output) or not content.agent_configuration_id:
            return block.output
        return outputs.kept(here.latest_outputs(content.agent_configuration_id))

    @staticmethod
    def _key(content: AgentContent, agent: Mapping[str, Any] | None, stored: Any) -> str | None:
        """The chosen output, else the one its configuration shows first, else the first there is."""
        if content.agent_last_run_output_key_ref:
            return content.agent_last_run_output_key_ref
        given = outputs.keys(stored)
        declared = [agent["key"]] if agent and agent["key"] else []
        declared += [one["key"] for one in (agent["outputs"] if agent else ()) if one["type"] == "markdown"]
        declared += [one["key"] for one in (agent["outputs"] if agent else ())]
        return next((key for key in declared if key in given), given[0] if given else None)


def on_paper(drawn: Mapping[str, Any] | None) -> str:
    """A shown output as Markdown."""
    if drawn is None:
        return "_No output yet._"
    if drawn["kind"] == "table":
        return table_on_paper(drawn["columns"], drawn["rows"])
    if drawn["kind"] == "json":
        return f"```json\n{drawn['text']}\n```"
    if drawn["kind"] == "link":
        return f"<{drawn['url']}>"
    return str(drawn.get("text") or drawn.get("name") or "")


def table_on_paper(columns: list[str], rows: list[list[Any]]) -> str:
    """Rows as a Markdown table."""
    if not columns:
        return "_No rows._"

    def line(cells: list[Any]) -> str:
        texts = ["" if cell is None else str(cell) for cell in cells]
        return "| " + " | ".join(" ".join(text.split()).replace("|", "\\|") for text in texts) + " |"

    return "\n".join([line(list(columns)), line(["---"] * len(columns)), *(line(row) for row in rows)])


def make() -> AgentSnippet:
    """The kind."""
    return AgentSnippet()
