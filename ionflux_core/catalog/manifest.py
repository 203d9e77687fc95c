"""Manifests (agent.yaml) read into definitions, and the JSON Schemas that editors complete from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.domain.health import HealthSpec
from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.domain.suggestions import did_you_mean as did_you_mean
from ionflux_core.domain.triggers import CONFIG_MODELS, TriggerSpec
from ionflux_core.errors import Invalid, NotFound, Problem
from ionflux_core.limits import MINUTES_PER_RUN, YAML_BYTES
from ionflux_core.yaml_text import Loaded, load
from ionflux_core.yaml_text import Path as YamlPath

TOP_KEYS = {
    "inputs": "Values for the agent's inputs.",
    "triggers": "Which triggers are on, and changes where the definition allows them.",
    "memory": "Parts of the memory namespace, such as instance_suffix.",
    "stack_preferences": "Which of the agent's models to use.",
    "advanced_features": "Experiments and extras the agent knows.",
    "output_to_canvas_block": "The canvas block that shows the output.",
    "snippet_preview_output_key": "The output shown as preview.",
    "health": "When this agent counts as well, where that differs from what its author says.",
    "value": "What a successful run is worth, as you estimate it: minutes_per_run, and how sure you are of it.",
}
_VALUE: dict[str, Any] = {
    "minutes_per_run": {
        "type": "number", "exclusiveMinimum": 0, "maximum": MINUTES_PER_RUN,
        "description": "Minutes of a person's time that a successful run returns; booked as the owner's estimate.",
    },
    "confidence": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure you are of it."},
}  # fmt: skip
JSON_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "float": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "url": {"type": "string", "format": "uri"},
    "file": {"type": ["string", "object"]},
    "json": {},
}


def read_manifest(path: Path) -> AgentDefinition:
    """The definition in an agent.yaml; Invalid names every problem with its line, column and hint."""
    try:
        with path.open("rb") as file:
            loaded = load(file.read(YAML_BYTES + 1))
    except OSError as error:
        raise NotFound(f"{path.name} of {path.parent.name} cannot be read.", hint=str(error.strerror or "")) from error
    definition, problems = _definition(loaded, path)
    if definition is None or problems:
        raise Invalid(
            f"The manifest of {path.parent.name} has {len(problems)} problem{'s' if len(problems) > 1 else ''}: "
            f"{problems[0]}",
            problems=problems,
            hint=problems[0].hint,
        )
    return definition.model_copy(update={"planned": not (path.parent / "agent.py").is_file()})


def _definition(loaded: Loaded, path: Path) -> tuple[AgentDefinition | None, list[Problem]]:
    folder = path.parent.name
    if not isinstance(loaded.data, dict):
        return None, [_problem(loaded, (), "A manifest is a map of keys and values.", "Start with slug: and id:.")]
    data = {"slug": folder, **loaded.data, "inputs": _with_numbers(loaded)}
    problems = []
    if "planned" in loaded.data:
        problems.append(_problem(loaded, ("planned",), "'planned' is not set by hand.", "Remove the line."))
    try:
        definition = AgentDefinition.model_validate(data)
    except ValidationError as error:
        # A config of no known kind follows from a wrong type, which is reported on its own.
        details = [detail for detail in error.errors(include_url=False) if detail["type"] != "union_tag_not_found"]
        problems += [_explained(loaded, detail) for detail in details]
        return None, sorted(problems, key=lambda problem: (problem.line, problem.column))
    if definition.slug != folder:
        message = f"The slug {definition.slug!r} is not the folder's name {folder!r}."
        problems.append(_problem(loaded, ("slug",), message, "Give both the same name."))
    return definition, problems


def _with_numbers(loaded: Loaded) -> Any:
    """The inputs with decimals such as 19.90 read as numbers, but where the input's type is text."""
    for name in ("inputs", "inputs_schema_json_array", "inputs_schema"):
        written = loaded.data.get(name)
        if isinstance(written, list):
            meant = loaded.numbers((name,))
            return [
                item if not isinstance(item, dict) or item.get("type", item.get("data_type")) == "string" else number
                for item, number in zip(written, meant, strict=True)
            ]
        if written is not None:
            return written
    return []


def _explained(loaded: Loaded, detail: ErrorDetails) -> Problem:
    path, written = _place_of(loaded.data, detail["loc"])
    name = str(detail["loc"][-1]) if detail["loc"] else "The manifest"
    kind = detail["type"]
    if kind == "missing":
        return _problem(loaded, path, f"{name!r} is missing.", "Add it here.")
    if kind == "extra_forbidden":
        return _problem(loaded, path, f"{name!r} is not a known key.", did_you_mean(name, _all_keys()), key=True)
    message = detail["msg"].removeprefix("Value error, ")
    sentence = message if kind == "value_error" else f"{name!r}: {message[:1].lower()}{message[1:]}"
    return _problem(loaded, path, sentence.rstrip(".") + ".", "Correct the value." if written else "")


