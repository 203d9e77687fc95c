"""The two tests behind every flag: a one-sided CUSUM on counts, and the binomial tail of a single window.

CUSUM: score = max(0, score + log likelihood ratio of "the rate fell to `ratio` of the usual" against "as usual")
(E. S. Page, Biometrika 41, 1954; the ratio form after G. Lorden, Annals of Mathematical Statistics 42, 1971). An
excursion that starts at zero reaches a score s by chance with probability at most exp(-s); how that is shared out
over many series stands in funnels.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Event = Literal["alarm", "recovered"]
# Odds of e^4, about 55 to 1, that the rate is back; a relapse soon after joins the same incident.
RECOVERY_EVIDENCE = 4.0
# What is taken to be left while down: a few unlucky windows must not make a halved rate look like a recovery.
LEFT_RANGE = (0.5, 0.7)


def rate_terms(p: float, ratio: float) -> tuple[float, float]:
    """(a, b) so that the log likelihood ratio of k successes in n trials is k*a + n*b, for a rate p against p*ratio."""
    b = math.log((1 - p * ratio) / (1 - p))
    return math.log(ratio) - b, b


def count_terms(mean: float, ratio: float) -> tuple[float, float]:
    """(a, b) so that the log likelihood ratio of a Poisson count x is x*a + b, for a mean against mean*ratio."""
    return math.log(ratio), mean * (1 - ratio)


def lower_tail(k: int, n: int, p: float) -> float:
    """The chance of k or fewer successes in n trials at rate p."""
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    step = math.log(p) - math.log1p(-p)
    term = log_sum = n * math.log1p(-p)
    for i in range(1, k + 1):
        term += math.log((n - i + 1) / i) + step
        larger, smaller = max(log_sum, term), min(log_sum, term)
        log_sum = larger + math.log1p(math.exp(smaller - larger))
    return min(1.0, math.exp(log_sum))


def upper_tail(k: int, n: int, p: float) -> float:
    """The chance of k or more successes in n trials at rate p."""
    return lower_tail(n - k, n, 1 - p) if k > 0 else 1.0


def may_be_crash(k: int, n: int, p: float, chance: float) -> bool:
    """Whether the lower tail can lie below `chance` at all, by its lower bound on k = 0 and the mean; cheap."""
    return n * math.log1p(-p) < math.log(chance) and k < 0.6 * n * p


class Trial(NamedTuple):
    """What one window brings to a series: k of n at a usual rate, or a count k where `usual` is its mean."""

    minute: int
    end: int
    k: int
    n: int
    usual: float
    counted: bool = False

    def llr(self, ratio: float) -> float:
        """The log likelihood ratio of "the rate fell to `ratio` of the usual" against "as usual"."""
        if self.counted:
            a, b = count_terms(self.usual, ratio)
            return self.k * a + b
        a, b = rate_terms(self.usual, ratio)
        return self.k * a + self.n * b


@dataclass(slots=True)
class Cusum:
    """One watched series. Times are minutes; k, n, expected and evidence are summed since the score left zero.

    While an alarm stands, a second score collects the evidence that the rate is back: as usual against what was
    `left` of it when the alarm was raised.
    """

    score: float = 0.0
    since: int = 0
    k: int = 0
    n: int = 0
    expected: float = 0.0
    evidence: float = 0.0
    left: float = 0.0
    back: float = 0.0
    back_since: int = 0

    @property
    def alarmed(self) -> bool:
        """Whether an alarm stands."""
        return self.left > 0

    def advance(self, trial: Trial, llr: float, threshold: float) -> Event | None:
        """Take in one window with its log likelihood ratio; what it brought about.

        `since` estimates the onset (the score left zero), `back_since` the recovery, both the usual change points.
        """
        if self.alarmed:
            return self._look_back(trial, llr)
        if self.score + llr <= 0:
            self.reset(trial.end)
            return None
        if self.score == 0:
            self.since = trial.minute
        self._count(trial, llr)
        self.score += llr
        if self.score < threshold:
            return None
        self._alarm(trial)
        return "alarm"

    def crash(self, trial: Trial) -> None:
        """Raise the alarm because of a single window that the score alone did not judge enough."""
        if self.score == 0:
            self.since = trial.minute
        self._alarm(trial)

    def reset(self, minute: int) -> None:
        """Back to zero; `back_since` stays, because the end of the alarm is read from it."""
        self.score, self.since, self.k, self.n = 0.0, minute, 0, 0
        self.expected, self.evidence, self.left, self.back = 0.0, 0.0, 0.0, 0.0

    def _alarm(self, trial: Trial) -> None:
        low, high = LEFT_RANGE
        self.left = min(high, max(low, self.k / self.expected)) if self.expected > 0 else low
        self.back, self.back_since = 0.0, trial.end

    def _look_back(self, trial: Trial, llr: float) -> Event | None:
        self._count(trial, llr)
        gain = -trial.llr(self.left)
        if self.back == 0 and gain > 0:
            self.back_since = trial.minute
        self.back = max(0.0, self.back + gain)
        if self.back < RECOVERY_EVIDENCE:
            return None
        self.reset(trial.end)
        return "recovered"

    def _count(self, trial: Trial, llr: float) -> None:
        self.k += trial.k
        self.n += trial.n
        self.expected += trial.n * trial.usual
        self.evidence += llr

    def pack(self) -> list[Any]:
        """The state as a plain list."""
        return [
            round(self.score, 6), self.since, self.k, self.n, round(self.expected, 4), round(self.evidence, 4),
            round(self.left, 4), round(self.back, 6), self.back_since,
        ]  # fmt: skip

    @classmethod
    def unpack(cls, packed: list[Any]) -> Cusum:
        """The state from its plain list."""
        return cls(*packed)
