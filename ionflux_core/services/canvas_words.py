"""What may be written into titles, icons, names and contents of pages and blocks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import PydanticSerializationError

from ionflux_core.blocks import registry
from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.limits import CANVAS_CONTENT_BYTES, JSON_DEPTH, KIB
from ionflux_core.storage.engine import dump_json

TITLE_CHARS = 200
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_SYMBOL = re.compile(r"(?::material/)?([a-z][a-z0-9_]{1,47}):?")
_EMOJI_CHARS = 12
# Where Unicode keeps its pictures; what joins, tints or flags them is told apart by its category.
_PICTURES = (
    (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139), (0x2190, 0x21FF), (0x2300, 0x23FF),
    (0x24C2, 0x24C2), (0x25A0, 0x27BF), (0x2900, 0x297F), (0x2B00, 0x2BFF), (0x3030, 0x303D), (0x3297, 0x3299),
    (0x1F000, 0x1FAFF),
)  # fmt: skip
_JOINER, _FLAG = 0x200D, range(0x1F1E6, 0x1F200)
_ATTACHED = {0xFE0F, 0x20E3, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)}
_NAME_CHARS = 40


def checked_title(title: str) -> str:
    """A title on one line; Invalid when it is empty, too long, or holds what cannot be seen."""
    title = title.strip()
    hidden = any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or _turns(char) for char in title)
    if not title or len(title) > TITLE_CHARS or hidden:
        raise Invalid(
            f"A page needs a title of 1 to {TITLE_CHARS} characters on one line.", hint="Write a short title."
        )
    return title


def _turns(char: str) -> bool:
    """Signs that turn the direction of what follows, so that a name reads like another one."""
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def checked_icon(icon: str) -> str:
    """Nothing, one emoji, or the name of a Material symbol (`:material/name:` becomes `name`)."""
    icon = icon.strip()
    symbol = _SYMBOL.fullmatch(icon)
    if symbol:
        return symbol[1]
    if icon and not _is_emoji(icon):
        raise Invalid(
            "The icon is neither one emoji nor a symbol's name.", hint="Write 🚀, or a name like rocket_launch."
        )
    return icon


def _is_emoji(text: str) -> bool:
    if len(text) > _EMOJI_CHARS:
        return False
    codes = [ord(char) for char in text]
    if len(codes) == 2 and all(code in _FLAG for code in codes):
        return True
    if text[0] in "0123456789#*":
        return codes[-1] == 0x20E3 and len(codes) <= 3
    pictures = [part for part in _split(codes, _JOINER)]
    return all(part and _is_picture(part[0]) and all(code in _ATTACHED for code in part[1:]) for part in pictures)


def _split(codes: list[int], at: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for code in codes:
        if code == at:
            parts.append([])
        else:
            parts[-1].append(code)
    return parts


def _is_picture(code: int) -> bool:
    return code not in _FLAG and any(first <= code <= last for first, last in _PICTURES)


def checked_name(name: str) -> str:
    """What other blocks may call a block: `a` to `z` first, then also digits and `_`, at most 60 characters."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{name[:60]!r} cannot be the name of a block.",
            hint="Use small letters, digits and _, beginning with a letter, at most 60 characters.",
        )
    return name


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The name, or the next of `name_2`, `name_3` ... that nobody has."""
    if wanted not in taken:
        return wanted
    stem = re.sub(r"_[0-9]+$", "", wanted)[:50]
    number = 2
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def name_for(type: str, content: Mapping[str, Any]) -> str:
    """A name made from a block's title; from its type where it has none."""
    title = content.get("title_text") or content.get("title") or ""
    plain = unicodedata.normalize("NFKD", title if isinstance(title, str) else "").encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower())[:_NAME_CHARS].strip("_").lstrip("0123456789_")
    return slug if _NAME.fullmatch(slug) else type[:_NAME_CHARS]


def checked_content(type: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a block as it is stored; Invalid names every field that is wrong."""
    refuse_large(content)
    return registry.checked(type, content).model_dump(mode="json")


def refuse_large(content: Mapping[str, Any]) -> None:
    """Raise LimitExceeded for a content that is too deep or too large, and Invalid for one that is no JSON."""
    if _depth(content) > JSON_DEPTH:
        raise LimitExceeded(f"The block nests deeper than {JSON_DEPTH} levels.", hint="Flatten it.")
    if bytes_of(content) > CANVAS_CONTENT_BYTES:
        raise LimitExceeded(
            f"The block is larger than {CANVAS_CONTENT_BYTES // KIB} KiB.", hint="Split it, or attach it as a file."
        )


def bytes_of(value: Any) -> int:
    """How many bytes a JSON-like value takes; Invalid when it is none."""
    try:
        return len(dump_json(value).encode())
    except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
        raise Invalid("The content holds what cannot be stored as JSON.", hint="Use plain text and numbers.") from error


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= JSON_DEPTH:
        below: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                below += each.values()
            elif isinstance(each, list | tuple):
                below += each
        level, depth = [each for each in below if isinstance(each, Mapping | list | tuple)], depth + 1
    return depth
