"""Why a text has its score, in words a person understands: words, habits of style, forbidden words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from .fingerprint import Fingerprint, Judged
from .style import MEASURES, TITLES
from .texts import WORD, flat

_EXPLAINED_CHARS = 4_000
_MOST_WORDS = 6
_LEAST_WORD = 0.02
_LEAST_STYLE = 0.5
_TOKEN = re.compile(r"\S+")


def find_reasons(text: str, fingerprint: Fingerprint, judged: Judged, forbidden: list[str]) -> list[dict[str, Any]]:
    """What moves the score most, forbidden words first, then what speaks against the voice, then what speaks for it."""
    found = [forbidden_reason(word) for word in forbidden]
    weighed = [*_words(text, fingerprint), *_style(fingerprint, judged)]
    weighed.sort(key=lambda reason: reason["weight"])
    return (
        found
        + [reason for reason in weighed if reason["weight"] < 0]
        + [reason for reason in reversed(weighed) if reason["weight"] > 0]
    )


def forbidden_reason(word: str) -> dict[str, Any]:
    """The reason that a word of the brand's own list makes."""
    return {"kind": "forbidden_word", "direction": "against", "what": word, "detail": f"The brand never says “{word}”."}


def _words(text: str, fingerprint: Fingerprint) -> list[dict[str, Any]]:
    totals = word_weights(text[:_EXPLAINED_CHARS], fingerprint)
    ranked = sorted(totals.items(), key=lambda item: item[1])
    against = [item for item in ranked if item[1] <= -_LEAST_WORD][:_MOST_WORDS]
    speaking_for = [item for item in reversed(ranked) if item[1] >= _LEAST_WORD][:_MOST_WORDS]
    return [_word_reason(word, weight) for word, weight in (*against, *speaking_for)]


def _word_reason(word: str, weight: float) -> dict[str, Any]:
    like = "sounds like this voice" if weight > 0 else "sounds more like other voices"
    return {
        "kind": "word",
        "direction": "for" if weight > 0 else "against",
        "what": word,
        "detail": f"“{word}” {like}.",
        "weight": round(weight, 3),
    }


def word_weights(text: str, fingerprint: Fingerprint) -> dict[str, float]:
    """How much each word of a text moves the score: each pattern's weight is shared by its letters."""
    line = flat(text)
    weights = fingerprint.contributions(text)
    counts: Counter[str] = Counter()
    for size in (2, 3, 4):
        counts.update(line[n : n + size] for n in range(len(line) - size + 1))
    letters = [0.0] * len(line)
    for size in (2, 3, 4):
        for n in range(len(line) - size + 1):
            gram = line[n : n + size]
            weight = weights.get(gram)
            if weight is not None:
                share = weight / counts[gram] / size
                for place in range(n, n + size):
                    letters[place] += share
    totals: dict[str, float] = {}
    for token in _TOKEN.finditer(line):
        found = WORD.search(token[0])
        word = found[0] if found else token[0]
        totals[word] = totals.get(word, 0.0) + sum(letters[token.start() : token.end()])
    return totals


def _style(fingerprint: Fingerprint, judged: Judged) -> list[dict[str, Any]]:
    found = []
    for name, value, weight, own in zip(MEASURES, judged.measures, judged.style, fingerprint.own_style, strict=True):
        moved = weight * fingerprint.style_weight
        low, high = max(0.0, own.mean - own.deviation), own.mean + own.deviation
        # Others may do it even more; still nobody can be told to change what lies within the voice's own habits.
        usual_here = moved < 0 and round(low, 1) <= round(value, 1) <= round(high, 1)
        if abs(weight) >= _LEAST_STYLE and not usual_here:
            usual = f"usually {low:.1f} to {high:.1f}"
            found.append(
                {
                    "kind": "style",
                    "direction": "for" if moved > 0 else "against",
                    "what": TITLES[name],
                    "detail": f"{TITLES[name].capitalize()}: {value:.1f} here; in the own material {usual}.",
                    "weight": round(moved, 3),
                }
            )
    return found
