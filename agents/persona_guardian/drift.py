"""How far a voice has moved between two spans of time, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ionflux_core.sdk import not_computed

from .texts import grams

if TYPE_CHECKING:
    import numpy as np

LEAST_PIECES = 8
_MOST_PIECES = 300
_SHUFFLES = 499
# With a look every week, one in a hundred is a false alarm in about two years.
SIGNIFICANT = 0.01


def compare(older: Sequence[str], newer: Sequence[str], seed: int) -> dict[str, Any]:
    """The cosine distance of the two centres, what shuffled pieces show, and the p-value of a permutation test.

    Two handfuls of short texts never have the same centre, so the distance alone says little: it counts only when
    the same pieces, dealt out at random, are hardly ever that far apart.
    """
    sizes = {"older_pieces": len(older), "newer_pieces": len(newer)}
    if min(len(older), len(newer)) < LEAST_PIECES:
        reason = f"{len(older)} older and {len(newer)} newer dated pieces; {LEAST_PIECES} of each are needed."
        return {**not_computed(reason), **sizes}
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    first, second = list(older)[-_MOST_PIECES:], list(newer)[-_MOST_PIECES:]
    table = TfidfVectorizer(analyzer=grams, min_df=2, sublinear_tf=True, max_features=6_000).fit_transform(
        [*first, *second]
    )
    real = np.array([[1.0] * len(first) + [0.0] * len(second)])
    rng = np.random.default_rng(seed)
    dealt = np.array([rng.permutation(real[0]) for _ in range(_SHUFFLES)])
    distance = float(_distances(table, real)[0])
    chance = _distances(table, dealt)
    return {
        **sizes,
        "distance": round(distance, 4),
        "distance_by_chance": round(float(chance.mean()), 4),
        "p_value": round((1 + int((chance >= distance).sum())) / (1 + _SHUFFLES), 4),
        "shuffles": _SHUFFLES,
        "seed": seed,
    }


def _distances(table: Any, first: np.ndarray) -> np.ndarray:
    """For each row of `first` (1: the piece is in the first group) the cosine distance of the two groups' centres."""
    import numpy as np

    one, all_ = first @ table, np.asarray(table.sum(axis=0))
    two = all_ - one
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    found: np.ndarray = 1 - (one * two).sum(axis=1) / np.where(lengths == 0, 1, lengths)
    return found
