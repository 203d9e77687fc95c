"""Pictures, films and frames: from where a page may show them: https from allowed hosts, or our own stored file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from ionflux_core.blocks.base import Content, Surroundings

URL_CHARS = 2_000


class StoredReference(Content):
    """A file that was stored here."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field("", max_length=300)
    media_type: str = Field("", max_length=100)
    size: int = Field(0, ge=0)


def secure_address(url: str) -> str:
    """The address itself; ValueError unless it is https with a host and nothing hidden in it. Empty stays empty."""
    url = url.strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("this is no web address") from error
    hidden = any(char.isspace() or ord(char) < 33 or ord(char) == 127 for char in url) or "\\" in url
    if parts.scheme != "https" or not host or hidden:
        raise ValueError("write an address that begins with https://")
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("an address must hold no user or password")
    return url


def media_view(url: str, file: StoredReference | None, kinds: str, here: Surroundings) -> dict[str, Any]:
    """{state, note, address, host, media_type}: ready with an address, unset, or refused with the reason."""
    if file is not None:
        if not file.media_type.startswith(kinds):
            return _refused(f"The file {file.name} is no {kinds.rstrip('/')}.", None)
        reference: Mapping[str, Any] = file.model_dump()
        address = here.file_address(reference)
        return {"state": "ready", "note": "", "address": address, "host": None, "media_type": file.media_type}
    if not url:
        return {
            "state": "unset",
            "note": "Upload a file or give an address.",
            "address": None,
            "host": None,
            "media_type": "",
        }
    host = urlsplit(url).hostname or ""
    if not here.may_show(url):
        return _refused(f"{host} is not on the workspace's list of media sources. Add it in Settings.", host)
    return {"state": "ready", "note": "", "address": url, "host": host, "media_type": ""}


def _refused(note: str, host: str | None) -> dict[str, Any]:
    return {"state": "refused", "note": note, "address": None, "host": host, "media_type": ""}
