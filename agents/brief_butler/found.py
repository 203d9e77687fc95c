"""What was found in a conversation: decisions, actions, questions, blockers, and what was put off."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["decision", "action", "question", "answered", "blocker", "postponed"]
KINDS: tuple[Kind, ...] = ("decision", "action", "question", "answered", "blocker", "postponed")


@dataclass
class Item:
    """One line of a brief. `messages` are the ids it rests on, the first of which holds its words.

    `due` is a day, `due_words` the phrase as it was said. Where `owner` or `due` is None, nobody or no date was named.
    """

    kind: Kind
    text: str
    messages: list[str]
    speaker: str
    at: str
    owner: str | None = None
    due: str | None = None
    due_words: str = ""
    due_precision: str = ""
    answer: str = ""
    done: bool = False
    agreed_by: list[str] = field(default_factory=list)
    wording: str = ""
    id: str = ""
    place: str = ""
    thread: str = ""

    def plain(self) -> dict[str, Any]:
        """The item as a map that a step can keep."""
        return asdict(self)

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Item:
        """The item behind such a map."""
        return Item(**kept)


def identified(items: list[Item], place: str, thread: str) -> list[Item]:
    """The items with their place, and ids that stay the same however often the conversation is read."""
    seen: dict[str, int] = {}
    for item in items:
        family = "question" if item.kind == "answered" else item.kind
        base = f"{place}|{family}|{item.messages[0]}"
        seen[base] = seen.get(base, 0) + 1
        item.place, item.thread = place, thread
        item.id = hashlib.sha256(f"{base}|{seen[base]}".encode()).hexdigest()[:12]
    return items
