"""Stored files as a browser gets them: pictures and films in sight, everything else to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ionflux_core.errors import NotFound
from ionflux_core.storage import artifacts
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database

_HEAD_BYTES = 16
ATTACHMENT = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a workspace. `shown_as` is what its first bytes say it is, when a page may show that; else empty."""

    path: Path
    name: str
    size: int
    shown_as: str


class Files:
    """Use-cases around stored files."""

    def __init__(self, db: Database, files: ArtifactFiles) -> None:
        self._db = db
        self._files = files

    def get(self, workspace_id: str, sha256: str) -> StoredFile:
        """A stored file; NotFound when it is not the workspace's own, or gone from the disk."""
        with self._db.glance() as connection:
            row = artifacts.get(connection, workspace_id, sha256)
        if row is None:
            raise NotFound("There is no such file.", hint="Reload the page.")
        path = self._files.path(sha256)
        try:
            with path.open("rb") as opened:
                head = opened.read(_HEAD_BYTES)
        except FileNotFoundError as error:
            raise NotFound("That file is not stored any more.", hint="Upload it again.") from error
        return StoredFile(path, row.name, row.size, kind_of(head))

    @staticmethod
    def address(workspace_id: str, reference: Mapping[str, Any]) -> str:
        """Where a browser gets a file, relative to the program's own address."""
        sha256, name = quote(str(reference.get("sha256", "")), safe=""), quote(str(reference.get("name", "")), safe="")
        return f"files/{quote(workspace_id, safe='')}/{sha256}" + (f"?name={name}" if name else "")


def kind_of(head: bytes) -> str:
    """The media type of a picture or film by its first 16 bytes; empty for what a page does not show."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    return "video/ogg" if head.startswith(b"OggS") else ""
