"""What a repair may never touch: numbers, links, addresses, handles, placeholders, quotations, names, negations."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from .texts import EMOJI, URL, WORD

_NUMBER = re.compile(r"[$€£¥]?\d+(?:[.,:/-]\d+)*(?:\s?%|[$€£¥])?")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}")
_HANDLE = re.compile(r"(?<!\w)[@#]\w{1,100}")
_PLACEHOLDER = re.compile(
    r"\{\{[^{}]{0,200}\}\}|\{[^{}]{0,100}\}|\[\[[^\[\]]{0,200}\]\]|%\w+%|<[^<>]{0,300}>|`[^`]{0,300}`"
)
_QUOTED = re.compile(r"\"[^\"\n]{1,500}\"|“[^”\n]{1,500}”|«[^»\n]{1,500}»")
_LETTER_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:\n])[^\w,;]*$")
_NOT_NAMES = {"i", "i'm", "i've", "i'll", "i'd"}
# A polite `do not hesitate` denies nothing.
_POLITE = re.compile(r"\b(?:do not|don['’]t) hesitate\b|\bnão hesite", re.IGNORECASE)
_NO = {
    "no", "not", "never", "without", "none", "nothing", "nobody", "neither", "nor", "cannot",
    "não", "sem", "nunca", "nada", "ninguém", "nem", "jamais",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text states that is no matter of style."""

    fixed: Counter[str]
    names: Counter[str]
    tokens: Counter[str]
    negations: int


def facts(text: str) -> Facts:
    """The numbers, links, handles, placeholders, quotations and names of a text, and how often it says no."""
    fixed: Counter[str] = Counter()
    for pattern in (URL, _MAIL, _HANDLE, _PLACEHOLDER, _QUOTED, _NUMBER):
        fixed.update(found.strip() for found in pattern.findall(text))
    tokens = Counter(word.replace("’", "'") for word in _LETTER_WORD.findall(text))
    return Facts(fixed, _names(text), tokens, _negations(text))


def _names(text: str) -> Counter[str]:
    """Words with a capital that do not merely begin a sentence."""
    found: Counter[str] = Counter()
    for match in _LETTER_WORD.finditer(text):
        word = match[0].replace("’", "'")
        if word[0].isupper() and word.lower() not in _NOT_NAMES:
            # An emoji ends a sentence as well as a full stop does.
            before = EMOJI.sub(".", text[max(0, match.start() - 12) : match.start()])
            if not (match.start() == 0 or _SENTENCE_START.search(before)):
                found[word] += 1
    return found


def _negations(text: str) -> int:
    text = _POLITE.sub(" ", text)
    said = [word.lower().replace("’", "'") for word in WORD.findall(text)]
    return sum(word in _NO or word.endswith("n't") for word in said)


def broken(before: Facts, text: str) -> str | None:
    """What a new wording does to the facts of the old one, in a few words; None when all of them stand."""
    after = facts(text)
    if before.fixed != after.fixed:
        changed = (before.fixed - after.fixed) + (after.fixed - before.fixed)
        return f"it changes {next(iter(changed))[:60]!r}"
    for name, count in before.names.items():
        if after.tokens[name] < count:
            return f"it drops {name[:60]!r}"
    known = {word.lower() for word in before.tokens}
    invented = next((name for name in after.names if name.lower() not in known), None)
    if invented:
        return f"it names {invented[:60]!r}"
    if before.negations != after.negations:
        return "it changes how often something is denied"
    return None


def protected(text: str) -> list[tuple[int, int]]:
    """The places of a text no edit may touch, as (start, end), in order."""
    patterns = (URL, _MAIL, _HANDLE, _PLACEHOLDER, _QUOTED, _NUMBER)
    return sorted(match.span() for pattern in patterns for match in pattern.finditer(text))
