"""What is remembered from run to run, found again by what it means."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from pydantic import Field

from ionflux_core.sdk import Context
from ionflux_core.transforms.base import EMPTY, Example, transform

Memory = Annotated[str, Field(min_length=1, max_length=20_000)]


class Remembered(TypedDict):
    """A memory that was stored."""

    id: Annotated[str, "Its id; empty in a dry run, which remembers nothing."]


@transform(
    "memory.remember",
    title="Remember a text",
    examples=[Example("A wish", {"text": "Ana likes linen.", "id": "ana"}, {"id": "ana"})],
)
def remember(
    ctx: Context,
    text: Annotated[Memory, "The text."],
    metadata: Annotated[dict[str, Any], "What is kept beside it."] = EMPTY,
    id: Annotated[str, "The same id replaces what was remembered under it.", Field(max_length=200)] = "",
) -> Remembered:
    """Store a text so that it can be found by what it means."""
    return {"id": ctx.memory.remember(text, metadata or None, id=id or None)}


class Recalled(TypedDict):
    """Memories that came back."""

    memories: Annotated[list[dict[str, Any]], "Best first: text, score (-1 to 1) and metadata."]
    total: Annotated[int, "How many."]


@transform(
    "memory.recall",
    title="Recall texts",
    examples=[Example("Who likes what", {"query": "linen", "limit": 1},
                      {"memories": [{"text": "Ana likes linen.", "score": 0.5, "metadata": {}}], "total": 1})],
)  # fmt: skip
def recall(
    ctx: Context,
    query: Annotated[Memory, "What is looked for, in words."],
    limit: Annotated[int, "At most so many.", Field(ge=1, le=100)] = 5,
    least_score: Annotated[float, "Only what is at least so alike, from -1 to 1.", Field(ge=-1, le=1)] = -1.0,
) -> Recalled:
    """Find the texts nearest in meaning to a query."""
    found = [
        {"text": each.text, "score": each.score, "metadata": dict(each.metadata)}
        for each in ctx.memory.recall(query, limit=limit)
        if each.score >= least_score
    ]
    return {"memories": found, "total": len(found)}
