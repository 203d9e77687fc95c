"""One message of a conversation as the agent sees it, wherever it was read, and text made safe for Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

LONGEST_TEXT = 20_000
"""What is read of one message; the rest of a longer one is left out, and said so."""

_MARKS = re.compile(r"([\\`*_\[\]|<>~$&:@#{}]|(?<=www)\.|^[-+=](?=\s))", re.IGNORECASE)
_LIST_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
# Blanks, control signs, and the signs that turn the direction of what follows them.
_BLANK = re.compile(r"[\s\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message. `bot` is true for what no person wrote; `link` leads to it where it is of our own chat.

    Where `timed` is false nobody said at what hour, and only the day of `at` counts.
    """

    id: str
    at: datetime
    sender: str
    text: str
    bot: bool = False
    link: str = ""
    cut: bool = False
    timed: bool = True

    def plain(self) -> dict[str, Any]:
        """The message as a map that a step can keep."""
        return asdict(self) | {"at": self.at.isoformat()}

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Spoken:
        """The message behind such a map."""
        return Spoken(**{**kept, "at": datetime.fromisoformat(kept["at"])})


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation: where it was held, its messages from the oldest on, and what was left out while reading it."""

    place: str
    title: str
    messages: tuple[Spoken, ...]
    channel: str = ""
    thread: str = ""
    people: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The conversation as a map that a step can keep."""
        return {
            **{key: getattr(self, key) for key in ("place", "title", "channel", "thread")},
            "messages": [each.plain() for each in self.messages],
            "people": list(self.people),
            "notes": list(self.notes),
        }

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Talk:
        """The conversation behind such a map."""
        spoken = tuple(Spoken.of(each) for each in kept["messages"])
        return Talk(**{**kept, "messages": spoken, "people": tuple(kept["people"]), "notes": tuple(kept["notes"])})


def spoken(
    id: str, at: datetime, sender: str, text: str, *, bot: bool = False, link: str = "", timed: bool = True
) -> Spoken:
    """A message with its text cut to what is read."""
    # Half an emoji, as a cut export holds it, can be kept nowhere.
    whole = text[: LONGEST_TEXT + 1].encode("utf-8", "ignore").decode()
    clean = unicodedata.normalize("NFC", whole).replace("’", "'")
    return Spoken(
        id, at, one_line(sender)[:120] or "Unknown", clean[:LONGEST_TEXT], bot, link, len(text) > LONGEST_TEXT, timed
    )


def escape(text: Any, longest: int = 400) -> str:
    """Words of others as Markdown that shows exactly these words on one line."""
    line = one_line(str(text))
    shown = line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
    return _LIST_NUMBER.sub(r"\1\\\2", _MARKS.sub(r"\\\1", shown))


def one_line(text: str) -> str:
    """The text on one line, without signs that are not seen or that turn the direction of others."""
    return _BLANK.sub(" ", text).strip()


@lru_cache(maxsize=4_096)
def _folded(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0].lower()
    return base if len(base) == 1 else letter


def fold(text: str) -> str:
    """The text in small letters without accents; every letter keeps its place."""
    return text.lower() if text.isascii() else "".join(map(_folded, text))


_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_STOP_TEXT = """
    a about after all also an and any are as at be been but by can could did do does done for from get go going got had
    has have he her here him his how i if in into is it its just let like me my need no not now of off ok on one only or
    our out over please put s she should so some such t than that the their them then there these they this to today too
    up us very was we were what when where which while who why will with would yes you your i'll i'm it's we'll don't
    didn't can't that's let's o os as um uma uns umas de do da dos
    das em no na nos nas por para pra pro com sem que e ou
    se eu tu ele ela nos voce voces eles elas me te lhe
    meu minha seu sua isso isto aquilo este esta esse essa ao aos mas
    mais menos muito ja nao sim tambem so foi ser esta estao sao tem ter vai vou vamos ate hoje amanha quem qual quando
    onde como quanto quantos quantas porque pode ok bem
    la ai aqui entao tomorrow monday tuesday wednesday thursday friday
    segunda terca quarta quinta sexta feira
    """
_STOP = frozenset(_STOP_TEXT.split())
_ENDINGS = re.compile(
    r"(?:ings?|ed|ers?|es|s|amos|emos|imos|ando|endo|indo|ado|ada|ido|ida|ar|er|ir|os|as|o|a|e|y|ies)$"
)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A rough stem, good enough to see that two forms are of one word in English or Portuguese."""
    short = word.partition("'")[0]
    cut = _ENDINGS.sub("", short)
    return (cut if len(cut) >= 3 else short)[:6]


def content_words(text: str) -> list[str]:
    """The words of a text that carry meaning, folded and stemmed."""
    return [stem(word) for word in _WORD.findall(fold(text)) if word not in _STOP and (len(word) > 2 or word.isdigit())]


def overlap(one: Iterable[str], other: Iterable[str]) -> int:
    """How many stems two texts share."""
    return len(set(one) & set(other))
