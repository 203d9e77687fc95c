"""What an instance's YAML may say, as fields of a form: inputs, triggers, memory and model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from ionflux_core.domain.agents import AgentDefinition, InputSpec, InputType
from ionflux_core.domain.triggers import TriggerSpec
from ionflux_core.yaml_text import Loaded, Path

_TRIGGER_NAMES = ("key", "trigger_definition_key", "trigger_key")
_PLACES_GIVEN = frozenset({"workspace_id", "agent_id", "instance_id"})
_UNSEEN = frozenset({"kind", "task", "payload", "form", "path"})


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of the YAML: where it stands, what it may hold, and what holds while it is absent."""

    path: Path
    spec: InputSpec
    value: Any
    inherited: Any = None


def input_fields(
    definition: AgentDefinition, loaded: Loaded, below: Mapping[str, Any]
) -> tuple[list[Field], list[Field]]:
    """The inputs that make up a configuration, and those that a run or a trigger usually brings.

    `below` holds what workspace and brand give, by key.
    """
    settled: list[Field] = []
    brought: list[Field] = []
    written = _map(loaded.data, "inputs")
    for spec in definition.inputs:
        given = below.get(spec.key)
        value = written.get(spec.key)
        if value is not None and spec.type not in ("string", "url"):
            value = loaded.numbers(("inputs", spec.key))
        field = Field(("inputs", spec.key), spec, value, spec.default if given is None else given)
        comes_later = spec.from_trigger or (spec.runtime_promptable and spec.default is None)
        (brought if comes_later else settled).append(field)
    return settled, brought


def trigger_fields(spec: TriggerSpec, loaded: Loaded, definition: AgentDefinition) -> list[Field]:
    """What may be changed of a trigger: whether it is on and, where the definition allows it, its configuration."""
    index = trigger_index(spec, loaded.data, definition)
    item = _items(loaded.data)[index] if index is not None else {}
    base: Path = ("triggers", spec.key)
    fields = [Field((*base, "enabled"), InputSpec(key="enabled", type="boolean"), item.get("enabled"), spec.enabled)]
    if not spec.is_user_overridable:
        return fields
    name = "config" if "config" in item and "config_override" not in item else "config_override"
    changed = item.get(name)
    changed = changed if isinstance(changed, dict) else {}
    for key, info in type(spec.config).model_fields.items():
        if key not in _UNSEEN:
            config_spec = _config_spec(key, info.annotation)
            fields.append(Field((*base, name, key), config_spec, changed.get(key), getattr(spec.config, key)))
    return fields


def other_fields(definition: AgentDefinition, loaded: Loaded, model: str | None) -> Iterator[Field]:
    """Memory parts, the model, and the output shown as preview; `model` is what would be taken without a choice."""
    memory = _map(loaded.data, "memory")
    for key in definition.memory.placeholders():
        if key not in _PLACES_GIVEN and definition.input(key) is None:
            spec = InputSpec(key=key, type="string", description="Part of the memory namespace.")
            yield Field(("memory", key), spec, memory.get(key))
    models = tuple(each.id for each in definition.stack.models)
    if models:
        spec = InputSpec(key="model", type="string", description="Which model it uses.", accepted_values=models)
        yield Field(("stack_preferences", "model"), spec, _map(loaded.data, "stack_preferences").get("model"), model)
    outputs = tuple(each.key for each in definition.outputs)
    text = "The output shown as preview in lists."
    spec = InputSpec(key="snippet_preview_output_key", type="string", description=text, accepted_values=outputs)
    top = loaded.data if isinstance(loaded.data, dict) else {}
    yield Field((spec.key,), spec, top.get(spec.key), None)


def written_path(path: Path, value: Any, data: Any, definition: AgentDefinition) -> tuple[Path, Any]:
    """The path and value to write for a field's: a trigger is found by its key in the list, or added to it."""
    if path[0] != "triggers":
        return path, value
    spec = definition.trigger(str(path[1]))
    index = None if spec is None else trigger_index(spec, data, definition)
    if index is not None:
        return ("triggers", index, *path[2:]), value
    if value is None:
        return path, None
    for step in reversed(path[2:]):
        value = {step: value}
    item = {"key": path[1], **value}
    items = _items(data)
    return (("triggers", len(items)), item) if items else (("triggers",), [item])


def trigger_index(spec: TriggerSpec, data: Any, definition: AgentDefinition) -> int | None:
    """Which entry of the YAML's triggers speaks of a trigger: by its key, or by its type when only one has it."""
    alike = [each for each in definition.triggers if each.type == spec.type]
    for index, item in enumerate(_items(data)):
        named = next((item[name] for name in _TRIGGER_NAMES if name in item), None)
        if named == spec.key or (named is None and item.get("type") == spec.type and len(alike) == 1):
            return index
    return None


def _config_spec(key: str, annotation: Any) -> InputSpec:
    if get_origin(annotation) is Literal:
        return InputSpec(key=key, type="string", accepted_values=get_args(annotation))
    kinds: dict[Any, InputType] = {str: "string", bool: "boolean"}
    inside = [kind for kind in (annotation, *get_args(annotation)) if kind in kinds]
    # A map's own parts are no kinds: dict[str, ...] is JSON.
    is_map = get_origin(annotation) is dict
    return InputSpec(key=key, type=kinds[inside[0]] if inside and not is_map else "json")


def _map(data: Any, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _items(data: Any) -> list[dict[str, Any]]:
    found = data.get("triggers") if isinstance(data, dict) else None
    return [item if isinstance(item, dict) else {} for item in found] if isinstance(found, list) else []
