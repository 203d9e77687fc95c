"""What is said to a model and what it may ask back: messages, pictures, tools and its wishes to use them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.limits import IMAGE_BYTES, MIB

ImageType = Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
_MAGIC: Mapping[str, tuple[bytes, bytes]] = {
    "image/png": (b"\x89PNG", b""),
    "image/jpeg": (b"\xff\xd8\xff", b""),
    "image/gif": (b"GIF8", b""),
    "image/webp": (b"RIFF", b"WEBP"),
}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture shown to a model; its bytes must be what the media type says."""

    data: bytes = field(repr=False)
    media_type: ImageType = "image/png"

    def __post_init__(self) -> None:
        begins, later = _MAGIC.get(self.media_type, (b"\0", b"\0"))
        if not self.data.startswith(begins) or later not in self.data[:16]:
            raise Invalid(
                f"The picture is no {str(self.media_type)[:40]}.",
                hint="Give a PNG, JPEG, GIF or WebP file and its type.",
            )
        if len(self.data) > IMAGE_BYTES:
            raise LimitExceeded(f"The picture is larger than {IMAGE_BYTES // MIB} MiB.", hint="Make it smaller first.")

    def reference(self) -> dict[str, Any]:
        """What stands for the picture in a record."""
        sha256 = hashlib.sha256(self.data).hexdigest()
        return {"media_type": self.media_type, "sha256": sha256, "size": len(self.data)}


@dataclass(frozen=True, slots=True)
class Tool:
    """Something a model may ask for; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to use a tool; whether and how it is done is the agent's to decide."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; a `tool` message answers the wish `tool_call_id`."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    def recorded(self) -> dict[str, Any]:
        """The message as plain JSON, pictures by their hash, without what is empty."""
        plain: dict[str, Any] = {"role": self.role, "text": self.text}
        if self.images:
            plain["images"] = [image.reference() for image in self.images]
        if self.tool_calls:
            plain["tool_calls"] = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in self.tool_calls]
        if self.tool_call_id:
            plain["tool_call_id"] = self.tool_call_id
        return plain
