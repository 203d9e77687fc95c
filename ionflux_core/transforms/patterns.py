"""Regular expressions that end: short patterns of the usual kind, and a clock that every search runs against."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ionflux_core.limits import CONDITION_REPEATS, PATTERN_CHARS, PATTERN_SECONDS, TRANSFORM_TEXT_CHARS
from ionflux_core.transforms.base import unfit

# Calls of groups, fuzzy counts and named lists: the engine knows them, and patterns that others read do not.
_UNUSUAL: Final = ("(?R)", "(?&", "(?P>", r"\L<", "(?(DEFINE)", "(?0)", "(?1", "(?2", "(?e)", "(?b)")
_FUZZY = re.compile(r"\{[^}0-9,]*[a-z]\s*<|\{[eids]\}")
_COUNTS = re.compile(r"\{([0-9]{0,9})(?:,([0-9]{0,9}))?\}")
_GROUP = re.compile(r"\$(?:(\$)|(\d{1,2}|[A-Za-z_]\w*)|\{(\w+)\})")
_HINT: Final = r"Write one such as \d+ or (?<name>\w+)@."


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a pattern fits: its text, where it starts and ends, its groups by name and number."""

    text: str
    start: int
    end: int
    groups: dict[str, str | None]


def search(pattern: str, text: str, *, ignore_case: bool = False, most: int = 1_000) -> list[Place]:
    """The places where a pattern fits, in their order; Invalid when it cannot be read or takes too long."""
    made = _compiled(pattern, ignore_case)
    found: list[Place] = []
    try:
        for match in made.finditer(text, timeout=PATTERN_SECONDS):
            found.append(_place(match))
            if len(found) >= most:
                break
    except TimeoutError as error:
        raise unfit(
            "pattern", f"The pattern took longer than {PATTERN_SECONDS:g} s on this text.",
            "Avoid repeats inside of repeats, such as (a+)+, or give a shorter text.",
        ) from error  # fmt: skip
    return found


def fits(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text."""
    return bool(search(pattern, text, most=1))


def replaced(text: str, places: list[Place], replacement: str) -> str:
    """The text with each place replaced; $1 and $name stand for groups, $0 for the whole, $$ for a dollar."""
    parts: list[str] = []
    length, at = len(text), 0
    words = _words(replacement)
    for place in places:
        new = [word if plain else _group(place, word) for word, plain in words]
        length += sum(map(len, new))
        if length > TRANSFORM_TEXT_CHARS:
            raise unfit("replacement", f"The text would be longer than {TRANSFORM_TEXT_CHARS:,} characters.",
                        "Replace fewer places.")  # fmt: skip
        parts += [text[at : place.start], *new]
        at = place.end
    return "".join([*parts, text[at:]])


def signs(text: str) -> list[str]:
    """The signs of a text as a reader counts them: letters with their accents, joined emoji."""
    import regex  # type: ignore[import-untyped]

    found: list[str] = regex.findall(r"\X", text)
    return found


@lru_cache(maxsize=256)
def _compiled(pattern: str, ignore_case: bool) -> Any:
    import regex

    if len(pattern) > PATTERN_CHARS:
        raise unfit("pattern", f"A pattern may have {PATTERN_CHARS} characters.", "Search in two steps.")
    if any(each in pattern for each in _UNUSUAL) or _FUZZY.search(pattern):
        raise unfit("pattern", "The pattern calls its own groups or allows mistakes, which is not offered.", _HINT)
    repeats = 1
    for low, high in _COUNTS.findall(pattern):
        repeats *= max(1, int(low or 1), int(high or 1))
    if repeats > CONDITION_REPEATS * 5:
        raise unfit("pattern", "The counts {n} of the pattern multiply to too much.", "Use + or *, or smaller counts.")
    try:
        return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    except (regex.error, RecursionError, OverflowError) as error:
        said = str(getattr(error, "msg", error))[:120].rstrip(".")
        raise unfit("pattern", f"The pattern cannot be read: {said}.", _HINT) from error


def _place(match: Any) -> Place:
    groups = {str(number): value for number, value in enumerate(match.groups(), 1)} | match.groupdict()
    return Place(match[0], match.start(), match.end(), groups)


def _words(replacement: str) -> list[tuple[str, bool]]:
    """The replacement in pieces: words, and names of groups."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for match in _GROUP.finditer(replacement):
        pieces.append((replacement[at : match.start()], True))
        pieces.append(("$", True) if match[1] else (match[2] or match[3], False))
        at = match.end()
    return [*pieces, (replacement[at:], True)]


def _group(place: Place, name: str) -> str:
    if name == "0":
        return place.text
    if name not in place.groups:
        raise unfit("replacement", f"The pattern has no group {name[:40]!r}.", "Name one of its groups, or write $$.")
    return place.groups[name] or ""
