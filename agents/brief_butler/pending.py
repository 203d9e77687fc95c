"""What the reader of a conversation keeps while it goes on: items that may still change, and offers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import rules
from .found import Item
from .grammar import Act
from .messages import overlap
from .sentences import Clause

_PORTUGUESE = re.compile(
    r"\b(?:que|nao|para|uma?|com|isso|voces?|vamos|vou|ate|dos?|das?|esta|por|mais|amanha|hoje|entao|a gente|eu|"
    r"sim|foi|tem)\b"
)
_ENGLISH = re.compile(
    r"\b(?:the|and|you|that|this|is|are|we|will|to|for|of|it|with|have|on|by|what|yes|not|can|please)\b"
)
_ELSEWHERE = re.compile(
    r"\b(?:el|los|las|hemos|pero|muy|hay|una|con|del|y|der|die|den|und|nicht|ist|wir|ich|haben|mit|zu|"
    r"le|les|des|est|nous|vous|et|pas|je|il|che|sono|della|non|het|een|van|niet)\b"
)


@dataclass
class Kept:
    """An item while the conversation goes on: which messages it rests on, and what may still become of it."""

    item: Item
    index: int
    clause: Clause
    stems: frozenset[str]
    cites: list[int]
    soft: bool = False
    asked: Act | None = None
    pending: bool = False
    gone: bool = False
    settled_at: int | None = None


@dataclass
class Offer:
    """A proposal that may become a decision when somebody agrees."""

    clause: Clause
    speaker: str
    question: Kept | None = None
    done: bool = False
    stems: frozenset[str] = frozenset()


def is_portuguese(folded: str) -> bool:
    """Whether a text is rather Portuguese than English."""
    return len(_PORTUGUESE.findall(folded[:2_000])) > len(_ENGLISH.findall(folded[:2_000]))


def is_foreign(folded: str) -> bool:
    """Whether a text is most likely in a language the grammar does not know, by its script or its small words."""
    start = folded[:2_000]
    letters = [letter for letter in start if letter.isalpha()]
    if len(letters) >= 4 and 2 * sum(letter < "\u0250" for letter in letters) < len(letters):
        return True
    others = len(_ELSEWHERE.findall(start))
    return others >= 2 and others > max(len(_PORTUGUESE.findall(start)), len(_ENGLISH.findall(start)))


def same_thing(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two actions are about the same: they share half of the words of the shorter one."""
    return overlap(one, other) * 2 >= max(1, min(len(one), len(other)))


def is_request(kept: Kept) -> bool:
    """Whether an action was asked of somebody, and is no need of all."""
    return not re.search(r"\b(?:we|someone|somebody|alguem|precisamos|temos que|a gente)\b", kept.clause.folded)


def addressed(acts: Sequence[list[Act]]) -> list[list[Act]]:
    """Requests that name nobody go to those the same message has spoken to before."""
    called: dict[str, None] = {}
    result = []
    for group in acts:
        made = []
        for act in group:
            if act.kind == "request" and act.owner is None and called and not rules.ANYBODY.search(act.clause.folded):
                act = replace(act, owner=" and ".join(called))
            elif act.kind == "request" and act.owner:
                called[act.owner] = None
            made.append(act)
        result.append(made)
    return result
