"""What can be filled in for a flow's nodes, from the language's own schema and the schemas of what nodes call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from ionflux_core.fluxgraph.document import NODES
from ionflux_core.fluxgraph.schema import json_schema
from ionflux_core.yaml_text import Path

Form = Literal["line", "area", "number", "switch", "choice", "names", "json", "duration", "condition"]


class Field(NamedTuple):
    """One field of a node: where it stands in it, how it is filled in, and what it is for."""

    path: Path
    label: str
    form: Form
    help: str = ""
    needed: bool = False
    choices: tuple[str, ...] = ()
    usual: str = ""
    more: bool = False


_FIRST: Final = ("title",)
_LAST: Final = ("if", "on_error", "retry", "timeout", "scope", "cache", "note")
_OF_FLOW: Final = frozenset({"title", "description", "tags", "limits", "defaults", "value", "input_schema", "output"})
_NEVER: Final = frozenset({"id", "position", "graph", "cases", "parallel", "inputs", "outputs", "after"})
_AREAS: Final = frozenset({"note", "body", "source", "description"})
_LONG_CHARS: Final = 1_000


@lru_cache(maxsize=1)
def fields_by_kind() -> Mapping[str, tuple[Field, ...]]:
    """The fields of each kind of node, its inputs left out; what is seldom needed is marked `more`."""
    parts = json_schema()["$defs"]
    return {kind: tuple(_of_node(kind, parts[model.__name__], parts)) for kind, model in NODES.items()}


@lru_cache(maxsize=1)
def case_fields() -> tuple[Field, ...]:
    """The fields of one case of a switch."""
    parts = json_schema()["$defs"]
    return tuple(_fields((), parts["Case"], parts))


@lru_cache(maxsize=1)
def flow_fields() -> tuple[Field, ...]:
    """The fields of a flow itself; its triggers and schemas are written in the YAML."""
    schema = json_schema()
    found = {each.path: each for each in _fields((), schema, schema["$defs"])}
    named = (each for each in found.values() if each.path[0] in _OF_FLOW)
    return tuple(each._replace(more=each.path[0] in ("defaults", "value"), needed=False) for each in named)


def _of_node(kind: str, model: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[Field]:
    found = list(_fields((), model, parts))
    names = [*_FIRST, *(each.path[0] for each in found if each.path[0] not in (*_FIRST, *_LAST)), *_LAST]
    for name in dict.fromkeys(names):
        for each in found:
            if each.path[0] == name:
                # Of a node's question only the details may wait; when it runs and what if it fails mostly do.
                yield each._replace(more=name in _LAST and name != "if")


def _fields(path: Path, model: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[Field]:
    needed = set(model.get("required", ()))
    for name, schema in model["properties"].items():
        if schema.get("deprecated") or (name in _NEVER and not path) or (name == "graph"):
            continue
        inner = _inner(schema, parts)
        if inner is not None and len(path) < 2 and name != "on_error":
            yield from _fields((*path, name), inner, parts)
        else:
            # What is needed in a map that may be missing is not needed of the node.
            yield _field((*path, name), schema, name in needed and (not path or path[0] in ("approval", "code")))


def _inner(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The map a field holds, when it holds one of ours."""
    for each in (schema, *schema.get("anyOf", ())):
        name = str(each.get("$ref", "")).rpartition("/")[2]
        if name and name != "JsonValue" and "properties" in parts.get(name, {}):
            found: Mapping[str, Any] = parts[name]
            return found
    return None


def _field(path: Path, schema: Mapping[str, Any], needed: bool) -> Field:
    form, choices = _form(str(path[-1]), schema)
    default = schema.get("default")
    usual = "" if default in (None, "", [], {}) or isinstance(default, dict | list) else str(default).lower()
    label = " ".join(str(step) for step in path if step != "with").replace("_", " ").capitalize()
    return Field(path, label, form, str(schema.get("description", "")), needed, choices, usual)


def _form(name: str, schema: Mapping[str, Any]) -> tuple[Form, tuple[str, ...]]:
    options = [each for key in ("anyOf", "oneOf") for each in schema.get(key, ()) if each.get("type") != "null"]
    for each in (schema, *options):
        if "enum" in each:
            return "choice", tuple(str(word) for word in each["enum"])
    if any(each.get("examples") for each in options):
        return "duration", ()
    kinds = {str(kind) for each in (schema, *options) for kind in _kinds(each)}
    if {"string", "boolean"} <= kinds:
        return "condition", ()
    if "string" in kinds and "array" not in kinds:
        return ("area" if name in _AREAS else "line"), ()
    if kinds & {"integer", "number"}:
        return "number", ()
    if "boolean" in kinds:
        return "switch", ()
    return ("names" if "array" in kinds and "string" not in kinds and _of_words(schema) else "json"), ()


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", ())
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _of_words(schema: Mapping[str, Any]) -> bool:
    return "string" in _kinds(schema.get("items") or {})


def input_fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields for the inputs of what a node calls, from its JSON Schema; what is needed comes first."""
    needed = set(schema.get("required", ()))
    found = []
    for name, each in (schema.get("properties") or {}).items():
        field = _field(("inputs", name), each if isinstance(each, Mapping) else {}, name in needed)
        form = "area" if field.form == "line" and _is_long(name, each) else field.form
        found.append(field._replace(label=_words(name, each), form=form))
    return tuple(sorted(found, key=lambda field: not field.needed))


def _is_long(name: str, schema: Mapping[str, Any]) -> bool:
    most = schema.get("maxLength")
    return (isinstance(most, int) and most > _LONG_CHARS) or name in ("text", "template", "body", "prompt", "message")


def _words(name: str, schema: Mapping[str, Any]) -> str:
    return str(schema.get("title") or name.replace("_", " ").capitalize())
