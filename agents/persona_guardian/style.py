"""Ten numbers of style that can be counted in any text, whatever it is about."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from itertools import pairwise

from .texts import emoji, sentences, words

MEASURES = (
    "sentence_words",
    "sentence_spread",
    "word_letters",
    "exclamations",
    "questions",
    "capitals",
    "line_breaks",
    "variety",
    "commas",
    "emoji",
)
TITLES = {
    "sentence_words": "words in a sentence",
    "sentence_spread": "unevenness of sentence length",
    "word_letters": "letters in a word",
    "exclamations": "exclamation marks in a sentence",
    "questions": "question marks in a sentence",
    "capitals": "capitals in a hundred letters",
    "line_breaks": "line breaks in a sentence",
    "variety": "share of different words",
    "commas": "commas and dashes in a hundred words",
    "emoji": "emoji in a hundred words",
}
# What one text may say at most about one measure, so that a single odd comma decides nothing.
MOST_EVIDENCE = 2.0
_VARIETY_WORDS = 30


def measure(text: str) -> list[float]:
    """The ten numbers, in the order of MEASURES; zeros where there is nothing to count."""
    said, cut = words(text), sentences(text)
    lengths = [len(words(sentence)) for sentence in cut]
    lengths = [length for length in lengths if length] or [0]
    count, parts = max(len(said), 1), max(len(cut), 1)
    letters = [c for c in text if c.isalpha()]
    return [
        statistics.fmean(lengths),
        statistics.pstdev(lengths),
        sum(map(len, said)) / count,
        text.count("!") / parts,
        text.count("?") / parts,
        100 * sum(map(str.isupper, letters)) / max(len(letters), 1),
        text.count("\n") / parts,
        _variety(said),
        100 * sum(text.count(mark) for mark in ",;:–—") / count,
        100 * len(emoji(text)) / count,
    ]


def _variety(said: list[str]) -> float:
    """The share of different words in windows of a fixed length, so that a long text is not called dull."""
    if len(said) <= _VARIETY_WORDS:
        return len(set(said)) / len(said) if said else 0.0
    starts = [*range(0, len(said) - _VARIETY_WORDS + 1, _VARIETY_WORDS), len(said)]
    shares = [len(set(said[a : a + _VARIETY_WORDS])) / _VARIETY_WORDS for a, _ in pairwise(starts)]
    return statistics.fmean(shares)


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of one measure over many texts."""

    mean: float
    deviation: float


def spreads(rows: list[list[float]]) -> list[Spread]:
    """One spread a measure; the deviation is never so small that a hair's breadth would be evidence."""
    found = []
    for column in zip(*rows, strict=True):
        mean = statistics.fmean(column)
        found.append(Spread(mean, max(statistics.pstdev(column), 0.15 * abs(mean), 0.05)))
    return found


def evidence(row: list[float], own: list[Spread], others: list[Spread]) -> list[float]:
    """For each measure how much more it fits the own texts than the others (log of the ratio of two normal curves)."""
    return [
        max(-MOST_EVIDENCE, min(MOST_EVIDENCE, _log_density(x, mine) - _log_density(x, theirs)))
        for x, mine, theirs in zip(row, own, others, strict=True)
    ]


def _log_density(x: float, spread: Spread) -> float:
    return -math.log(spread.deviation) - 0.5 * ((x - spread.mean) / spread.deviation) ** 2
