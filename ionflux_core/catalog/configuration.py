"""An instance's YAML, checked against its definition, and merged with every other layer into what a run really uses.

Order of the layers: definition < workspace < brand < instance YAML < trigger payload < run time. Maps and lists are
replaced whole. Null means "not given". Only inputs may be given at run time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json

from ionflux_core.catalog.instance_text import (
    Configuration,
    TriggerOverride,
    as_typed,
    input_hint,
    model_id,
    parse_configuration,
    raise_if_any,
)
from ionflux_core.catalog.manifest import did_you_mean
from ionflux_core.catalog.prefill import prefill
from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.domain.triggers import TriggerSpec
from ionflux_core.errors import Invalid, Problem
from ionflux_core.llm.base import PROVIDERS

__all__ = [
    "Configuration",
    "EffectiveConfiguration",
    "Origin",
    "TriggerOverride",
    "effective",
    "parse_configuration",
    "prefill",
]

Origin = Literal["definition", "workspace", "brand", "instance", "trigger", "run"]
_LAYERS: tuple[Origin, ...] = ("definition", "workspace", "brand", "instance", "trigger", "run")


@dataclass(frozen=True, slots=True)
class EffectiveConfiguration:
    """What a run uses, and from which layer each value came (`inputs.x`, `triggers.key.config.cron`, `model` ...)."""

    definition: str
    inputs: dict[str, Any]
    triggers: tuple[TriggerSpec, ...]
    namespace: str | None
    model: str | None
    advanced_features: dict[str, Any]
    origins: dict[str, Origin]

    def sealed(self) -> tuple[dict[str, Any], str]:
        """Everything but the origins as plain JSON with sorted keys, and the hex hash of that JSON."""
        triggers = {
            spec.key: {"type": spec.type, "enabled": spec.enabled, "config": spec.config.model_dump(mode="json")}
            for spec in self.triggers
        }
        text = _canonical_json(
            {
                "definition": self.definition,
                "inputs": self.inputs,
                "triggers": triggers,
                "memory": {"namespace": self.namespace},
                "stack": {"model": self.model},
                "advanced_features": self.advanced_features,
            }
        )
        plain: dict[str, Any] = from_json(text)
        return plain, hashlib.sha256(text.encode()).hexdigest()

    def snapshot(self) -> dict[str, Any]:
        """Everything but the origins, as plain JSON with sorted keys."""
        return self.sealed()[0]

    @property
    def sha256(self) -> str:
        """Hex hash of the snapshot's JSON."""
        return self.sealed()[1]


def hash_of(snapshot: Mapping[str, Any]) -> str:
    """The hash a snapshot is known by."""
    return hashlib.sha256(_canonical_json(snapshot).encode()).hexdigest()


def _canonical_json(data: Any) -> str:
    try:
        return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Invalid("An input is not plain JSON.", hint="Use text, numbers, lists and maps.") from error


def effective(
    definition: AgentDefinition,
    *,
    workspace: Mapping[str, Any],
    brand: Mapping[str, Any],
    configuration: Configuration,
    runtime: Mapping[str, Any],
    variables: Mapping[str, str],
    trigger: Mapping[str, Any] | None = None,
    default_model: str | None = None,
    brand_model: str | None = None,
    complete: bool = True,
) -> EffectiveConfiguration:
    """Merge all layers; Invalid names every unknown, ill-typed or missing input and every unfilled namespace part.

    `workspace`, `brand`, `trigger` and `runtime` hold input values by key; `variables` hold workspace_id, agent_id
    and instance_id. `default_model` and `brand_model` (`provider:name`) are the wishes of workspace and brand; an agent
    that uses no language model does not hear them.
    With `complete=False`, for a preview at save time, what a run would still bring may be missing.
    """
    defaults = {spec.key: spec.default for spec in definition.inputs}
    values = (defaults, workspace, brand, configuration.inputs, trigger or {}, runtime)
    problems: list[Problem] = []
    origins: dict[str, Origin] = {}
    inputs: dict[str, Any] = {}
    for layer, given in zip(_LAYERS, values, strict=True):
        for spec, value in _typed(definition, layer, given, problems):
            inputs[spec.key], origins[f"inputs.{spec.key}"] = value, layer
    for spec in definition.inputs if complete else ():
        if spec.required and spec.key not in inputs:
            problems.append(Problem(f"Input {spec.key!r} is missing.", "Give it at the start.", f"inputs.{spec.key}"))
    triggers = tuple(_merged(spec, configuration.triggers.get(spec.key), origins) for spec in definition.triggers)
    namespace = _namespace(definition, configuration, inputs, variables, origins, problems if complete else None)
    wishes: dict[Origin, str | None] = {"brand": brand_model, "workspace": default_model}
    model, origins["model"] = chosen_model(definition, configuration.model, wishes)
    origins.update({f"advanced_features.{key}": "instance" for key in configuration.advanced_features})
    raise_if_any(problems, f"The start of {definition.name}")
    return EffectiveConfiguration(
        definition.version_id, inputs, triggers, namespace, model, dict(configuration.advanced_features), origins
    )


