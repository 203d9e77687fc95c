"""What a field of a block can be chosen from: agents, figures, other blocks, prompts, questions and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ionflux_core.analytics.metrics import CATALOGUE
from ionflux_core.domain.agents import AgentDefinition, InputSpec, InputType
from ionflux_core.domain.canvas import CanvasBlock, CanvasPage
from ionflux_core.domain.prompts import VariableType
from ionflux_core.errors import NotFound
from ionflux_core.limits import PAGE_ROWS
from ionflux_core.services.block_fields import kind_title
from ionflux_core.services.figure_lines import WORKSPACE_FIGURES
from ionflux_ui.plain import shortened
from ionflux_ui.session import application

Options = dict[Any, str]

_TYPES: Final[Mapping[VariableType, InputType]] = {
    "text": "string", "date": "string", "number": "number", "json_object": "json",
}  # fmt: skip


class Choices:
    """What can be chosen for one block; `held` is what its form holds now, by field."""

    def __init__(self, workspace_id: str, page: CanvasPage, block: CanvasBlock, held: Mapping[str, Any]) -> None:
        self.workspace_id = workspace_id
        self.page = page
        self.block = block
        self._held = held

    def of(self, widget: str) -> Options | None:
        """Values with their labels; None for a widget that chooses from nothing."""
        return _CHOICES[widget](self) if widget in _CHOICES else None

    def instances(self) -> Options:
        """The agents of the workspace."""
        return {each.id: each.name for each in application().agents.find(self.workspace_id)}

    def definitions(self) -> Options:
        """The whole workspace, then the agents of the marketplace."""
        agents = {each.slug: each.name for each in application().marketplace.definitions() if each.kpis}
        return {WORKSPACE_FIGURES: "The workspace"} | agents

    def kpis(self) -> Options:
        """The figures of the agent that is chosen beside it, or those of the catalogue."""
        if self._held.get("definition") == WORKSPACE_FIGURES:
            return {each.name: f"{each.group}: {each.title}" for each in CATALOGUE}
        definition = self._definition(str(self._held.get("definition") or ""))
        return {each.name: each.title for each in definition.kpis} if definition else {}

    def outputs(self) -> Options:
        """The outputs of the agent that is chosen beside it."""
        definition = self.agent()
        return {each.key: each.key for each in definition.outputs} if definition else {}

    def blocks(self) -> Options:
        """The other blocks of the page."""
        others = [each for each in self.page.blocks if each.id != self.block.id]
        return {each.name: f"{each.name} ({kind_title(each.type)})" for each in others}

    def prompts(self) -> Options:
        """The first prompts by name."""
        found = application().prompts.find(self.workspace_id, limit=PAGE_ROWS)
        return {each.id: each.name for each in found}

    def approvals(self) -> Options:
        """The open questions."""
        return {each.id: shortened(each.title, 80) for each in application().approvals.pending(self.workspace_id)}

    def pages(self) -> Options:
        """The pages of the tree."""
        return {each.id: "\u2003" * each.depth + each.title for each in application().canvas.tree(self.workspace_id)}

    def agent(self) -> AgentDefinition | None:
        """The definition of the agent that is chosen."""
        chosen = self._held.get("agent_configuration_id")
        try:
            instance = application().agents.get(self.workspace_id, chosen) if chosen else None
        except NotFound:
            return None
        return self._definition(instance.definition_slug) if instance else None

    def variables(self) -> list[InputSpec]:
        """What there is to fill in: the inputs of the agent, or the variables of the prompt that is chosen."""
        if "prompt_id" not in self._held:
            definition = self.agent()
            return sorted(definition.inputs, key=lambda spec: not spec.runtime_promptable) if definition else []
        try:
            chosen = self._held["prompt_id"]
            prompt = application().prompts.get(self.workspace_id, chosen) if chosen else None
        except NotFound:
            return []
        return [
            InputSpec(key=each.name, type=_TYPES[each.type], description=each.description, required=each.required)
            for each in (prompt.variables if prompt else ())
        ]

    @staticmethod
    def _definition(name: str) -> AgentDefinition | None:
        try:
            return application().marketplace.definition(name) if name else None
        except NotFound:
            return None


_CHOICES: Final[Mapping[str, Callable[[Choices], Options]]] = {
    "instance": Choices.instances,
    "definition": Choices.definitions,
    "kpi": Choices.kpis,
    "output": Choices.outputs,
    "block": Choices.blocks,
    "prompt": Choices.prompts,
    "approval": Choices.approvals,
    "page": Choices.pages,
}
