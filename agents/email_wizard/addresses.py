"""Addresses and names as they come from outside: what may be written to, and what may stand in a header."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
_NO_READER = frozenset({"noreply", "no-reply", "donotreply", "do-not-reply", "mailer-daemon", "postmaster", "abuse"})
_LINK = re.compile(r"://|www\.|[a-z0-9]\.(?:com|net|org|io|ru|cn|xyz|info|shop)\b", re.IGNORECASE)
NAME_CHARS = 60
SUBJECT_CHARS = 200


class Address(NamedTuple):
    """An address in the one spelling it is kept under, or why it cannot be written to."""

    email: str
    problem: str | None = None


def read_address(value: Any) -> Address:
    """The address behind a value; `problem` says in words why there is none."""
    if not isinstance(value, str) or not value.strip():
        return Address("", "no address")
    text = value.strip()
    if _CONTROL.search(text):
        return Address("", "line breaks or control characters in the address")
    local, at, domain = text.rpartition("@")
    if not at or not local or len(text) > 254 or len(local) > 64:
        return Address("", "not an address")
    host = _host(domain)
    if host is None:
        return Address("", "the part after @ is no host name")
    if not _LOCAL.fullmatch(local):
        return Address("", "the part before @ has characters no address may have")
    if local.lower() in _NO_READER:
        return Address("", "an address nobody reads")
    return Address(f"{local}@{host}".lower())


def _host(domain: str) -> str | None:
    try:
        host = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    labels = host.split(".")
    good = len(labels) >= 2 and all(_LABEL.fullmatch(label) for label in labels)
    return host if good and not labels[-1].isdigit() and len(labels[-1]) >= 2 else None


def one_line(text: Any, most: int = SUBJECT_CHARS) -> str:
    """Text that may stand in a header: one line, no control characters, bounded."""
    plain = str(text) if isinstance(text, (str, int, float)) else ""
    return " ".join(_CONTROL.sub(" ", plain[: most * 4]).split())[:most].strip()


def read_name(value: Any) -> tuple[str, str | None]:
    """A person's name on one line, and what was wrong with it; a name that is a link or an essay is dropped."""
    if value is None or value == "":
        return "", None
    if not isinstance(value, (str, int, float)):
        return "", "the name is no text"
    raw = str(value)
    name = one_line(raw, NAME_CHARS * 4)
    if len(name) > NAME_CHARS:
        return "", "the name is longer than 60 characters and was left out"
    if _LINK.search(name):
        return "", "the name holds a link and was left out"
    if _CONTROL.search(raw.strip()):
        return name, "line breaks or control characters were taken out of the name"
    if "<" in name or ">" in name:
        return name, "the name holds HTML signs; they are shown as text"
    return name, None
