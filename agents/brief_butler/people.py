"""Who is named in a text: those who take part, those who are known by the export, and common given names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .messages import fold

# Names of people who take no part in the conversation are only believed when they are common ones.
_GIVEN_TEXT = """
    adam adriana alan alberto alex alexandre alice aline amanda ana anderson andre andrea andrew angela anna anne anita
    antonio arthur beatriz ben bernardo bia bob bruna bruno camila carla carlos carol carolina charlie chris clara
    claudia cristina daniel daniela dave david debora diana diego eduardo elena elisa emily emma eric erica eva fabio
    felipe fernanda fernando flavia francisca francisco frank gabriel gabriela george gustavo hannah helena henry hugo
    igor isabel isabela jack jacob james jane janet jessica joana joao joe john jonas jorge jose joseph julia juliana
    julio karen kate kevin larissa laura leandro leonardo leticia linda lisa lucas lucia luis luisa luiz marcelo marcos
    maria mariana marina mark marta martin mary mateus matt maya melissa michael miguel mike monica nancy natalia nick
    nicole nina olivia oscar otavio pablo patricia paul paula paulo pedro peter priscila rachel rafael raquel rebecca
    renata renato ricardo richard rita robert roberto rodrigo rosa ryan samuel sandra sara sarah sergio simone sofia
    sophie stephanie steve susan tatiana thiago thomas tiago tim tom valeria vanessa vera victor vinicius vivian
    """
_GIVEN = frozenset(_GIVEN_TEXT.split())
_TOKEN = re.compile(r"@?[^\W\d_][\w.'-]*")
_TAIL = ".'-"
EVERYBODY = frozenset(
    [
        "team",
        "all",
        "everyone",
        "everybody",
        "guys",
        "folks",
        "people",
        "pessoal",
        "gente",
        "galera",
        "time",
        "turma",
        "todos",
        "channel",
        "here",
    ]
)


@dataclass(frozen=True, slots=True)
class Named:
    """A person named in a folded text, and where; `called` says that an @ stands before the name."""

    name: str
    start: int
    end: int
    called: bool


def is_given_name(word: str) -> bool:
    """Whether a word is a common given name."""
    return fold(word) in _GIVEN


class People:
    """The names by which people may be called in one conversation."""

    def __init__(self, names: Iterable[str]) -> None:
        self._known: dict[str, str] = {}
        ambiguous: set[str] = set()
        for name in dict.fromkeys(names):
            folded = fold(name)
            self._known[folded] = name
            first = re.split(r"[\s._-]", folded, maxsplit=1)[0]
            if first != folded and len(first) > 1:
                if first in self._known and self._known[first] != name:
                    ambiguous.add(first)
                self._known.setdefault(first, name)
        for first in ambiguous:
            self._known[first] = first.capitalize()

    def in_text(self, text: str, folded: str) -> list[Named]:
        """Everybody a text names, in order. `folded` is the same text in small letters, sign by sign."""
        found: list[Named] = []
        for token in _TOKEN.finditer(folded):
            word = token[0].lstrip("@").rstrip(_TAIL)
            word = word[:-2] if word.endswith("'s") else word.split("'")[0]
            called = token[0].startswith("@")
            name = self._whole(folded, token.start() + called) or self._known.get(word)
            written = text[token.start() + called : token.start() + called + len(word)]
            if name is None and word not in EVERYBODY and written[:1].isupper():
                name = written if called or word in _GIVEN else None
            elif name is not None and not called and not written[:1].isupper() and word in _COMMON:
                name = None
            if name and (not found or found[-1].end <= token.start()):
                end = token.start() + called + max(len(word), self._length(folded, token.start() + called, name))
                found.append(Named(name, token.start(), end, called))
        return found

    def _whole(self, folded: str, start: int) -> str | None:
        space = folded.find(" ", start)
        second = re.match(r"[^\W\d_]+", folded[space + 1 : space + 40]) if space > 0 else None
        return self._known.get(folded[start : space + 1] + second[0]) if second else None

    @staticmethod
    def _length(folded: str, start: int, name: str) -> int:
        whole = fold(name)
        return len(whole) if folded.startswith(whole, start) else 0


# Names that are also ordinary words must be written with a capital.
_COMMON = frozenset(
    [
        "will",
        "mark",
        "rosa",
        "clara",
        "sol",
        "bill",
        "bo",
        "grace",
        "hope",
        "may",
        "june",
        "april",
        "art",
        "bea",
        "sue",
        "rex",
        "max",
        "ida",
        "eva",
        "vera",
        "fay",
    ]
)
