"""A learned voice, read from its JSON, and the score it gives a text: plain Python, a matter of milliseconds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .style import Spread, evidence, measure
from .texts import counted, pieces_of

FORMAT = 1
NAME = "voice-fingerprint"
VERSION = "1"
Gram = tuple[float, float]  # how rare the pattern is, and how much more it is this voice's than the others'


@dataclass(frozen=True, slots=True)
class Judged:
    """What a fingerprint says of a text: the score, and the two parts it was made from."""

    score: float
    letters: float
    style: list[float]
    measures: list[float]
    known: float


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Letter patterns with their weights, the usual numbers of style, and the calibration to a score of 0 to 1."""

    persona: str
    version: int
    data: Mapping[str, Any]
    grams: Mapping[str, Gram]
    own_style: list[Spread]
    other_style: list[Spread]
    intercept: float
    letters_weight: float
    style_weight: float
    piece_chars: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Fingerprint:
        """The fingerprint behind its stored JSON."""
        calibration = data["calibration"]
        return cls(
            persona=data["persona"],
            version=data["version"],
            data=data,
            grams={gram: (idf, weight) for gram, (idf, weight) in data["grams"].items()},
            own_style=[Spread(*pair) for pair in data["own_style"]],
            other_style=[Spread(*pair) for pair in data["other_style"]],
            intercept=calibration["intercept"],
            letters_weight=calibration["letters"],
            style_weight=calibration["style"],
            piece_chars=data["piece_chars"],
        )

    def judge(self, text: str) -> Judged:
        """The score of a text: parts of the usual length are compared, and their mean is calibrated with the style."""
        parts = pieces_of(text, self.piece_chars)
        compared = [letters(counted(part), self.grams) for part in parts]
        amount = sum(value for value, _ in compared) / len(parts)
        known = sum(share for _, share in compared) / len(parts)
        row = measure(text)
        style = evidence(row, self.own_style, self.other_style)
        return Judged(self._calibrated(amount, style), amount, style, row, known)

    def _calibrated(self, amount: float, style: list[float]) -> float:
        logit = self.intercept + self.letters_weight * amount + self.style_weight * sum(style)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))

    def contributions(self, text: str) -> dict[str, float]:
        """For each letter pattern of a text, how much it moves the score, in logits."""
        counts = counted(text)
        scale = self.letters_weight / (_length(counts, self.grams) or 1.0)
        known = ((gram, count, self.grams[gram]) for gram, count in counts.items() if gram in self.grams)
        return {gram: scale * (1 + math.log(count)) * idf * weight for gram, count, (idf, weight) in known}


def letters(counts: Counter[str], grams: Mapping[str, Gram]) -> tuple[float, float]:
    """How much nearer the patterns are to the own centre than to the others', and the share of them that is known."""
    squares = total = 0.0
    seen = 0
    get, log = grams.get, math.log
    for gram, count in counts.items():
        found = get(gram)
        if found:
            seen += count
            value = found[0] if count == 1 else (1 + log(count)) * found[0]
            squares += value * value
            total += value * found[1]
    return (total / math.sqrt(squares) if squares else 0.0), seen / max(counts.total(), 1)


def _length(counts: Counter[str], grams: Mapping[str, Gram]) -> float:
    return math.sqrt(sum(((1 + math.log(n)) * grams[gram][0]) ** 2 for gram, n in counts.items() if gram in grams))
