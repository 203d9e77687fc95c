"""The JSON Schema of a flow's document, from which editors complete and mark mistakes while typing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from ionflux_core.domain.triggers import TRIGGER_TYPES
from ionflux_core.fluxgraph.document import NODES, Flow
from ionflux_core.fluxgraph.document_parts import FLOW_TRIGGERS, FlowTrigger
from ionflux_core.fluxgraph.spellings import NODE_KEYS, RETRY_KEYS
from ionflux_core.fluxgraph.words import meaning

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema in today's spelling; older keys are known to it as deprecated."""
    schema = Flow.model_json_schema(by_alias=True)
    parts: dict[str, Any] = schema["$defs"]
    for name in list(parts):
        if name.endswith("Config") or name == "FlowTrigger":
            del parts[name]
    parts["Trigger"] = _trigger(parts)
    schema["properties"]["triggers"]["items"] = {"$ref": "#/$defs/Trigger"}
    for node in NODES.values():
        _add_older(parts[node.__name__], NODE_KEYS)
        parts[node.__name__]["required"] = sorted({"id", node.kind, *parts[node.__name__].get("required", ())})
    _add_older(parts["Retry"], RETRY_KEYS)
    for name, part in ((Flow.__name__, schema), *parts.items()):
        _tidy(part, name)
    return {"$schema": DIALECT, **schema, "title": "FluxGraph", "description": "A flow of IONFLUX."}


def fields(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Each field of a model as it is written: its name, what it is in words, its default."""
    whole = model.model_json_schema(by_alias=True)
    # A model that holds itself stands among the definitions.
    own = whole if "properties" in whole else whole["$defs"][model.__name__]
    needed = {*own.get("required", ()), getattr(model, "kind", "")}
    if model is FlowTrigger:
        # A trigger without a key is called after its type.
        needed.discard("key")
    for name, field in own["properties"].items():
        shown = "flow" if name == "from_flow" else name
        default = field.get("default")
        empty = default is None or default in ("", [], {})
        plain = "" if empty or isinstance(default, dict) else str(default).lower() if default is True else str(default)
        yield shown, _in_words(field), "needed" if name in needed else f"`{plain}`" if plain else ""


def _in_words(field: dict[str, Any]) -> str:
    if "enum" in field or "const" in field:
        return " or ".join(f"`{each}`" for each in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        return {"JsonValue": "any value"}.get(field["$ref"].rpartition("/")[2], "map")
    for each in ("anyOf", "oneOf"):
        if each in field:
            words = [_in_words(option) for option in field[each] if option.get("type") != "null"]
            return "duration" if field[each][0].get("examples") else " or ".join(dict.fromkeys(words))
    kinds = field.get("type", "any value")
    return " or ".join(_KINDS.get(str(kind), str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds]))


_KINDS = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false", "array": "list",
          "object": "map"}  # fmt: skip


def _trigger(parts: dict[str, Any]) -> dict[str, Any]:
    """Triggers of all kinds, their settings beside the type as they are written."""
    own = FlowTrigger.model_json_schema()["properties"]
    own.pop("config")
    kinds = []
    for kind, model in FLOW_TRIGGERS.items():
        settings = model.model_json_schema(ref_template="#/$defs/{model}")
        parts.update(settings.pop("$defs", {}))
        settable = {name: field for name, field in settings["properties"].items() if name != "kind"}
        required = [name for name in settings.get("required", ()) if name != "kind"]
        if kind == "flow":
            settable["flow"] = settable.pop("from_flow")
            required = ["flow"]
        if kind == "webhook":
            settable["auth"] = {"anyOf": [settable["auth"], _AUTH]}
        words = sorted(word for word, meant in TRIGGER_TYPES.items() if meant == kind)
        whole = {**own, "type": {"enum": words, "default": kind}, **settable}
        for name, field in whole.items():
            whole[name] = {**field, "description": meaning("FlowTrigger", name) or meaning(model.__name__, name)}
            whole[name].pop("title", None)
        kinds.append({
            "title": kind, "description": model.__doc__, "type": "object", "required": ["type", *required],
            "properties": whole,
        })  # fmt: skip
    return {"oneOf": kinds}


_AUTH = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"type": "string"}, "secret": {"type": "string", "pattern": "^secret://"}},
}


def _add_older(part: dict[str, Any], names: dict[str, str]) -> None:
    for older, newer in names.items():
        if newer in part["properties"]:
            part["properties"][older] = {**part["properties"][newer], "deprecated": True,
                                         "description": f"Write {newer}."}  # fmt: skip


def _tidy(part: dict[str, Any], model: str) -> None:
    """Titles made from names tell an editor nothing; what a field means does."""
    for name, field in part.get("properties", {}).items():
        if isinstance(field, dict):
            field.pop("title", None)
            if said := meaning(model, name):
                field["description"] = said
