"""What a conversation was about: its most telling sentences, by TextRank over TF-IDF.

The likeness of all pairs of sentences is never written out: with the TF-IDF rows X of unit length, S = X X', so one
step of the walk is two products with X. That keeps 10,000 sentences as quick as their words are many.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .messages import content_words
from .sentences import Clause

DAMPING = 0.85
_ROUNDS = 30
_MOST = 20_000
_FEWEST_WORDS = 4
_TOO_ALIKE = 0.5
_GREETING = re.compile(
    r"^(?:hi|hello|hey|good morning|morning|thanks|thank you|bom dia|boa tarde|oi|ola|obrigad[oa]|valeu|happy)\b"
)


def telling(
    clauses: Sequence[Clause], most: int = 3, leave_out: frozenset[tuple[int, int]] = frozenset()
) -> list[Clause]:
    """The most telling clauses as they were said, none too alike; questions and greetings are left out."""
    chosen_from = [
        (clause, words)
        for clause in clauses[-_MOST:]
        if not clause.asks
        and (clause.index, clause.number) not in leave_out
        and not _GREETING.match(clause.folded)
        and len(words := content_words(clause.folded)) >= _FEWEST_WORDS
    ]
    if not chosen_from:
        return []
    scores = textrank([words for _, words in chosen_from])
    order = sorted(range(len(chosen_from)), key=lambda place: (-scores[place], place))
    picked: list[int] = []
    for place in order[: 20 * most]:
        if all(_alike(chosen_from[place][1], chosen_from[other][1]) < _TOO_ALIKE for other in picked):
            picked.append(place)
        if len(picked) == most:
            break
    return [chosen_from[place][0] for place in sorted(picked)]


def _alike(one: Sequence[str], other: Sequence[str]) -> float:
    first, second = set(one), set(other)
    return len(first & second) / max(1, min(len(first), len(second)))


def textrank(sentences: Sequence[Sequence[str]]) -> list[float]:
    """The share of a random walk that each sentence gets, walking by likeness."""
    import numpy as np

    known: dict[str, int] = {}
    rows, columns, counts = [], [], []
    for row, words in enumerate(sentences):
        for word in sorted(set(words)):
            rows.append(row)
            columns.append(known.setdefault(word, len(known)))
            counts.append(words.count(word))
    n, r, c = len(sentences), np.array(rows), np.array(columns)
    idf = np.log((1 + n) / (1 + np.bincount(c, minlength=len(known)))) + 1
    weight = np.array(counts) * idf[c]
    weight /= np.sqrt(np.bincount(r, weights=weight**2, minlength=n))[r]

    def likeness(values: np.ndarray) -> np.ndarray:
        """S times the values, without what each sentence has in common with itself."""
        by_word = np.bincount(c, weights=weight * values[r], minlength=len(known))
        shared: np.ndarray = np.bincount(r, weights=weight * by_word[c], minlength=n) - values
        positive: np.ndarray = np.maximum(shared, 0)
        return positive

    degree = likeness(np.ones(n))
    reach = np.where(degree > 0, degree, 1)
    rank = np.full(n, 1 / n)
    for _ in range(_ROUNDS):
        rank = (1 - DAMPING) / n + DAMPING * likeness(rank / reach)
    return [float(value) for value in rank]