def _typed(
    definition: AgentDefinition, layer: Origin, given: Mapping[str, Any], problems: list[Problem]
) -> Iterator[tuple[InputSpec, Any]]:
    for key, value in given.items():
        spec = definition.input(key)
        path = f"inputs.{key}" if layer in ("run", "trigger") else f"{layer}.inputs.{key}"
        wrong = spec.problem_with(value) if spec and value is not None else None
        if spec is None:
            hint = did_you_mean(key, [known.key for known in definition.inputs])
            problems.append(Problem(f"{definition.name} has no input {key[:60]!r}.", hint, path))
        elif wrong:
            problems.append(Problem(f"Input {key!r} {wrong}.", input_hint(spec, value), path))
        elif value is not None:
            yield spec, as_typed(spec, value)


def _merged(spec: TriggerSpec, override: TriggerOverride | None, origins: dict[str, Origin]) -> TriggerSpec:
    origins[f"triggers.{spec.key}.enabled"] = "instance" if override and override.enabled is not None else "definition"
    for name in type(spec.config).model_fields:
        if name != "kind":
            changed = override is not None and name in override.changed
            origins[f"triggers.{spec.key}.config.{name}"] = "instance" if changed else "definition"
    if override is None:
        return spec
    enabled = spec.enabled if override.enabled is None else override.enabled
    return spec.model_copy(update={"enabled": enabled, "config": override.config or spec.config})


def _namespace(
    definition: AgentDefinition,
    configuration: Configuration,
    inputs: Mapping[str, Any],
    variables: Mapping[str, str],
    origins: dict[str, Origin],
    problems: list[Problem] | None,
) -> str | None:
    """The memory namespace; None without a template, or when a part is missing and no problems are collected."""
    memory = definition.memory
    if memory.namespace is None:
        return None
    words = {key: str(value) for key, value in inputs.items() if isinstance(value, (str, int)) and value != ""}
    known = {"instance_suffix": "", "agent_id": definition.id, **words, **configuration.memory, **variables}
    used = memory.placeholders()
    sources: list[Origin] = [origins.get(f"inputs.{name}", "definition") for name in used]
    sources += ["instance" for name in used if name in configuration.memory]
    origins["memory.namespace"] = max(sources, key=_LAYERS.index, default="definition")
    missing = [name for name in used if name not in known]
    if missing and problems is not None:
        text = f"The memory namespace needs {', '.join(missing)}."
        problems.append(Problem(text, "Give it at the start, or below memory: in the YAML.", "memory.namespace"))
    return None if missing else memory.fill(known)


def chosen_model(
    definition: AgentDefinition, own: str | None, wishes: Mapping[Origin, str | None]
) -> tuple[str | None, Origin]:
    """The instance's own model, else what the first of `wishes` wants that is heard, else the definition's first."""
    if own:
        return own, "instance"
    for origin, wish in wishes.items():
        if wish and (taken := model_id(definition, wish) or _any_model(definition, wish)):
            return taken, origin
    models = definition.stack.models
    return (models[0].id if models else None), "definition"


def _any_model(definition: AgentDefinition, wish: str) -> str | None:
    """A model the definition does not name; taken where it names any language model, for one is as good as another."""
    provider, _, name = wish.partition(":")
    uses_one = any(model.provider != "local" for model in definition.stack.models)
    return wish if uses_one and name and provider in PROVIDERS and provider != "local" else None
