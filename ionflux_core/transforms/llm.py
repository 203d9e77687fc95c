"""A language model: an answer, a form filled in from a text, a label chosen."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from pydantic import Field

from ionflux_core.errors import AgentFailed
from ionflux_core.sdk import Asking, Completion, Context
from ionflux_core.transforms import schemas
from ionflux_core.transforms.base import Example, transform

_ENGINE = {"kind": "llm", "name": "example", "version": "1", "seed": None}
Prompt = Annotated[str, Field(min_length=1, max_length=200_000)]
Model = Annotated[str, Field(max_length=200)]


class Answer(TypedDict):
    """A model's answer, and what made it."""

    text: Annotated[str, "The answer."]
    engine: Annotated[dict[str, Any], "What answered: kind, name, version."]
    tokens_in: Annotated[int, "Tokens that were read."]
    tokens_out: Annotated[int, "Tokens that were written."]


@transform(
    "llm.complete",
    title="Ask a model",
    examples=[Example("One answer", {"prompt": "Name a colour of the sea."},
                      {"text": "Blue.", "engine": _ENGINE, "tokens_in": 6, "tokens_out": 2})],
)  # fmt: skip
def complete(
    ctx: Context,
    prompt: Annotated[Prompt, "What is asked."],
    system: Annotated[str, "How the model should behave.", Field(max_length=20_000)] = "",
    max_tokens: Annotated[int, "At most so many tokens.", Field(ge=1, le=32_000)] = 1_000,
    temperature: Annotated[float, "How freely it answers; -1 leaves it to the model.", Field(ge=-1, le=2)] = -1.0,
    model: Annotated[Model, "provider:name, in place of the workspace's model."] = "",
) -> Answer:
    """Ask the workspace's model. Without a key the built-in engine answers with sentences of the prompt, labelled."""
    how: Asking = {"system": system or None, "max_tokens": max_tokens}
    if temperature >= 0:
        how["temperature"] = temperature
    answer = ctx.llm.complete(prompt, **_with(model, how))
    return {
        "text": answer.text, "engine": answer.engine, "tokens_in": answer.tokens_in, "tokens_out": answer.tokens_out,
    }  # fmt: skip


class Extracted(TypedDict):
    """What was read out of a text."""

    data: Annotated[Any, "A value that fits the schema."]
    engine: Annotated[dict[str, Any], "What read it."]


@transform(
    "llm.extract",
    title="Read data out of a text",
    examples=[Example("An order in a mail",
                      {"text": "Please send me two of A1. Ana",
                       "schema": {"type": "object", "properties": {"sku": {"type": "string"},
                                                                   "pieces": {"type": "integer"}}}},
                      {"data": {"sku": "A1", "pieces": 2}, "engine": _ENGINE})],
)  # fmt: skip
def extract(
    ctx: Context,
    text: Annotated[Prompt, "The text to read."],
    schema: Annotated[dict[str, Any], "The JSON Schema of what is looked for; its descriptions are read, too."],
    instruction: Annotated[str, "What to look for, in words.", Field(max_length=4_000)] = "",
    model: Annotated[Model, "provider:name, in place of the workspace's model."] = "",
) -> Extracted:
    """Let a model fill in a form from a text; the answer fits the schema or the step fails. It needs a model's key."""
    schemas.check(schema)
    asked = instruction or "Read the following text and give what the form asks for. Leave out what it does not say."
    answer = ctx.llm.complete(f"{asked}\n\n<text>\n{text}\n</text>", **_with(model, {"schema": schema}))
    return {"data": _data(answer), "engine": answer.engine}


class Classified(TypedDict):
    """The label of a text."""

    label: Annotated[str, "One of the labels."]
    reason: Annotated[str, "Why, in the model's words."]
    engine: Annotated[dict[str, Any], "What chose it."]


@transform(
    "llm.classify",
    title="Choose a label",
    examples=[Example("A mail", {"text": "Where is my parcel?", "labels": ["delivery", "refund", "other"]},
                      {"label": "delivery", "reason": "It asks for a parcel.", "engine": _ENGINE})],
)  # fmt: skip
def classify(
    ctx: Context,
    text: Annotated[Prompt, "The text."],
    labels: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]], "The labels to choose from.",
        Field(min_length=2, max_length=50),
    ],
    instruction: Annotated[str, "What the labels mean.", Field(max_length=4_000)] = "",
    model: Annotated[Model, "provider:name, in place of the workspace's model."] = "",
) -> Classified:  # fmt: skip
    """Let a model choose the label that fits a text best. It needs a model's key."""
    form = {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Why, in one short sentence."},
            "label": {"type": "string", "enum": list(dict.fromkeys(labels))},
        },
        "required": ["reason", "label"],
        "additionalProperties": False,
    }
    asked = f"Choose the label that fits the text best.\n{instruction}".strip()
    answer = ctx.llm.complete(f"{asked}\n\n<text>\n{text}\n</text>", **_with(model, {"schema": form}))
    data = _data(answer)
    return {"label": data["label"], "reason": data["reason"], "engine": answer.engine}


def _with(model: str, how: Asking) -> Asking:
    if model:
        how |= {"models": [model], "pinned": True}
    return how


def _data(answer: Completion) -> Any:
    if answer.data is None:
        raise AgentFailed("The model has not filled in the form.", hint="Ask for less, or choose another model.")
    return answer.data
