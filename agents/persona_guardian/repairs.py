"""Repairs: edits taken one by one while each really raises the score, the facts checked after each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .edits import FLAVOURS, Edit, Flavour
from .facts import Facts, broken, facts
from .fingerprint import Fingerprint

MOST_CHARS = 6_000
LEAST_GAIN = 0.01
_MOST_EDITS = 12
# Characters scored in one search for repairs; it bounds the time whatever the text.
_BUDGET = 400_000
# A phrase or an emoji more than once would be a caricature.
_ONCE = {"opening": 1, "tag": 1, "emoji": 2}
Forbidden = Callable[[str], list[str]]


def no_words(_: str) -> list[str]:
    """For where nothing is forbidden."""
    return []


def find_repairs(text: str, fingerprint: Fingerprint, forbidden: Forbidden = no_words) -> list[dict[str, Any]]:
    """One repair for each flavour that helps, the greatest gain first; empty when nothing helps.

    No edit brings in a forbidden word; those a repair leaves standing are listed with it.
    """
    before = fingerprint.judge(text).score
    known = facts(text)
    found = []
    seen = {text}
    for flavour, sources in FLAVOURS.items():
        repaired, changes = _climb(text, fingerprint, known, sources, forbidden)
        after = fingerprint.judge(repaired).score
        if repaired not in seen and after - before >= LEAST_GAIN:
            seen.add(repaired)
            found.append(
                {**as_repair(flavour, repaired, before, after, changes), "forbidden_words_left": forbidden(repaired)}
            )
    return sorted(found, key=lambda repair: -repair["gain"])


def as_repair(flavour: str, text: str, before: float, after: float, changes: list[str]) -> dict[str, Any]:
    """A repair as it is handed out."""
    return {
        "flavour": flavour,
        "text": text,
        "score_before": round(before, 4),
        "score_after": round(after, 4),
        "gain": round(after - before, 4),
        "changes": changes,
    }


def _climb(
    text: str, fingerprint: Fingerprint, known: Facts, sources: tuple[Flavour, ...], forbidden: Forbidden
) -> tuple[str, list[str]]:
    """The text after the best edit, the best edit after that, and so on, until none helps."""
    score, budget = fingerprint.judge(text).score, _BUDGET
    changes: list[str] = []
    allowed = set(forbidden(text))
    used: dict[str, int] = {}
    while len(changes) < _MOST_EDITS and budget > 0:
        best: Edit | None = None
        for edit in (edit for source in sources for edit in source(text, fingerprint)):
            budget -= len(edit.text)
            if budget <= 0:
                break
            if used.get(edit.kind, 0) >= _ONCE.get(edit.kind, _MOST_EDITS) or broken(known, edit.text):
                continue
            reached = fingerprint.judge(edit.text).score
            if reached > score + 1e-6 and set(forbidden(edit.text)) <= allowed:
                best, score = edit, reached
        if best is None:
            break
        text = best.text
        changes.append(best.change)
        used[best.kind] = used.get(best.kind, 0) + 1
    return text, changes
