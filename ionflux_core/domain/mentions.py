"""Who and what a text names by `@`: a name in quotation marks, or the longest known name that follows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ionflux_core.domain.chat import Mention

MOST_MENTIONS = 50
_SIGNS_READ = 500
# Not inside of a word: an e-mail address names nobody.
_SIGN = re.compile(r'(?<![\w@.+-])@(?:"([^"\n]{1,200})")?')
_KINDS = ("user", "agent", "page", "brand", "creator")


def mentioned(text: str, known: Iterable[Mention]) -> list[Mention]:
    """Everyone a text names, each once, in the order of the text; of equal names a person goes before an agent."""
    if "@" not in text:
        return []
    by_name: dict[str, Mention] = {}
    for each in sorted(known, key=lambda one: _KINDS.index(one.kind)):
        by_name.setdefault(each.name.casefold(), each)
    lengths = sorted({len(each.name) for each in by_name.values()}, reverse=True)
    found: dict[tuple[str, str], Mention] = {}
    for count, sign in enumerate(_SIGN.finditer(text)):
        if count >= _SIGNS_READ or len(found) >= MOST_MENTIONS:
            break
        one = by_name.get(sign[1].casefold()) if sign[1] else _longest(text, sign.end(), by_name, lengths)
        if one is not None:
            found.setdefault((one.kind, one.id), one)
    return list(found.values())


def beginning_with(prefix: str, known: Iterable[Mention], *, limit: int) -> list[Mention]:
    """Those whose name begins with a text, then those of whom a later word does, then those that hold it; by name."""
    asked = prefix.strip().strip('"').casefold()
    ranked = (
        (_rank(each.name.casefold(), asked), _KINDS.index(each.kind), each.name.casefold(), each) for each in known
    )
    fitting = sorted((one for one in ranked if one[0] < 3), key=lambda one: one[:3])
    return [one[3] for one in fitting[:limit]]


def written(mention: Mention) -> str:
    """How a name is put into a text so that it is found again."""
    return f'@"{mention.name}"' if not re.fullmatch(r"[\w-]+", mention.name) else f"@{mention.name}"


def _rank(name: str, asked: str) -> int:
    if name.startswith(asked):
        return 0
    if any(word.startswith(asked) for word in re.split(r"[\W_]+", name)):
        return 1
    return 2 if asked in name else 3


def _longest(text: str, start: int, by_name: Mapping[str, Mention], lengths: Sequence[int]) -> Mention | None:
    """The longest name that stands here as a whole; a text of signs alone costs a look per length, not per name."""
    for length in lengths:
        found = by_name.get(text[start : start + length].casefold())
        if found is not None and not _goes_on(text, start + length):
            return found
    return None


def _goes_on(text: str, end: int) -> bool:
    """Whether the word at hand is longer than the name."""
    return text[end : end + 1].isalnum() or text[end : end + 1] == "_"
