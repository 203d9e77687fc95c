"""Flows: what is wrong with a flow's text, as the workspace it is meant for would see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ionflux_core.catalog.manifest import inputs_schema
from ionflux_core.domain.agents import AgentDefinition, AgentInstance
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid, Problem
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.schema import json_schema
from ionflux_core.fluxgraph.surroundings import Known, Offer
from ionflux_core.services.agents import Agents
from ionflux_core.services.marketplace import Marketplace


class Flows:
    """Use-cases around flows. Nothing here runs one."""

    def __init__(self, agents: Agents, marketplace: Marketplace, workspace: Callable[[str], Workspace]) -> None:
        self._agents = agents
        self._marketplace = marketplace
        self._workspace = workspace

    def validate(self, workspace_id: str, yaml: str | bytes) -> list[Problem]:
        """Every problem of a flow's text by its place; empty when it can be run."""
        return validate(yaml, Known(agents=dict(self._offers(workspace_id))))

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a flow's text, for completion in editors."""
        return json_schema()

    def _offers(self, workspace_id: str) -> Iterator[tuple[str, Offer]]:
        """The agents that may be named: definitions by slug, id and alias, configured instances by name."""
        inputs = self._workspace(workspace_id).settings.inputs
        known = {definition.slug: definition for definition in self._marketplace.offered() if not definition.planned}
        for definition in known.values():
            offer = _offer(definition, inputs.get(definition.slug, {}))
            yield from ((name, offer) for name in (definition.slug, definition.id, *definition.aliases))
        for instance in self._agents.find(workspace_id):
            if instance.definition_slug in known:
                yield instance.name, self._configured(instance, known[instance.definition_slug])

    def _configured(self, instance: AgentInstance, definition: AgentDefinition) -> Offer:
        try:
            given = self._agents.given(instance)
        except Invalid:
            # Its own YAML is broken: the agent's page tells that, and its inputs are not asked for here.
            given = {spec.key for spec in definition.inputs}
        return _offer(definition, given)


def _offer(definition: AgentDefinition, given: Any) -> Offer:
    outputs = frozenset(spec.key for spec in definition.outputs)
    return Offer(inputs_schema(definition, given=given), outputs or None)
