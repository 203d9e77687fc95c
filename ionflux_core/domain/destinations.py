"""Where something is told: the ways there are, what is wrong with an address, and how much of it readers may see."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from ionflux_core.limits import ADDRESS_CHARS, NAME_CHARS

Way = Literal["chat", "email", "slack", "webhook"]


def complaint(way: Way, to: str) -> str:
    """Why nothing can be sent there; empty when it looks right. Where it leads is checked when something is sent."""
    if len(to) > ADDRESS_CHARS or not to.isprintable():
        return "an address is too long or not printable"
    if way == "email":
        name, at, host = to.rpartition("@")
        good = bool(name and at and host) and not any(c.isspace() or c in "<>,;" for c in to)
        return "" if good else f"{to[:80]!r} is no mail address; mail goes to an address like me@example.com"
    if way == "webhook":
        return "" if _is_web(to) else "a webhook is an address like https://example.com/hook, without user and password"
    return "" if to.strip() and len(to) <= NAME_CHARS else "a channel has a short plain name"


def shown_to_readers(way: Way, to: str) -> str:
    """An address as who may not change it sees it: of a webhook scheme and host, as its path is often its password."""
    if way != "webhook":
        return to
    parts = urlsplit(to)
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}/…"


def _is_web(to: str) -> bool:
    try:
        parts = urlsplit(to)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and not (parts.username or parts.password)
