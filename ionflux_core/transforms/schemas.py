"""JSON Schemas that come from outside: they fetch nothing, and no pattern or comparison in them runs on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.input_checks import schema_problem
from ionflux_core.limits import TRANSFORM_SECONDS
from ionflux_core.transforms import patterns
from ionflux_core.transforms.base import in_place, unfit

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_TOLD: Final = 50
_NODES: Final = 5_000
_UNTIL: ContextVar[float] = ContextVar("schema_until")


def check(schema: dict[str, Any], path: str = "schema") -> None:
    """Invalid when this is no JSON Schema, or one that cannot be offered."""
    if _nodes(schema) > _NODES:
        raise unfit(path, f"The schema has more than {_NODES:,} parts.", "Check a part of the value.")
    if '"patternProperties"' in to_json(schema).decode():
        raise unfit(path, "patternProperties is not offered.", "Name the properties.")
    if said := schema_problem(schema):
        raise unfit(path, f"This is no JSON Schema: {said}.", "Correct the schema.")


def problems(data: Any, schema: dict[str, Any]) -> list[dict[str, str]]:
    """Every place where a value does not fit, as path and message; at most fifty."""
    check(schema)
    found: list[dict[str, str]] = []
    until = _UNTIL.set(time.monotonic() + TRANSFORM_SECONDS)
    try:
        for error in _kind()(schema, registry=_no_registry()).iter_errors(data):
            where = ".".join(str(step) for step in error.absolute_path)
            found.append({"path": where[:300], "message": error.message[:300].rstrip(".")})
            if len(found) >= _TOLD:
                break
    except Invalid as error:
        raise in_place("schema", error) from error
    except RecursionError as error:
        raise unfit("schema", "The schema names itself without end.", "Take out the circle of its $ref.") from error
    except _unresolvable() as error:
        raise unfit("schema", "A $ref of the schema leads nowhere; it may point into the schema only.",
                    "Write #/$defs/name.") from error  # fmt: skip
    finally:
        _UNTIL.reset(until)
    return found


def _nodes(value: Any) -> int:
    count, left = 0, [value]
    while left and count <= _NODES:
        each = left.pop()
        count += 1
        if isinstance(each, dict | list):
            left.extend(each.values() if isinstance(each, dict) else each)
    return count


@cache
def _kind() -> type[Validator]:
    """Draft 2020-12, with patterns against the clock and uniqueness by hashes instead of by pairs."""
    import jsonschema

    def pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[Any]:
        if isinstance(value, str) and not patterns.fits(wanted, value):
            yield jsonschema.ValidationError(f"{value[:60]!r} does not match {wanted!r}")

    def unique(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[Any]:
        if wanted and isinstance(value, list) and len({to_json(each) for each in value}) < len(value):
            yield jsonschema.ValidationError("the list has the same item twice")

    whole = jsonschema.Draft202012Validator
    follow = whole.VALIDATORS["$ref"]

    def reference(validator: Any, where: str, value: Any, schema: Any) -> Iterator[Any]:
        # References to references double what there is to do with every level.
        if time.monotonic() > _UNTIL.get():
            raise Invalid(
                f"The schema took longer than {TRANSFORM_SECONDS:g} s.", hint="Use fewer $ref inside of $ref."
            )
        yield from follow(validator, where, value, schema) or ()

    own = {"pattern": pattern, "uniqueItems": unique, "$ref": reference}
    made: type[Validator] = jsonschema.validators.extend(whole, own)
    return made


def _no_registry() -> Any:
    from referencing import Registry

    # Empty: a schema cannot fetch another one from anywhere.
    return Registry()


def _unresolvable() -> type[Exception]:
    from referencing.exceptions import Unresolvable

    return Unresolvable
