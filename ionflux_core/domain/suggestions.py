"""Hints that name the nearest known word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_COMPARED, _CHARS = 100, 80


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or the known words when none is near."""
    words = sorted(known)
    # Comparing costs: what differs much in length is not near, and in a crowd the first ones have to do.
    alike = [word for word in words if abs(len(word) - len(name)) <= max(3, len(name) // 2)][:_COMPARED]
    near = difflib.get_close_matches(name[:_CHARS], alike, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known here: {', '.join(words)}." if 0 < len(words) <= 12 else "Remove it, or look for its right spelling."
