"""Prompt libraries: texts with typed variables, versioned, for agents, pages and people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ionflux_core.errors import Invalid, Problem
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS

VariableType = Literal["text", "number", "date", "json_object"]

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,59})\s*\}\}")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptVariable(_Model):
    """A variable that stands as `{{ name }}` in a prompt's text."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$")
    type: VariableType = "text"
    description: str = Field("", max_length=1_000)
    required: bool = True
    default: Any = None


class PromptDraft(_Model):
    """What a person edits of a prompt."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    text: str = Field("", max_length=TEXT_CHARS)
    variables: list[PromptVariable] = Field([], max_length=50)
    tags: list[str] = Field([], max_length=30)

    @model_validator(mode="after")
    def _variables_and_text_agree(self) -> PromptDraft:
        names = [variable.name for variable in self.variables]
        if len(set(names)) < len(names):
            raise ValueError("each variable is named once")
        if strangers := [name for name in places(self.text) if name not in names]:
            raise ValueError(f"the text names {', '.join(strangers[:5])}, which is no variable of the prompt")
        for variable in self.variables:
            if variable.default is not None:
                as_written(variable, variable.default)
        return self


class Prompt(PromptDraft):
    """A prompt of a library; `derived_from` is {"prompt_id", "version"} of the one it was forked from."""

    id: str
    workspace_id: str
    library_id: str
    author: str
    version: int
    derived_from: dict[str, Any] | None = None
    status: Literal["active", "archived"] = "active"
    created_at: datetime
    updated_at: datetime


class PromptVersion(PromptDraft):
    """A prompt as it was."""

    prompt_id: str
    version: int
    author: str
    message: str
    created_at: datetime


class PromptLibraryDraft(_Model):
    """What a person edits of a library."""

    name: str = Field(min_length=1, max_length=NAME_CHARS)
    description: str = Field("", max_length=TEXT_CHARS)


class PromptLibrary(PromptLibraryDraft):
    """A named collection of prompts."""

    id: str
    workspace_id: str
    status: Literal["active", "archived"] = "active"
    created_at: datetime
    updated_at: datetime


class PromptUse(_Model):
    """Where a prompt is used by its id: a page by one of its blocks, or an agent by its configuration."""

    kind: Literal["page", "agent"]
    id: str
    title: str
    part: str = ""


def places(text: str) -> list[str]:
    """The names that stand as `{{ name }}` in a text, in their order, each once."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def rendered(prompt: PromptDraft, values: Mapping[str, Any]) -> str:
    """The prompt's text with these values in place; Invalid names every variable that is missing or of another type.

    A value is put in as it is: what looks like a variable inside it stays text.
    """
    known = {variable.name: variable for variable in prompt.variables}
    problems = [Problem(f"The prompt has no variable {name[:60]!r}.", path=name[:60]) for name in values.keys() - known]
    filled: dict[str, str] = {}
    for name, variable in known.items():
        value = values.get(name)
        given = variable.default if value is None or value == "" else value
        if given is None:
            if variable.required:
                problems.append(Problem(f"{name} is missing.", variable.description, path=name))
            filled[name] = ""
            continue
        try:
            filled[name] = as_written(variable, given)
        except ValueError as error:
            problems.append(Problem(f"{name} {error}.", path=name))
    if problems:
        raise Invalid(f"The prompt cannot be filled: {problems[0].message}", problems=problems)
    return _PLACE.sub(lambda found: filled.get(found[1], found[0]), prompt.text)


def as_written(variable: PromptVariable, value: Any) -> str:
    """A value of a variable as it stands in the text; ValueError with the end of a sentence when it does not fit."""
    match variable.type:
        case "number":
            return _number(value)
        case "date":
            try:
                return date.fromisoformat(str(value)).isoformat()
            except ValueError as error:
                raise ValueError("must be a date like 2026-11-21") from error
        case "json_object":
            return _json_object(value)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError("must be text")
    return str(value)


def _number(value: Any) -> str:
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if number - number != 0:
        raise ValueError("must be a number")
    return str(value).strip()


def _json_object(value: Any) -> str:
    try:
        data = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise ValueError("must be a JSON object") from error
    if not isinstance(data, dict):
        raise ValueError("must be a JSON object")
    return json.dumps(data, ensure_ascii=False, indent=2)