def _place_of(data: Any, location: tuple[int | str, ...]) -> tuple[YamlPath, bool]:
    """The written path that comes nearest to a validation error's location, and whether all of it is written."""
    path: YamlPath = ()
    complete = True
    for step in location:
        spelled = _spelled(data, step)
        if spelled is None:
            complete = False
            continue
        path, data = (*path, spelled), data[spelled]
    return path, complete


def _spelled(data: Any, step: int | str) -> int | str | None:
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return step
    if not isinstance(data, dict):
        return None
    if step in data:
        return step
    older = {old for model in _models() for old, new in model.older_names.items() if new == step}
    return next((key for key in data if key in older), None)


def _models(base: type[SpelledModel] = SpelledModel) -> list[type[SpelledModel]]:
    return [model for child in base.__subclasses__() for model in (child, *_models(child))]


def _all_keys() -> set[str]:
    return {name for model in _models() for name in model.model_fields}


def _problem(loaded: Loaded, path: YamlPath, message: str, hint: str, *, key: bool = False) -> Problem:
    line, column = loaded.key_position(path) if key else loaded.position(path)
    return Problem(message, hint=hint, path=".".join(str(step) for step in path), line=line, column=column)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of agent.yaml."""
    schema = AgentDefinition.model_json_schema()
    schema["properties"].pop("planned", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "IONFLUX agent.yaml"}


def configuration_schema(definition: AgentDefinition) -> dict[str, Any]:
    """The JSON Schema of an instance's YAML: the top keys, the definition's inputs, triggers and models."""
    parts: dict[str, dict[str, Any]] = {
        "inputs": _map({spec.key: _input_schema(spec) for spec in definition.inputs}),
        "triggers": {"type": "array", "items": {"anyOf": [_trigger_schema(spec) for spec in definition.triggers]}},
        "memory": _map({name: {"type": "string"} for name in memory_keys(definition)}),
        "stack_preferences": _map({"model": {"enum": [model.id for model in definition.stack.models]}}),
        "advanced_features": {"type": "object"},
        "output_to_canvas_block": {"anyOf": [{"type": "string"}, _canvas_target(definition)]},
        "snippet_preview_output_key": {"enum": [spec.key for spec in definition.outputs]},
        "value": _map(_VALUE),
        "health": _map(HealthSpec.model_json_schema()["properties"]),
    }
    if not definition.triggers:
        parts["triggers"]["items"] = False
    properties = {key: {"description": TOP_KEYS[key], **part} for key, part in parts.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Configuration of {definition.name}",
        **_map(properties),
    }


def _canvas_target(definition: AgentDefinition) -> dict[str, Any]:
    outputs = {"enum": [spec.key for spec in definition.outputs]}
    mapping = _map({"target_block_id": {"type": "string", "minLength": 1}, "output_key_to_map": outputs})
    return {**mapping, "required": ["target_block_id"]}


def memory_keys(definition: AgentDefinition) -> tuple[str, ...]:
    """What an instance may fill in its memory namespace: everything but the ids the workspace gives."""
    given = {"workspace_id", "agent_id", "instance_id"}
    own = tuple(name for name in definition.memory.placeholders() if name not in given)
    return tuple(dict.fromkeys(("instance_suffix", *own)))


def _map(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _input_schema(spec: InputSpec) -> dict[str, Any]:
    schema = dict(JSON_TYPES[spec.type])
    schema["description"] = spec.description
    if spec.accepted_values:
        schema["enum"] = list(spec.accepted_values)
    if spec.default is not None:
        schema["default"] = spec.default
    if spec.example is not None:
        schema["examples"] = [spec.example]
    return schema


def inputs_schema(definition: AgentDefinition, *, given: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON Schema of what a run of an agent is given; `given` names inputs that are supplied elsewhere."""
    supplied = set(given)
    schema = _map({spec.key: _input_schema(spec) for spec in definition.inputs})
    needed = [spec.key for spec in definition.inputs if spec.required and spec.default is None]
    return {**schema, "required": [key for key in needed if key not in supplied]}


def _trigger_schema(spec: TriggerSpec) -> dict[str, Any]:
    name = {"enum": [spec.key]}
    properties: dict[str, Any] = {
        "key": {**name, "description": spec.description},
        "trigger_definition_key": name,
        "enabled": {"type": "boolean"},
    }
    if spec.is_user_overridable:
        config = CONFIG_MODELS[spec.type].model_json_schema()
        properties["config_override"] = _map({k: v for k, v in config["properties"].items() if k != "kind"})
    return _map(properties)
