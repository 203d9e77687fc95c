"""Files that are kept with the run, addressed by their content."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field
from pydantic_core import from_json, to_json

from ionflux_core.sdk import Context
from ionflux_core.transforms.base import Example, Name, transform, unfit


class Stored(TypedDict):
    """A stored file."""

    file: Annotated[dict[str, Any], "Its sha256, name, media_type and size: what inputs of type file take."]


@transform(
    "store.put",
    title="Keep a file",
    examples=[Example("A note", {"name": "note.txt", "content": "Hello"},
                      {"file": {"sha256": "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969",
                                "name": "note.txt", "media_type": "text/plain", "size": 5}})],
)  # fmt: skip
def put(
    ctx: Context,
    name: Annotated[Name, "The file's name."],
    content: Annotated[Any, "A text as it is; anything else is written as JSON."],
    encoding: Annotated[Literal["text", "base64"], "Whether the text is the file, or its bytes in base64."] = "text",
    media_type: Annotated[
        str, "What it is, such as text/csv; else guessed from what is given.", Field(max_length=100)
    ] = (""),
) -> Stored:
    """Keep a file with the run. The same content is stored once."""
    kind = media_type or _kind(content, encoding)
    ref = ctx.artifact(name, _raw(content, encoding), media_type=kind)
    return {"file": {"sha256": ref.sha256, "name": ref.name, "media_type": ref.media_type, "size": ref.size}}


class Read(TypedDict):
    """What a file holds."""

    text: Annotated[str, "The text, or the bytes in base64; empty when it was read as JSON."]
    data: Annotated[Any, "The value, when it was read as JSON."]
    size: Annotated[int, "Bytes."]


@transform(
    "store.get",
    title="Read a file",
    examples=[Example("A note", {"file": {"sha256": "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969",
                                          "name": "note.txt", "media_type": "text/plain", "size": 5}},
                      {"text": "Hello", "data": None, "size": 5})],
)  # fmt: skip
def get(
    ctx: Context,
    file: Annotated[dict[str, Any], "A stored file: an input of type file, or the output of store.put."],
    read_as: Annotated[Literal["text", "json", "base64"], "How its bytes are given."] = "text",
) -> Read:
    """Read a stored file."""
    raw = ctx.read_file(file)
    if read_as == "base64":
        return {"text": base64.b64encode(raw).decode(), "data": None, "size": len(raw)}
    if read_as == "text":
        return {"text": raw.decode("utf-8", "replace"), "data": None, "size": len(raw)}
    try:
        return {"text": "", "data": from_json(raw, allow_inf_nan=False), "size": len(raw)}
    except ValueError as error:
        raise unfit("file", "The file is no JSON.", "Read it as text.") from error


def _raw(content: Any, encoding: str) -> bytes:
    if encoding == "text":
        return content.encode() if isinstance(content, str) else to_json(content, indent=2)
    try:
        return base64.b64decode(content if isinstance(content, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise unfit("content", "The content is not base64.", "Leave the encoding out for text.") from error


def _kind(content: Any, encoding: str) -> str:
    if encoding == "base64":
        return "application/octet-stream"
    return "text/plain" if isinstance(content, str) else "application/json"
