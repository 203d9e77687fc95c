"""What a clause does: it decides, promises, asks for something, blocks, postpones, agrees, refuses or takes back.

The rules look at folded text (small letters, no accents) and stand for English and Portuguese side by side, because
people mix them. What is supposed, joked, told of others or of the past does nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from . import rules
from .people import EVERYBODY, Named, People
from .sentences import Clause

ActKind = Literal[
    "decision", "promise", "request", "need", "assigned", "question", "blocker", "unblocked", "postponed", "proposal",
    "done", "agreement", "acceptance", "objection", "refusal", "reversal", "withdrawn", "nothing",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """What a clause does, and who is meant: the speaker for a promise, whoever is addressed for a request."""

    kind: ActKind
    clause: Clause
    owner: str | None = None
    strong: bool = False
    bare: bool = False


def acts_of(clause: Clause, speaker: str, people: People) -> list[Act]:
    """What a clause does; usually one thing, with an answer to what was said before in front of it."""
    folded = clause.folded
    found = _answers(clause)
    if (rules.JOKE.search(folded) and not rules.SERIOUS.search(folded)) or not folded:
        return [Act("nothing", clause)]
    main = _main(clause, speaker, people)
    return [*found, main] if main else found or [Act("nothing", clause)]


def is_joke(folded: str) -> bool:
    """Whether a text says of itself that it is a joke."""
    return bool(rules.JOKE.search(folded)) and not rules.SERIOUS.search(folded)


def nods(folded: str) -> bool:
    """Whether a text begins by saying yes."""
    return bool(rules.NODDED.search(folded) or rules.AGREED.search(folded))


_ANSWERS: tuple[tuple[ActKind, re.Pattern[str]], ...] = (
    ("reversal", rules.REVERSED),
    ("withdrawn", rules.WITHDRAWN),
    ("objection", rules.OBJECTED),
    ("refusal", rules.REFUSED),
    ("acceptance", rules.ACCEPTED),
    ("done", rules.DONE),
)


def _answers(clause: Clause) -> list[Act]:
    folded, found = clause.folded, []
    for kind, rule in _ANSWERS:
        if not clause.asks and rule.search(folded):
            found.append(Act(kind, clause))
    if not clause.asks and (strong := bool(rules.AGREED.search(folded)) or rules.NODDED.search(folded)):
        found.append(Act("agreement", clause, strong=strong is True, bare=len(rules.WORDS.findall(folded)) <= 4))
    return found


def _main(clause: Clause, speaker: str, people: People) -> Act | None:
    folded = clause.folded
    tag = clause.asks and rules.TAGS.search(folded)
    asks = clause.asks and not (tag and not rules.ASKING.search(folded))
    named = people.in_text(clause.text, folded)
    if not asks and rules.FREE.search(folded):
        return Act("unblocked", clause)
    if not asks and rules.BLOCKED.search(folded) and not rules.OF_OTHERS.search(folded):
        return Act("blocker", clause)
    if not asks and rules.POSTPONED.search(folded) and not rules.SUPPOSED.search(folded):
        return Act("postponed", clause)
    request = None if rules.ACCEPTED.search(folded) and not clause.asks else _request(clause, named, speaker)
    if request:
        return request
    if asks:
        return _question(clause)
    if rules.SUPPOSED.search(folded) or rules.OF_OTHERS.search(folded):
        return None
    return _stated(clause, named, speaker, bool(tag and rules.PROPOSAL_TAG.search(folded)))


def _stated(clause: Clause, named: list[Named], speaker: str, offered: bool) -> Act | None:
    folded = clause.folded
    if offered:
        return Act("proposal", clause)
    todo = rules.TODO.match(folded)
    assigned = _assigned(clause, named, todo.end() if todo else 0)
    if assigned and assigned != speaker:
        return Act("assigned", clause, assigned)
    if (rules.DECIDED.search(folded) or rules.DECIDIDO.search(folded)) and not rules.UNDECIDED.search(folded):
        return Act("decision", clause, bare=len(rules.WORDS.findall(folded)) <= 2)
    if rules.PROMISED.search(folded) and not rules.UNDECIDED.search(folded):
        return Act("promise", clause, speaker)
    if todo and not folded[todo.end() :].strip(" .:-"):
        return None
    if assigned or todo:
        return Act("assigned" if assigned else "need", clause, assigned)
    if rules.NEEDED.search(folded):
        return Act("need", clause)
    return Act("proposal", clause) if rules.PROPOSED.search(folded) else None


def _assigned(clause: Clause, named: list[Named], begins: int) -> str | None:
    """Who is said to do something: "Bob will ...", "Ana to ...", "... goes to Mina"."""
    for each in named:
        before, after = clause.folded[: each.start], clause.folded[each.end :]
        infinitive = after.startswith(" to ") and before[begins:].strip(" ,-@") not in ("", "so", "and", "ok")
        if rules.WILL.search(after) and not infinitive and not before.rstrip().endswith(("with", "for", "com", "para")):
            return each.name
        if rules.GIVEN_TO.search(before):
            return each.name
    return None


def _request(clause: Clause, named: list[Named], speaker: str) -> Act | None:
    """Somebody is asked to do something; whom is said by name, or not at all."""
    folded = clause.folded
    vocative = _vocative(clause, named)
    asked = rules.REQUEST.search(folded)
    if asked:
        rest = folded[asked.end() :] + " " + asked[0]
        doing = rules.REQUEST_VERB.search(rest if asked[0].startswith(("can", "could", "w", "you", "do")) else folded)
        if not doing and clause.asks and len(rules.WORDS.findall(folded)) <= 5:
            # "@Ida could you then?": whoever takes it on will say so.
            return Act("nothing", clause)
        if (
            not doing
            or (rules.SUPPOSED.match(folded) and not clause.asks)
            or (clause.asks and rules.ASKING.match(folded))
        ):
            return None
        return Act("request", clause, _meant(vocative, named, speaker))
    called = vocative is not None and vocative.name != speaker and rules.YOU_DO.search(folded)
    if vocative and called and not clause.asks:
        return Act("request", clause, vocative.name)
    if vocative and vocative.name != speaker and rules.ORDER.search(folded[vocative.end :]) and not clause.asks:
        return Act("request", clause, vocative.name)
    return None


def _vocative(clause: Clause, named: list[Named]) -> Named | None:
    """The name that calls somebody: at the begin before a comma, at the end behind one, or with an @."""
    folded = clause.folded
    for each in named:
        before, after = folded[: each.start].strip(), folded[each.end :]
        opening = not before or before.rstrip(",.! ") in _OPENINGS
        if each.called and (opening or before.endswith((",", "you"))):
            return each
        if opening and re.match(r"\s*[,:–—-]", after):
            return each
        if (before.endswith(",") or before.endswith((" you", " voce"))) and re.match(
            r"[\s?!.,]*(?:$|please|can|could|por)", after
        ):
            return each
        if (before.endswith(",") or before.endswith(("can you", "could you"))) and re.match(r"[,\s]", after):
            return each
    return None


_OPENINGS = frozenset(
    [
        "ok",
        "okay",
        "and",
        "so",
        "hey",
        "hi",
        "great",
        "thanks",
        "yes",
        "certo",
        "oi",
        "e",
        "entao",
        "bom",
        "otimo",
        "obrigado",
        "obrigada",
        "valeu",
        "please",
    ]
)


def _meant(vocative: Named | None, named: list[Named], speaker: str) -> str | None:
    if vocative is not None:
        return None if vocative.name.lower() in EVERYBODY else vocative.name
    others = [each for each in named if each.called and each.name != speaker]
    return others[0].name if len(others) == 1 else None


def _question(clause: Clause) -> Act | None:
    folded = clause.folded
    words = rules.WORDS.findall(folded)
    if rules.SMALL.search(folded) or (len(words) < 3 and not (rules.ASKING.match(folded) and len(words) == 2)):
        return Act("nothing", clause)
    if re.match(r"^(?:\w+ )?(?:what if|imagine|imagina|e se)\b", folded) and not rules.PROPOSED.search(folded[8:]):
        return Act("nothing", clause)
    return Act("question", clause, strong=bool(rules.PROPOSED.search(folded)) or not rules.ASKING.match(folded))
