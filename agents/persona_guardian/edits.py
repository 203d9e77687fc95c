"""Small edits a text allows, by flavour; none of them is good or bad before it has been scored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .facts import protected
from .fingerprint import Fingerprint
from .swaps import exchanges, filler_finder, finder, fits_after
from .texts import emoji, sentences, words

_CONTRACTED = re.compile(r"['’](?:s|re|ll|d|ve|m)$", re.IGNORECASE)
_JOINT = re.compile(r"(?:;|,| –| —) (?=(and|but|so|because|e|mas|porque|então|while|which means)?\b)", re.IGNORECASE)
_GREETING = re.compile(
    r"(?:dear|hello|hi|hey|prezad[oa]s?|car[oa]s?|estimad[oa]s?|olá|oi)(?: [a-zà-ÿ]{1,20}){0,2}[,!:]\s+", re.IGNORECASE
)
# `Hi {{name}}` greets, too, but is not to be replaced.
_GREETS = re.compile(r"(?:dear|hello|hi|hey|prezad[oa]s?|car[oa]s?|estimad[oa]s?|olá|oi)\b", re.IGNORECASE)
_SENTENCE_STOP = re.compile(r"(?<=[^\W\d_])([.!])(?=\s|$)")
_LONG_SENTENCE = 12


@dataclass(frozen=True, slots=True)
class Edit:
    """A text with one thing changed, and what was changed in words."""

    text: str
    change: str
    kind: str


Flavour = Callable[[str, Fingerprint], Iterator[Edit]]


def replaced_words(text: str, _: Fingerprint) -> Iterator[Edit]:
    """The text with one word or phrase said in another way of the same meaning."""
    taken = protected(text)
    for match in finder().finditer(text):
        before = text[max(0, match.start() - 12) : match.start()]
        if _touches(match.span(), taken) or _is_name(text, match) or not fits_after(match[0], f" {before}"):
            continue
        for other in exchanges()[match[0].lower()]:
            if _CONTRACTED.search(other) and not re.match(r"\s\w", text[match.end() : match.end() + 2]):
                continue
            new = _in_case(other, match[0])
            changed = text[: match.start()] + new + text[match.end() :]
            yield Edit(changed, f"“{match[0]}” → “{new}”", "replace")


def signature(text: str, fingerprint: Fingerprint) -> Iterator[Edit]:
    """The text with a phrase or an emoji the voice is known by."""
    traits = fingerprint.data["traits"]
    said = set(words(text))
    greeting = _GREETING.match(text)
    rest = text[greeting.end() :] if greeting else text
    for phrase in (each["phrase"] for each in traits["openings"]):
        if not set(words(phrase)) & said and rest[:1].isalpha() and (greeting or not _GREETS.match(text)):
            stead = f" in the place of “{greeting[0].strip()}”" if greeting else ""
            yield Edit(f"{phrase} {_lowered(rest)}", f"opens with “{phrase}”{stead}", "opening")
    for tag in (each["phrase"] for each in traits["tags"]):
        if not set(words(tag)) & said:
            yield from _tagged(text, tag)
    yield from _with_emoji(text, traits["emoji"])


def _tagged(text: str, tag: str) -> Iterator[Edit]:
    taken = protected(text)
    for match in list(_SENTENCE_STOP.finditer(text))[:6]:
        if not _touches((match.start() - 1, match.end()), taken):
            new = f"{text[: match.start()]}, {tag}{text[match.start() :]}"
            yield Edit(new, f"“, {tag}” at the end of a sentence", "tag")


def _with_emoji(text: str, habits: dict[str, Any]) -> Iterator[Edit]:
    """One emoji more, as long as there are no more of them than the voice uses."""
    if len(emoji(text)) >= max(1, round(habits["per_piece"])) or habits["share_of_pieces"] < 0.25:
        return
    for sign in (each["emoji"] for each in habits["favourites"][:4]):
        if sign in text:
            continue
        yield Edit(f"{text.rstrip()} {sign}", f"{sign} at the end", "emoji")
        first = sentences(text)[0] if text else ""
        if first[-1:] in (".", "!", "?") and first != text.strip() and text.startswith(first):
            yield Edit(f"{first} {sign}{text[len(first) :]}", f"{sign} after the first sentence", "emoji")


def rhythm(text: str, fingerprint: Fingerprint) -> Iterator[Edit]:
    """The text with a sentence split or shortened, or with another mark at a sentence's end."""
    taken = protected(text)
    for match in filler_finder().finditer(text):
        if not _touches(match.span(), taken):
            rest = text[match.end() :]
            rest = rest[:1].upper() + rest[1:] if match[0][0].isupper() or not match.start() else rest
            yield Edit(text[: match.start()] + rest, f"without “{match[0].strip()}”", "shorten")
    greeting = _GREETING.match(text)
    if greeting and text[greeting.end() :]:
        rest = text[greeting.end() :]
        yield Edit(rest[:1].upper() + rest[1:], f"without “{greeting[0].strip()}”", "shorten")
    yield from _split(text, taken)
    usual = fingerprint.data["traits"]["rhythm"]["exclamations_per_piece"]
    count = text.count("!")
    for match in _SENTENCE_STOP.finditer(text):
        mark, other = match[1], "." if match[1] == "!" else "!"
        wanted = count < round(usual) if other == "!" else count > usual
        if wanted and not _touches(match.span(), taken):
            place = len(sentences(text[: match.end()]))
            change = f"“{mark}” → “{other}” after sentence {place}"
            yield Edit(text[: match.start()] + other + text[match.end() :], change, "mark")


