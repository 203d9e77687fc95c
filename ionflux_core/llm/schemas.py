"""JSON schemas of answers and tools: how a provider wants them, and what is wrong with an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ionflux_core.domain.dialogue import Tool, ToolCall
from ionflux_core.errors import Invalid

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_PROBLEMS_TOLD = 5
_NAMED = frozenset({"properties", "$defs", "definitions"})
_LIMITS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "format", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
})  # fmt: skip
_LEFT_OUT = _LIMITS | {"default", "title"}


def closed(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema with every object closed and all its keys required, as providers want it, and whether that held.

    It does not for a map with free keys; such a schema is sent as a wish, and the answer is checked all the same.
    Limits that strict modes refuse are moved into the descriptions, where the model can read them.
    """
    strict = True

    def walk(part: Any) -> Any:
        nonlocal strict
        if isinstance(part, list):
            return [walk(item) for item in part]
        if not isinstance(part, Mapping):
            return part
        made = {key: walk(value) for key, value in part.items() if key not in _LEFT_OUT and key not in _NAMED}
        for key in _NAMED & part.keys():
            # Names of properties are no keywords: one may well be called "default".
            made[key] = {name: walk(value) for name, value in part[key].items()}
        if told := [f"{key} {part[key]}" for key in part if key in _LIMITS]:
            made["description"] = f"{part.get('description', '')} ({', '.join(told)})".strip()
        if "properties" in part:
            made["required"] = list(part["properties"])
            made.setdefault("additionalProperties", False)
        if part.get("type") == "object" and made.get("additionalProperties") is not False:
            strict = False
        return made

    return walk(schema), strict


def read_answer(text: str, schema: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The data of an answer and None, or None and a sentence that says why it does not fit."""
    try:
        data = from_json(_bare(text))
    except ValueError as error:
        return None, f"This is no JSON: {error}."
    problem = _misfit(data, schema, "The answer")
    return (None, problem) if problem else (data, None)


def misused(calls: tuple[ToolCall, ...], tools: tuple[Tool, ...]) -> dict[str, str]:
    """What is wrong with wishes to use tools, by their id: tools nobody offered, arguments that do not fit."""
    offered = {tool.name: tool for tool in tools}
    found = {}
    for call in calls:
        tool = offered.get(call.name)
        problem = _misfit(call.arguments, tool.parameters, "The arguments") if tool else "There is no such tool."
        if problem:
            found[call.id] = problem
    return found


def check_schema(schema: Mapping[str, Any]) -> None:
    """Invalid when this is no JSON schema."""
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise Invalid(f"This is no JSON schema: {error.message[:300]}.", hint="Correct the schema.") from error


def _misfit(data: Any, schema: Mapping[str, Any], what: str) -> str | None:
    problems = [f"at {problem.json_path}: {problem.message[:200]}" for problem in _validator(schema).iter_errors(data)]
    return f"{what} does not fit the schema: " + "; ".join(problems[:_PROBLEMS_TOLD]) if problems else None


def _validator(schema: Mapping[str, Any]) -> Validator:
    import jsonschema
    from referencing import Registry

    # An empty registry: a reference inside a schema never makes the machine fetch anything.
    return jsonschema.Draft202012Validator(schema, registry=Registry())


def _bare(text: str) -> str:
    """The text without the fence some models put around JSON."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        return text.partition("\n")[2].removesuffix("```")
    return text
