"""A prompt of the library with its variables as a form, and a model's answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from ionflux_core.blocks import outputs
from ionflux_core.blocks.agent_parts import run_error
from ionflux_core.blocks.agent_snippet import on_paper
from ionflux_core.blocks.base import BlockKind, Content, Start, Surroundings
from ionflux_core.blocks.shown import BUSY, cut_text, run_line, run_link, status
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.errors import Invalid

RUNNER: Final = "agent:prompt_runner"
"""The agent that asks a model; its first output is the answer."""


class PromptContent(Content):
    """Which prompt, what its variables are, and which model is asked."""

    title_text: str = Field("", max_length=200, title="Title")
    prompt_id: str | None = Field(None, max_length=64, title="Prompt", json_schema_extra={"widget": "prompt"})
    values: dict[str, Any] = Field({}, max_length=50, title="Values", json_schema_extra={"widget": "variables"})
    model: str | None = Field(None, max_length=120, title="Model", description="provider:name; empty: the workspace's.")


class PromptBlock(BlockKind[PromptContent]):
    """A prompt in use."""

    type = "prompt"
    title = "Prompt"
    hint = "A prompt of the library; a model answers"
    icon = "chat_bubble"
    order = 50
    size = Place(width=6, height=6)
    computes = True
    model = PromptContent

    def view(self, content: PromptContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, prompt, variables, text, problem, answer, run, links, offers}."""
        found = here.prompt(content.prompt_id) if content.prompt_id else None
        run = here.run(block.run_id) if block.run_id else None
        text, problem = self._text(content, here) if found else ("", "")
        key = next(iter(outputs.keys(block.output)), None)
        state, note = _state(content, found)
        return {
            "state": state,
            "note": note,
            "prompt": {name: found[name] for name in ("id", "name", "version")} if found else None,
            "variables": [
                {**variable, "value": content.values.get(variable["name"])}
                for variable in (found["variables"] if found else ())
            ],
            "text": cut_text(text, 16 * 1024)[0],
            "problem": problem or None,
            "answer": outputs.drawn(block.output, key, "markdown"),
            "run": run_line(run),
            "links": {"run": run_link(run)},
            "offers": here.prompts() if state in ("unset", "missing") else [],
        }

    def line(self, content: PromptContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """The prompt's name, and how the run stands that asks."""
        found = here.prompt(content.prompt_id) if content.prompt_id else None
        line: dict[str, Any] = {"title": found["name"] if found else ""}
        run = here.run(block.run_id) if block.run_id else None
        if run is not None:
            line |= {"busy": run["status"] in BUSY, "error": run_error(run)}
            line |= {} if run["status"] == "success" else {"status": status(run["status"])}
        return line

    def ready(self, content: PromptContent) -> bool:
        """Once a prompt is chosen."""
        return bool(content.prompt_id)

    def output(self, content: PromptContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The model's answer once there is one; before, the prompt with its values."""
        key = next(iter(outputs.keys(block.output)), None)
        if key is not None:
            return outputs.value(block.output, key)
        if not content.prompt_id:
            raise Invalid(f"The block {block.name} has no prompt yet.", hint="Choose one.", code="no_output")
        return here.rendered(content.prompt_id, here.filled(content.values))

    def parts(self, content: PromptContent, block: CanvasBlock, here: Surroundings) -> Mapping[str, Any]:
        """`text`: the prompt with its values; and every output of the run."""
        text = {"text": here.rendered(content.prompt_id, here.filled(content.values))} if content.prompt_id else {}
        return {**text, **outputs.whole(block.output)}

    def start(self, content: PromptContent, block: CanvasBlock, here: Surroundings, inputs: Mapping[str, Any]) -> Start:
        """A run that asks the model."""
        found = here.prompt(content.prompt_id) if content.prompt_id else None
        state, note = _state(content, found)
        if found is None or state != "ready":
            raise Invalid(note, hint="Choose a prompt.", code=f"prompt_{state}")
        text = here.rendered(found["id"], {**here.filled(content.values), **inputs})
        given = {"text": text, "prompt_id": found["id"], "prompt_version": found["version"]}
        return Start(RUNNER, given | ({"model": content.model} if content.model else {}))

    def kept(self, run_outputs: Mapping[str, Any]) -> Any:
        """All outputs that fit, by key."""
        return outputs.kept(run_outputs)

    def markdown(self, content: PromptContent, block: CanvasBlock, here: Surroundings) -> str:
        """The prompt as a quotation, and the answer."""
        found = here.prompt(content.prompt_id) if content.prompt_id else None
        heading = content.title_text or (found["name"] if found else "Prompt")
        text = self._text(content, here)[0] if found else ""
        quoted = "\n".join(f"> {line}" for line in text.splitlines())
        key = next(iter(outputs.keys(block.output)), None)
        answer = on_paper(outputs.drawn(block.output, key, "markdown")) if key else ""
        return f"## {heading}\n\n{quoted}\n\n{answer}".rstrip()

    @staticmethod
    def _text(content: PromptContent, here: Surroundings) -> tuple[str, str]:
        """The prompt with its values, or what is wrong with them."""
        try:
            return here.rendered(content.prompt_id or "", here.filled(content.values)), ""
        except Invalid as error:
            return "", error.message


def _state(content: PromptContent, found: Mapping[str, Any] | None) -> tuple[str, str]:
    if not content.prompt_id:
        return "unset", "Choose a prompt for this block."
    if found is None:
        return "missing", "The prompt of this block is not there any more. Choose another one."
    return "ready", ""


def make() -> PromptBlock:
    """The kind."""
    return PromptBlock()