def _split(text: str, taken: list[tuple[int, int]]) -> Iterator[Edit]:
    """Long sentences in two, at a semicolon or dash, or where a comma is followed by a joining word."""
    for match in _JOINT.finditer(text):
        joined = match[1]
        if (match[0] == ", " and not joined) or _touches(match.span(), taken):
            continue
        before = re.split(r"[.!?…\n]", text[: match.start()])[-1]
        after = re.split(r"[.!?…\n]", text[match.end() :])[0]
        if min(len(before.split()), len(after.split())) < 4 or len(f"{before} {after}".split()) < _LONG_SENTENCE:
            continue
        new = text[match.end() : match.end() + 1].upper() + text[match.end() + 1 :]
        yield Edit(f"{text[: match.start()]}. {new}", f"a new sentence before “{' '.join(new.split()[:3])}”", "split")


def _touches(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _is_name(text: str, match: re.Match[str]) -> bool:
    """Whether a found word is written with a capital inside of a sentence, as names are."""
    before = text[: match.start()].rstrip()
    return match[0][0].isupper() and match[0][:2] not in ("I ", "I'") and bool(before) and before[-1] not in '.!?…:\n"“'


def _in_case(new: str, old: str) -> str:
    """The new word in the case of the old one."""
    if old.isupper() and len(old) > 1 and old.lower() != old:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _lowered(text: str) -> str:
    """The text with a small first letter, unless its first word may be a name or must keep its capital."""
    head = text[:40].split(" ", 1)[0].rstrip(",.!?")
    common = head.lower() in _COMMON
    return text[:1].lower() + text[1:] if common else text


_COMMON = {
    "the", "a", "an", "we", "our", "you", "your", "this", "that", "these", "those", "it", "there", "they", "if", "when",
    "please", "all", "today", "in", "on", "at", "from", "as", "for", "with", "my", "some", "every", "o", "os",
    "um", "uma", "nós", "nosso", "nossa", "este", "esta", "hoje", "em", "para", "se", "quando", "com", "por",
}  # fmt: skip

FLAVOURS: dict[str, tuple[Flavour, ...]] = {
    "words": (replaced_words,),
    "signature": (signature,),
    "rhythm": (rhythm,),
    "all together": (replaced_words, signature, rhythm),
}
