"""What this process counts while it works: sums and times by a few labels, whose number has a limit."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LONG: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0)
OTHER: Final = "other"

Labels = tuple[str, ...]


class Known:
    """A set of words that may become labels: what comes after the limit is `other`, so that nobody can make series."""

    def __init__(self, limit: int, words: Iterable[str] = ()) -> None:
        self._limit = limit
        self._words = {*words}

    def word(self, word: str) -> str:
        """The word itself while there is room for it."""
        if word in self._words:
            return word
        if len(self._words) >= self._limit or not word or len(word) > 120 or not word.isprintable():
            return OTHER
        self._words.add(word)
        return word


class Tally:
    """A count that only grows, by labels."""

    def __init__(self, *labels: str) -> None:
        self.labels = labels
        self._lock = threading.Lock()
        self._counts: Counter[Labels] = Counter()

    def add(self, *labels: str, by: float = 1) -> None:
        """Count once, or by so much."""
        with self._lock:
            self._counts[labels] += by  # type: ignore[assignment]

    def counts(self) -> dict[Labels, float]:
        """A copy of all counts."""
        with self._lock:
            return dict(self._counts)


class Spread(NamedTuple):
    """How values are spread: how many are at most as large as each bucket's bound (the last: all), and their sum."""

    buckets: tuple[tuple[str, int], ...]
    sum: float


class Histogram:
    """Values such as seconds, counted in buckets, by labels."""

    def __init__(self, *labels: str, bounds: tuple[float, ...] = QUICK) -> None:
        self.labels = labels
        self._bounds = bounds
        self._lock = threading.Lock()
        self._counts: dict[Labels, list[int]] = {}
        self._sums: Counter[Labels] = Counter()

    def observe(self, value: float, *labels: str) -> None:
        """Note one value; a clock that went back is nought."""
        value = max(0.0, value)
        place = bisect_left(self._bounds, value)
        with self._lock:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
            counts[place] += 1
            self._sums[labels] += value  # type: ignore[assignment]

    def spreads(self) -> dict[Labels, Spread]:
        """What was noted so far."""
        with self._lock:
            held = {labels: (list(counts), float(self._sums[labels])) for labels, counts in self._counts.items()}
        return {labels: Spread(self._sums_of(counts), total) for labels, (counts, total) in held.items()}

    def _sums_of(self, counts: list[int]) -> tuple[tuple[str, int], ...]:
        bounds, so_far, summed = [*map(str, self._bounds), "+Inf"], 0, []
        for bound, count in zip(bounds, counts, strict=True):
            so_far += count
            summed.append((bound, so_far))
        return tuple(summed)


class Measures:
    """What the runs of this process leave: steps, calls of models and over HTTP, tokens, cost."""

    def __init__(self) -> None:
        self.steps = Histogram("kind", "status")
        self.model_calls = Histogram("provider", "status", bounds=LONG)
        self.outside_calls = Histogram("status")
        self.tokens = Tally("model", "direction")
        self.cost = Tally("model")
        self._kinds, self._providers, self._models = Known(20), Known(20), Known(50)

    def step(self, kind: str, status: str, seconds: float) -> None:
        """A step has ended."""
        self.steps.observe(seconds, self._kinds.word(kind), status)

    def outside_call(self, status: str, seconds: float) -> None:
        """A run has asked another server."""
        self.outside_calls.observe(seconds, status)

    def model_call(
        self, provider: str, model: str, status: str, seconds: float, *, tokens: tuple[int, int], dollars: float
    ) -> None:
        """A run has asked a model; `tokens` are those it was given and those it gave."""
        self.model_calls.observe(seconds, self._providers.word(provider), status)
        named = self._models.word(f"{provider}:{model}" if model else provider)
        self.tokens.add(named, "in", by=tokens[0])
        self.tokens.add(named, "out", by=tokens[1])
        self.cost.add(named, by=dollars)
