"""What a call in words becomes: the inputs of an agent, and its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core.catalog.manifest import did_you_mean
from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.domain.slash import AgentCall, read_json
from ionflux_core.errors import Invalid, IonfluxError, Problem

_TEXTS = ("string", "json")


def inputs_of(definition: AgentDefinition, call: AgentCall) -> tuple[dict[str, Any], str | None]:
    """The inputs and the task word of a call; Invalid names what does not fit.

    Words that are one of the agent's tasks choose it; others go into the input that takes words.
    """
    named = {key: _value(definition, key, text) for key, text in call.named.items()}
    inputs = {**call.inputs, **named}
    if not call.task:
        return inputs, None
    task = task_of(definition, call.task)
    if task is not None:
        return inputs, task
    spec = words_input(definition, taken=inputs)
    if spec is None:
        raise Invalid(
            f"{definition.name} takes no words.",
            hint=_what_it_takes(definition),
            code="takes_no_words",
        )
    return {**inputs, spec.key: call.task}, None


def task_of(definition: AgentDefinition, words: str) -> str | None:
    """The task that words name, by its key or title; None when they name none."""
    wanted = words.strip().casefold()
    known = {spec.key.casefold(): spec.key for spec in definition.tasks}
    known |= {spec.title.casefold(): spec.key for spec in definition.tasks}
    return known.get(wanted)


def words_input(definition: AgentDefinition, taken: Mapping[str, Any] | None = None) -> InputSpec | None:
    """The input that free words go into: `task`, else the first text that is asked for at the start."""
    free = [spec for spec in definition.inputs if spec.key not in (taken or {}) and not spec.accepted_values]
    own = [spec for spec in free if spec.key == "task" and spec.type in _TEXTS]
    asked = [spec for spec in free if spec.type == "string" and spec.runtime_promptable]
    return next(iter([*own, *asked]), None)


def _value(definition: AgentDefinition, key: str, text: str) -> Any:
    """A named parameter as its input's type wants it."""
    spec = definition.input(key)
    if spec is None:
        hint = did_you_mean(key, [each.key for each in definition.inputs])
        problem = Problem(f"{definition.name} has no input {key[:60]!r}.", hint=hint, path=f"inputs.{key}")
        raise Invalid(problem.message, problems=[problem], hint=hint)
    if spec.type in ("string", "url", "file"):
        return text
    try:
        return read_json(text) if text else None
    except IonfluxError:
        # What is no JSON is taken as text; where the input wants something else, the start says so.
        return text


def _what_it_takes(definition: AgentDefinition) -> str:
    named = [spec.key for spec in definition.inputs if spec.runtime_promptable]
    parts = [f"Its tasks: {', '.join(spec.key for spec in definition.tasks)}."] if definition.tasks else []
    parts += [f"Name its inputs: {', '.join(f'{key}=…' for key in named)}."] if named else []
    return " ".join(parts) or "Start it without words."
