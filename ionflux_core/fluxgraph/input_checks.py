"""Checks of a node's inputs against the JSON Schema of what it calls, as far as they are written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph import templates
from ionflux_core.fluxgraph.graphs import Spot
from ionflux_core.fluxgraph.reading import Reading
from ionflux_core.fluxgraph.surroundings import Offer
from ionflux_core.limits import PATTERN_SECONDS
from ionflux_core.yaml_text import Path

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip
_WORDS = {"string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
          "array": "a list", "object": "a map", "null": "nothing"}  # fmt: skip
_NOTES = frozenset({"type", "title", "description", "default", "examples"})


def check_inputs(reading: Reading, spot: Spot, offer: Offer) -> None:
    """Report inputs that are missing, unknown, or of the wrong type."""
    schema, given = offer.inputs, spot.node.inputs
    known: Mapping[str, Any] = schema.get("properties") or {}
    path = (*spot.path, "inputs")
    for name in schema.get("required") or ():
        if name not in given:
            place = path if given else spot.path
            reading.report(place, f"Input {name!r} is missing.", f"Add {name}: below inputs:.")
    for name, value in given.items():
        if name in known:
            wrong = _problem(reading, known[name], value, (*path, name))
            if wrong:
                where = ".".join(str(step) for step in (name, *wrong.inside))
                message, hint = f"Input {where!r} {wrong.reason}.", _hint(known[name], value)
                reading.report((*path, name, *wrong.inside), message, hint)
        elif schema.get("additionalProperties") is False:
            hint = did_you_mean(name, known)
            reading.report((*path, name), f"There is no input {name[:60]!r} here.", hint, key=True)


class Misfit(NamedTuple):
    """What is wrong with a value, as the end of a sentence, and where inside it."""

    reason: str
    inside: tuple[str | int, ...] = ()


def _problem(reading: Reading, schema: Mapping[str, Any], value: Any, path: Path) -> Misfit | None:
    wrong = misfit(schema, value)
    if wrong and reading.modern is not None and not isinstance(value, bool):
        # 19.90 is text unless a number is meant.
        wrong = misfit(schema, reading.modern.loaded.numbers(reading.modern.written(path)))
    return wrong


def misfit(schema: Mapping[str, Any], value: Any) -> Misfit | None:
    """What is wrong with a written value; None when it fits, or is only known in the run."""
    return misfit_of_data(schema, value, written=True)


def misfit_of_data(schema: Mapping[str, Any], value: Any, *, written: bool = False) -> Misfit | None:
    """What is wrong with a value; unless it is `written` in a document, braces in it are words like any others."""
    if written and isinstance(value, str) and templates.is_template(value):
        if _is_alone(value):
            return None
        value = ""
        schema = {"type": schema["type"]} if "type" in schema else {}
    if schema.keys() <= _NOTES and isinstance(schema.get("type"), str):
        kind = schema["type"]
        fits = isinstance(value, _TYPES.get(kind, (object,))) and (kind == "boolean" or not isinstance(value, bool))
        if fits or (kind == "integer" and isinstance(value, float) and value.is_integer()):
            return None
        return Misfit(f"must be {_WORDS.get(kind, kind)}")
    try:
        return next(_errors(schema, value, written), None)
    except RecursionError:
        return Misfit("cannot be checked: the schema goes round in circles, or the value lies too deep")


def _errors(schema: Mapping[str, Any], value: Any, written: bool) -> Iterator[Misfit]:
    for error in _validator(to_json(schema)).iter_errors(value):
        # What a template comes to is seen when it runs.
        if written and _open(error.instance):
            continue
        where, wanted = tuple(error.absolute_path), error.validator_value
        if error.validator == "type" and isinstance(wanted, str):
            yield Misfit(f"must be {_WORDS.get(wanted, wanted)}", where)
        elif error.validator == "enum":
            yield Misfit(f"must be one of {', '.join(map(str, wanted))}"[:300], where)
        else:
            yield Misfit(f"does not fit: {error.message[:160].rstrip('.')}", where)


def _open(value: Any) -> bool:
    if isinstance(value, str):
        return templates.is_template(value)
    if isinstance(value, dict):
        return any(map(_open, value.values()))
    return isinstance(value, list) and any(map(_open, value))


def _is_alone(text: str) -> bool:
    try:
        return templates.parsed(text).alone
    except Invalid:
        return True


def _hint(schema: Mapping[str, Any], value: Any) -> str:
    if isinstance(schema.get("enum"), list) and isinstance(value, str):
        return did_you_mean(value, [str(each) for each in schema["enum"]])
    if schema.get("type") == "string" and not isinstance(value, dict | list):
        return "Put it in quotes."
    if schema.get("type") in ("number", "integer", "boolean") and isinstance(value, str):
        return "Write it without quotes and units, or as one {{ path }}."
    return "Correct the value."


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> Validator:
    import jsonschema
    from pydantic_core import from_json
    from referencing import Registry

    kind = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": _check_pattern})
    # An empty registry: a schema cannot fetch another one from anywhere.
    made: Validator = kind(from_json(schema), registry=Registry())
    return made


def _check_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """The keyword `pattern` with an engine that stops: a value must not hold up the program."""
    import jsonschema
    import regex  # type: ignore[import-untyped]

    if not isinstance(value, str):
        return
    try:
        if regex.search(pattern, value, timeout=PATTERN_SECONDS) is None:
            yield jsonschema.ValidationError(f"{value[:60]!r} does not match {pattern[:60]!r}")
    except TimeoutError:
        yield jsonschema.ValidationError(f"the pattern {pattern[:60]!r} took too long on it")
    except regex.error:
        yield jsonschema.ValidationError(f"the pattern {pattern[:60]!r} cannot be read")


def _names_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for each in inside:
        yield from _names_in(each)


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Why this is no JSON Schema; empty when it is one."""
    import jsonschema

    if "patternProperties" in _names_in(schema):
        return "patternProperties is not offered: name the properties"
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = ".".join(str(step) for step in error.absolute_path)
        return f"{where}: {error.message}"[:200].removeprefix(": ").rstrip(".")
    return ""
