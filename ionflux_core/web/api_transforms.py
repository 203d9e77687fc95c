"""The API's transforms: what there is with its schemas, and trying one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ionflux_core.web.api_here import Answer, Body, Reading, Word

router = APIRouter(tags=["transforms"])


class TransformExample(Answer):
    """What a transform makes of some inputs."""

    title: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class TransformView(Answer):
    """A transform: its names, its JSON Schemas, and what it asks the policies for.

    `acts` says that it acts on the world outside; `alone` that it can be tried without a run.
    """

    id: str
    name: str
    version: int
    family: str
    title: str
    description: str
    scope: str | None
    acts: bool
    alone: bool
    inputs_schema: dict[str, Any]
    outputs_schema: dict[str, Any]
    examples: list[TransformExample]


class TransformList(Answer):
    """Transforms, by name."""

    transforms: list[TransformView]


class TransformInputs(Body):
    """What a transform is given."""

    inputs: dict[str, Any] = {}


class TriedTransform(Answer):
    """What a transform came to, with the lines it logged."""

    outputs: dict[str, Any]
    log: list[dict[str, Any]]
    milliseconds: float


@router.get("/transforms")
def list_transforms(here: Reading, text: Word = "", family: Annotated[str, Query(max_length=60)] = "") -> TransformList:
    """Every transform a flow can use, with its schemas; `text` looks for words, `family` for data, text, time ..."""
    found = here.application.transforms.find(family=family, text=text)
    return TransformList(transforms=[TransformView.model_validate(each) for each in found])


@router.get("/transforms/{name}")
def get_transform(here: Reading, name: str) -> TransformView:
    """One transform by its name, such as text.split or text.split@1."""
    return TransformView.model_validate(here.application.transforms.get(name))


@router.post("/transforms/{name}/try")
def try_transform(here: Reading, name: str, given: TransformInputs) -> TriedTransform:
    """Run a transform that needs no run by itself; nothing is kept. One that acts is tried in a flow, as a dry run."""
    tried = here.application.transforms.try_it(here.workspace_id, name, given.inputs, here.who.name)
    return TriedTransform.model_validate(tried)
