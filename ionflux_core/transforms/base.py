"""What a transform is: one typed function, its schemas made from its types, its inputs and outputs checked.

    @transform("text.shout", title="Shout", examples=[Example("A word", {"text": "hey"}, {"text": "HEY!"})])
    def shout(text: Annotated[str, "What to shout."]) -> Said:
        \"\"\"Put a text into capitals.\"\"\"
        return {"text": text.upper() + "!"}

A text in an annotation describes the input or output; a default makes an input optional. A first parameter `ctx` is the
Context of the run. Outputs are a TypedDict.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import AgentFailed, Invalid, IonfluxError, LimitExceeded, Problem
from ionflux_core.limits import JSON_DEPTH, OUTPUT_BYTES, TRANSFORM_ITEMS, TRANSFORM_TEXT_CHARS, TRANSFORM_VALUES
from ionflux_core.sdk import Context

Items: TypeAlias = Annotated[list[Any], Field(max_length=TRANSFORM_ITEMS)]
"""A list of any plain values."""
Rows: TypeAlias = Annotated[list[dict[str, Any]], Field(max_length=TRANSFORM_ITEMS)]
"""A list of maps."""
Text: TypeAlias = Annotated[str, Field(max_length=TRANSFORM_TEXT_CHARS)]
"""A text of at most four million characters."""
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
"""A short text that is there."""
EMPTY: dict[str, Any] = {}
"""The default of a map."""
NONE: list[Any] = []
"""The default of a list."""

_CONFIG = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
_REASONS = {
    "string_type": "must be text", "int_type": "must be a whole number", "float_type": "must be a number",
    "bool_type": "must be true or false", "list_type": "must be a list", "dict_type": "must be a map",
    "finite_number": "must be a number",
}  # fmt: skip
_MIB = OUTPUT_BYTES // 1024 // 1024


class Example(NamedTuple):
    """What a transform makes of some inputs; tests run it and the documentation prints it."""

    title: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class _Slot(NamedTuple):
    """One input or output: how it is checked, and its JSON Schema."""

    adapter: TypeAdapter[Any]
    schema: dict[str, Any]
    required: bool


@dataclass(frozen=True)
class Transform:
    """A transform: its names, its schemas, and how it is run.

    `scope` is what it asks the workspace's policies for. `acts` says that it acts on the world outside or parks the
    run, so that it must not be called inside of a journaled step. `alone` says that it uses nothing of a run but its
    time and its log, so that it can be tried without one.
    """

    name: str
    version: int
    family: str
    title: str
    examples: tuple[Example, ...]
    scope: str | None
    acts: bool
    alone: bool
    function: Callable[..., Mapping[str, Any]]

    @property
    def id(self) -> str:
        """Name and version, such as text.template@1."""
        return f"{self.name}@{self.version}"

    @property
    def description(self) -> str:
        """What it does, in a sentence or two."""
        return inspect.getdoc(self.function) or ""

    @cached_property
    def takes_context(self) -> bool:
        """Whether it is given the run's Context."""
        return next(iter(inspect.signature(self.function).parameters), "") == "ctx"

    @cached_property
    def _inputs(self) -> dict[str, _Slot]:
        hints = get_type_hints(self.function, include_extras=True)
        parameters = inspect.signature(self.function).parameters
        return {name: _slot(hints[name], parameter.default) for name, parameter in parameters.items() if name != "ctx"}

    @cached_property
    def _outputs(self) -> dict[str, _Slot]:
        given = get_type_hints(self.function)["return"]
        hints = get_type_hints(given, include_extras=True)
        return {name: _slot(hint, inspect.Parameter.empty) for name, hint in hints.items()}

    @cached_property
    def inputs_schema(self) -> dict[str, Any]:
        """The JSON Schema of its inputs; nothing else may be given."""
        return _schema(self._inputs)

    @cached_property
    def outputs_schema(self) -> dict[str, Any]:
        """The JSON Schema of its outputs."""
        return _schema(self._outputs)

    @cached_property
    def outputs(self) -> frozenset[str]:
        """The names of its outputs."""
        return frozenset(get_type_hints(get_type_hints(self.function)["return"]))

    def run(self, ctx: Context, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Its outputs as plain JSON of at most 16 MiB.

        Inputs are plain JSON; Invalid names every one that is missing, unknown or of the wrong kind.
        """
        given = self._checked(inputs)
        made = self.function(ctx, **given) if self.takes_context else self.function(**given)
        try:
            outputs: dict[str, Any] = plain(dict(made))
        except TooLarge as error:
            raise LimitExceeded(f"What {self.id} came to {error}.", hint="Store a file with store.put.") from error
        except NotPlain as error:
            raise AgentFailed(f"What {self.id} came to {error}.", hint="Check its inputs.", code="not_json") from error
        return outputs

    def problems(self, inputs: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with inputs, each by its path; nothing is run."""
        return self._read(inputs)[1]

    def _checked(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        given, problems = self._read(inputs)
        if problems:
            told = " ".join(problem.message for problem in problems[:3])
            raise Invalid(f"{self.id} cannot be run: {told}", problems=problems, hint=problems[0].hint)
        return given

    def _read(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """The inputs that fit, and what is wrong with the others."""
        problems = [Problem(f"Input {name!r} is missing.", f"Add {name}.", path=name)
                    for name, slot in self._inputs.items() if slot.required and name not in inputs]  # fmt: skip
        given: dict[str, Any] = {}
        for name, value in inputs.items():
            slot = self._inputs.get(name)
            if slot is None:
                hint = did_you_mean(str(name), self._inputs)
                problems.append(Problem(f"There is no input {str(name)[:60]!r} here.", hint, path=str(name)[:200]))
                continue
            try:
                given[name] = slot.adapter.validate_python(plain(value))
            except NotPlain as error:
                problems.append(Problem(f"Input {name!r} {error}.", "Give plain JSON.", path=name))
            except ValidationError as error:
                problems.extend(_problems(name, error))
        return given, problems


def transform(
    name: str,
    *,
    title: str,
    examples: Sequence[Example],
    version: int = 1,
    family: str = "",
    scope: str | None = None,
    acts: bool = False,
    alone: bool | None = None,
) -> Callable[[Callable[..., Mapping[str, Any]]], Transform]:
    """Make a transform of a typed function; see the module.

    Without `family` it is the first part of the name. Without `alone` a transform is, when it takes no Context.
    """

    def made(function: Callable[..., Mapping[str, Any]]) -> Transform:
        takes_context = function.__code__.co_varnames[:1] == ("ctx",)
        return Transform(
            name=name,
            version=version,
            family=family or name.partition(".")[0],
            title=title,
            examples=tuple(examples),
            scope=scope,
            acts=acts,
            alone=not takes_context if alone is None else alone,
            function=function,
        )

    return made


class NotPlain(Exception):
    """A value that is no plain JSON; its text ends a sentence that begins with the value's name."""


class TooLarge(NotPlain):
    """A value that is plain JSON and too much of it."""


def plain(value: Any) -> Any:
    """A copy of a value as plain JSON; NotPlain when it nests too deep, is too large, or has no form in JSON."""
    if value is None or isinstance(value, bool):
        return value
    _check_shape(value)
    try:
        raw = to_json(value)
    except (ValueError, RecursionError) as error:
        raise NotPlain("holds what JSON has no form for, such as half of a character") \
            from error  # fmt: skip
    if len(raw) > OUTPUT_BYTES:
        raise TooLarge(f"is larger than {_MIB} MiB")
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise NotPlain("holds a number that is none, such as NaN, or one with too many digits") from error


def number(value: float) -> int | float:
    """A figure as people write it: without a fraction when it has none. Invalid for NaN and Infinity."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Invalid(
            "The result is no number.", hint="Look for a division by zero, or for numbers that are too large."
        )
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def unfit(path: str, message: str, hint: str) -> Invalid:
    """An error about one input."""
    return Invalid(message, problems=[Problem(message, hint, path=path)], hint=hint)


def in_place(path: str, error: IonfluxError) -> Invalid:
    """An error that came up while an input was read, as one about this input."""
    return Invalid(error.message, problems=[Problem(error.message, error.hint, path=path)], hint=error.hint,
                   code=error.code)  # fmt: skip


def _slot(hint: Any, default: Any) -> _Slot:
    told = [each for each in get_args(hint)[1:] if isinstance(each, str)] if get_origin(hint) is Annotated else []
    adapter: TypeAdapter[Any] = TypeAdapter(hint, config=_CONFIG)
    schema = _untitled(adapter.json_schema())
    if told:
        schema["description"] = told[0]
    required = default is inspect.Parameter.empty
    if not required:
        schema["default"] = default
    return _Slot(adapter, schema, required)


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _schema(slots: Mapping[str, _Slot]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: slot.schema for name, slot in slots.items()},
        "required": [name for name, slot in slots.items() if slot.required],
        "additionalProperties": False,
    }


def _problems(name: str, error: ValidationError) -> list[Problem]:
    found = []
    for detail in error.errors(include_url=False, include_input=False)[:5]:
        where = ".".join([name, *(str(step) for step in detail["loc"])])
        reason = _REASONS.get(detail["type"]) or f"does not fit: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
        if detail["type"] == "literal_error":
            reason = f"must be {detail['ctx']['expected']}"
        found.append(Problem(f"Input {where!r} {reason}.", "Correct the value.", path=where))
    return found


def _check_shape(value: Any) -> None:
    level = [value]
    for _ in range(JSON_DEPTH + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
        if len(level) > TRANSFORM_VALUES:
            raise TooLarge(f"has more than {TRANSFORM_VALUES:,} values")
    raise NotPlain(f"nests deeper than {JSON_DEPTH} levels")
