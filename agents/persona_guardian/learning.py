"""Learns a voice: the centre of its letter patterns against other voices, its numbers of style, and the calibration.

The scores that calibrate are held-out ones: each own piece is judged by what was learned from the others, and each
piece of another voice by a fingerprint that has not seen that voice at all.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .background import Piece
from .fingerprint import FORMAT
from .style import evidence, measure, spreads
from .texts import grams

if TYPE_CHECKING:
    import numpy as np

# A sparse matrix of scipy, which has no types of its own.
Sparse: TypeAlias = Any
LEAST_PIECES = 30
MOST_PIECES = 1_000
FOLDS = 5
_MOST_GRAMS = 6_000
# A voice counts as a neighbour when its patterns are at least this near, measured by the nearest.
_NEIGHBOUR = 0.5


@dataclass(frozen=True, slots=True)
class Material:
    """The patterns of own and other texts as numbers: one row a text, the own ones first."""

    counts: Sparse
    patterns: list[str]
    own: int
    measures: list[list[float]]
    groups: list[str]


def learn(texts: Sequence[str], others: Sequence[Piece], seed: int) -> dict[str, Any]:
    """Everything a fingerprint needs, as plain JSON; `texts` are at least 30 own ones, oldest first."""
    texts = list(texts)[-MOST_PIECES:]
    known = set(texts)
    others = [piece for piece in others if piece.text not in known]
    material = _material(texts, others)
    model = _fit(material, range(material.own), range(material.own, len(material.groups)))
    return {
        "format": FORMAT,
        "grams": {
            pattern: [round(float(idf), 4), round(float(weight), 5)]
            for pattern, idf, weight in zip(material.patterns, model.idf, model.weights, strict=True)
        },
        "own_style": [[round(s.mean, 4), round(s.deviation, 4)] for s in model.own_style],
        "other_style": [[round(s.mean, 4), round(s.deviation, 4)] for s in model.other_style],
        "piece_chars": max(120, min(1_000, int(statistics.median(map(len, texts))))),
        "calibration": _calibrate(material, seed),
    }


def _material(texts: list[str], others: Sequence[Piece]) -> Material:
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(analyzer=grams, min_df=2, dtype=np.float64)
    counts = vectorizer.fit_transform([*texts, *(piece.text for piece in others)])
    own = len(texts)
    # Half of the patterns are the own texts' most frequent ones, half the others': neither crowds out the other.
    used = counts.sign()
    mine, theirs = (np.asarray(part.sum(axis=0)).ravel() for part in (used[:own], used[own:]))
    half = _MOST_GRAMS // 2
    kept = np.union1d(np.argsort(-mine, kind="stable")[:half], np.argsort(-theirs, kind="stable")[:half])
    names = vectorizer.get_feature_names_out()
    return Material(
        counts=counts[:, kept].tocsr(),
        patterns=[str(names[n]) for n in kept],
        own=own,
        measures=[measure(text) for text in [*texts, *(piece.text for piece in others)]],
        groups=[""] * own + [piece.voice for piece in others],
    )


@dataclass(frozen=True, slots=True)
class _Model:
    idf: np.ndarray
    weights: np.ndarray
    own_style: list[Any]
    other_style: list[Any]


def _fit(material: Material, own: Sequence[int], others: Sequence[int]) -> _Model:
    """What these rows teach: rarity of each pattern, the contrast of the two centres, the numbers of style."""
    import numpy as np

    idf = _rarity(material, [*own, *others])
    centre = _unit(np.asarray(_weighted(material, own, idf).mean(axis=0)).ravel())
    theirs = _weighted(material, others, idf)
    near = _neighbours(theirs @ centre, [material.groups[n] for n in others])
    # The neighbours sharpen the contrast; the rest keeps a text in another language from looking neutral.
    other = _unit(np.asarray(theirs[near].mean(axis=0)).ravel()) + _unit(np.asarray(theirs.mean(axis=0)).ravel())
    rows = material.measures
    return _Model(
        idf,
        centre - _unit(other),
        spreads([rows[n] for n in own]),
        spreads([rows[n] for n in others]),
    )


def _rarity(material: Material, rows: Sequence[int]) -> np.ndarray:
    import numpy as np

    present = np.asarray(material.counts[list(rows)].sign().sum(axis=0)).ravel()
    found: np.ndarray = np.log((1 + len(rows)) / (1 + present)) + 1
    return found


def _weighted(material: Material, rows: Sequence[int], idf: np.ndarray) -> Sparse:
    """Rows as patterns weighted by rarity, each of length 1."""
    import numpy as np
    from sklearn.preprocessing import normalize

    part = material.counts[list(rows)].copy()
    part.data = 1 + np.log(part.data)
    return normalize(part.multiply(idf).tocsr())


def _unit(vector: np.ndarray) -> np.ndarray:
    import numpy as np

    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _neighbours(nearness: np.ndarray, groups: list[str]) -> list[int]:
    """The rows of the voices that are near enough to be mistaken; another language would only blur the contrast."""
    means = {
        group: statistics.fmean(float(near) for near, name in zip(nearness, groups, strict=True) if name == group)
        for group in dict.fromkeys(groups)
    }
    least = _NEIGHBOUR * max(means.values())
    return [n for n, group in enumerate(groups) if means[group] >= least]


def _calibrate(material: Material, seed: int) -> dict[str, Any]:
    """The logistic curve from held-out scores to 0..1, and how well it parts own pieces from other voices'."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    features, labels = _held_out(material, seed)
    scale = features.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(class_weight="balanced", C=1.0).fit(features / scale, labels)
    if model.coef_[0][1] < 0:
        # A mixed voice: its habits tell nothing, and what fits them must not lower the score.
        features[:, 1] = 0.0
        model = model.fit(features / scale, labels)
    chances = model.predict_proba(features / scale)[:, 1]
    letters, style = model.coef_[0] / scale
    own, other = chances[labels == 1], chances[labels == 0]
    return {
        "intercept": round(float(model.intercept_[0]), 6),
        "letters": round(float(letters), 6),
        "style": round(float(style), 6),
        "held_out_auc": round(float(roc_auc_score(labels, chances)), 4),
        "own_median": round(float(np.median(own)), 4),
        "own_lowest_tenth": round(float(np.quantile(own, 0.1)), 4),
        "other_median": round(float(np.median(other)), 4),
        "other_highest_tenth": round(float(np.quantile(other, 0.9)), 4),
        "own_pieces": int((labels == 1).sum()),
        "other_pieces": int((labels == 0).sum()),
        "folds": FOLDS,
        "seed": seed,
    }


def _held_out(material: Material, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(letters, style) of every piece as judged without it, and whether it is an own one."""
    import numpy as np

    rng = np.random.default_rng(seed)
    own_fold = rng.permutation(material.own) % FOLDS
    names = sorted({group for group in material.groups if group})
    fold_of = {name: n % FOLDS for n, name in enumerate(rng.permutation(names).tolist())}
    others = range(material.own, len(material.groups))
    rows: list[list[float]] = []
    labels: list[int] = []
    for fold in range(FOLDS):
        away = [n for n in others if fold_of[material.groups[n]] == fold]
        model = _fit(
            material,
            [n for n in range(material.own) if own_fold[n] != fold],
            [n for n in others if fold_of[material.groups[n]] != fold],
        )
        tested = [*np.flatnonzero(own_fold == fold).tolist(), *away]
        letters = _weighted(material, tested, model.idf) @ model.weights
        for row, amount in zip(tested, letters, strict=True):
            found = evidence(material.measures[row], model.own_style, model.other_style)
            rows.append([float(amount), sum(found)])
            labels.append(int(row < material.own))
    return np.array(rows), np.array(labels)
