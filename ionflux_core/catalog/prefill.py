"""The YAML a new instance starts with: every input explained, defaults filled in, examples as comments."""

from __future__ import annotations

import textwrap
from typing import Any

from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.domain.triggers import TriggerSpec
from ionflux_core.yaml_text import dump, inline

_PLACEHOLDERS: dict[str, Any] = {
    "string": "change me",
    "url": "https://example.com/change-me",
    "number": 0,
    "float": 0,
    "integer": 0,
    "boolean": False,
    "file": "change me",
    "json": {},
}


def prefill(definition: AgentDefinition) -> str:
    """A commented configuration of a definition that is valid as it stands."""
    lines = [f"# {definition.name} {definition.version}: lines that start with # are notes and examples."]
    lines += _inputs(definition) + _triggers(definition) + _memory(definition) + _models(definition)
    lines += [
        "# output_to_canvas_block: {target_block_id: the id of a block, output_key_to_map: "
        f"{definition.outputs[0].key}}}",
        f"# snippet_preview_output_key: {definition.outputs[0].key}",
        "# value: {minutes_per_run: 3}  # your estimate of what a successful run returns",
    ]
    return "\n".join(lines) + "\n"


def _inputs(definition: AgentDefinition) -> list[str]:
    lines = []
    active = False
    for spec in definition.inputs:
        lines += _notes(spec)
        value, given = _start_value(spec)
        entry = textwrap.indent(dump({spec.key: value}).rstrip("\n"), "  ").splitlines()
        if given:
            lines += entry
        else:
            lines += [f"  # {line[2:]}" for line in entry]
        active = active or given
    if not definition.inputs:
        return []
    return ["inputs:" if active else "inputs: {}", *lines, ""]


def _start_value(spec: InputSpec) -> tuple[Any, bool]:
    """The value to show for an input, and whether it stands in the YAML or only in a comment."""
    if spec.default is not None:
        return spec.default, True
    shown = spec.example
    if shown is None:
        shown = spec.accepted_values[0] if spec.accepted_values else _PLACEHOLDERS[spec.type]
    return shown, spec.required and not spec.runtime_promptable and not spec.from_trigger


def _notes(spec: InputSpec) -> list[str]:
    facts = [spec.type, "required" if spec.required else "optional"]
    if spec.from_trigger:
        facts.append("comes with the trigger")
    elif spec.runtime_promptable:
        facts.append("may be given at the start")
    if spec.accepted_values:
        facts.append("one of " + ", ".join(str(value) for value in spec.accepted_values))
    if spec.default is not None and spec.example is not None:
        facts.append("for example " + inline(spec.example))
    text = f"{spec.key} ({'; '.join(facts)}). {spec.description}"
    return [f"  # {line}" for line in textwrap.wrap(text, 100)]


def _triggers(definition: AgentDefinition) -> list[str]:
    if not definition.triggers:
        return []
    lines = ["# triggers:"]
    for spec in definition.triggers:
        lines += [f"#   - key: {spec.key}   # {line}" for line in [_sentence(spec)]]
        lines.append(f"#     enabled: {'true' if spec.enabled else 'false'}")
        if spec.is_user_overridable:
            config = spec.config.model_dump(exclude={"kind", "task"}, exclude_defaults=True)
            lines.append(f"#     config_override: {inline(config)}")
    return [*lines, ""]


def _sentence(spec: TriggerSpec) -> str:
    return " ".join(spec.description.split()) or spec.type


def _memory(definition: AgentDefinition) -> list[str]:
    if definition.memory.namespace is None:
        return []
    lines = [f"# memory namespace: {definition.memory.namespace}"]
    if "instance_suffix" in definition.memory.placeholders():
        lines += ["# memory:", "#   instance_suffix: test"]
    return [*lines, ""]


def _models(definition: AgentDefinition) -> list[str]:
    models = definition.stack.models
    if not models:
        return []
    others = ", ".join(model.id for model in models)
    return [f"# stack_preferences:   # one of {others}", f"#   model: {models[0].id}", ""]
