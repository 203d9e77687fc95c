"""A flow as an agent: its document read as a definition, so that whatever starts, shows and counts agents takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ionflux_core.domain.agents import (
    FLOW,
    AgentDefinition,
    AgentLimits,
    InputSpec,
    MemoryConfig,
    ModelUse,
    Narrative,
    OutputSpec,
    Stack,
)
from ionflux_core.domain.triggers import TriggerSpec
from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.document import Flow
from ionflux_core.fluxgraph.reading import parse
from ionflux_core.limits import RUN_SECONDS

_TYPES: Mapping[str, Any] = {"string": "string", "number": "number", "integer": "integer", "boolean": "boolean"}
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_MEMORY = MemoryConfig(type="vector", namespace="flow_ws_{{workspace_id}}_{{instance_id}}")
# As the agents that work with and without a key: the workspace's own choice is heard.
_MODELS = (
    ModelUse(provider="local", name="local-1", purpose="works without any key"),
    ModelUse(provider="openai", name="gpt-4o", purpose="words, classes and extraction in a flow's llm nodes"),
)


def bare_definition() -> AgentDefinition:
    """What is known of every flow before its document is read."""
    return AgentDefinition(
        slug=FLOW, id=FLOW, name="Flow", version="1.0", status="production", listed=False,
        narrative=Narrative(
            epithet="Steps that work together",
            tagline="Agents, transforms and people in one document",
            introduction="A flow runs its nodes in the order they need one another; none that ended is repeated.",
        ),
        outputs=(OutputSpec(key="nodes", type="json", description="How each node ended."),),
        stack=Stack(models=_MODELS), memory=_MEMORY, limits=AgentLimits(timeout_seconds=RUN_SECONDS),
    )  # fmt: skip


@lru_cache(maxsize=256)
def read_flow(text: str) -> Flow:
    """A flow's document, kept while it is used; Invalid with every problem that keeps it from being read."""
    return parse(text)


def flow_definition(text: str) -> AgentDefinition:
    """The definition a flow's document comes to; Invalid when it cannot be read."""
    return _definition(text)


@lru_cache(maxsize=256)
def _definition(text: str) -> AgentDefinition:
    flow, bare = read_flow(text), bare_definition()
    outputs = tuple(_outputs(flow)) or bare.outputs
    limits = bare.limits.model_copy(update={"concurrency": flow.limits.concurrency})
    triggers = tuple(
        TriggerSpec(
            key=each.key, type=each.type, description=each.description, config=each.config, enabled=each.enabled
        )
        for each in flow.triggers
    )
    return bare.model_copy(
        update={
            "narrative": bare.narrative.model_copy(update={"tagline": flow.title or flow.name}),
            "inputs": tuple(_inputs(flow)), "outputs": outputs, "triggers": triggers, "limits": limits,
        }
    )  # fmt: skip


def _inputs(flow: Flow) -> Iterator[InputSpec]:
    """One input for each property of the flow's input_schema that a form can ask for."""
    schema = flow.input_schema
    properties, required = schema.get("properties"), schema.get("required")
    for key, spec in properties.items() if isinstance(properties, dict) else ():
        if isinstance(spec, dict) and _KEY.fullmatch(key):
            needed = isinstance(required, list) and key in required
            yield _input(key, spec, required=needed)


def _input(key: str, spec: Mapping[str, Any], *, required: bool) -> InputSpec:
    kind, choices = spec.get("type"), spec.get("enum")
    told: dict[str, Any] = {
        "key": key, "type": _TYPES.get(kind, "json") if isinstance(kind, str) else "json", "required": required,
        "description": str(spec.get("description") or spec.get("title") or ""), "from_trigger": True,
        "runtime_promptable": True, "accepted_values": tuple(choices) if isinstance(choices, list) else (),
    }  # fmt: skip
    try:
        return InputSpec(**told, default=spec.get("default"))
    except ValueError as error:
        hint = "Give a default of the type and among the choices that the schema names."
        raise Invalid(f"The default of {key!r} in input_schema does not fit.", hint=hint) from error


def _outputs(flow: Flow) -> Iterator[OutputSpec]:
    for key in flow.output:
        if key.isidentifier() and key.isascii():
            yield OutputSpec(key=key, type="json")
