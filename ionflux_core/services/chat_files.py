"""Files in messages: how many and how large, what they are called, and what they are by their own bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ionflux_core import limits
from ionflux_core.errors import Invalid, LimitExceeded

UNKNOWN = "application/octet-stream"
# What each kind of picture begins with, and where.
_PICTURES: Mapping[str, tuple[tuple[int, bytes], ...]] = {
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/gif": ((0, b"GIF8"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
}
# Kept as they are named; everything else is only ever downloaded.
_HARMLESS = frozenset({"text/plain", "text/csv", "text/markdown", "application/json", "application/pdf"})


class ChatFile(NamedTuple):
    """A file as it was sent: its name and media type are what the sender says."""

    name: str
    data: bytes
    media_type: str = UNKNOWN


def checked_files(files: Sequence[ChatFile]) -> list[ChatFile]:
    """The files with plain names and media types that can be believed; errors name the file."""
    if not files:
        raise Invalid("There is no file.", hint="Choose one.")
    if len(files) > limits.MESSAGE_FILES:
        raise LimitExceeded(
            f"A message takes {limits.MESSAGE_FILES} files.", hint="Send the others with another message."
        )
    return [_checked(each) for each in files]


def picture_type(data: bytes) -> str | None:
    """The media type of a picture by its first bytes, or None."""
    for media_type, signs in _PICTURES.items():
        if all(data[at : at + len(sign)] == sign for at, sign in signs):
            return media_type
    return None


def _checked(file: ChatFile) -> ChatFile:
    name = "".join(letter for letter in file.name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    name = name.strip()[:200] or "file"
    if not file.data:
        raise Invalid(f"{name} is empty.", hint="Choose another file.")
    if len(file.data) > limits.UPLOAD_BYTES:
        raise LimitExceeded(f"{name} is larger than {limits.UPLOAD_BYTES // limits.MIB} MiB.", hint="Split it.")
    said = file.media_type.partition(";")[0].strip().lower()
    found = picture_type(file.data)
    if said in _PICTURES and found is None:
        raise Invalid(f"{name} is not the picture it says it is.", hint="Send a PNG, JPEG, GIF or WebP file.")
    return ChatFile(name, file.data, found or (said if said in _HARMLESS else UNKNOWN))
