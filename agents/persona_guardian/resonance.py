"""How a text may be received, learned only from the persona's own figures of engagement, or not computed at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ionflux_core.sdk import not_computed

from .style import measure
from .texts import words

LEAST_ROWS = 30
_FOLDS = 5
_STRENGTH = 10.0

Row = tuple[str, float | None, str]


def fit_resonance(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """One model for all figures (under the empty name) and one for each segment; each may be `not_computed`."""
    segments = sorted({segment for _, amount, segment in rows if amount is not None and segment})
    return {segment: _fit([row for row in rows if segment in ("", row[2])], seed) for segment in ["", *segments[:50]]}


def predict(models: Mapping[str, Any], segment: str, text: str) -> tuple[float | dict[str, str], dict[str, Any]]:
    """The expected rank of a text among the own pieces (0 lowest, 1 highest), with how well such ranks are known."""
    model = models.get(segment)
    if model is None:
        return not_computed(f"There are no engagement figures for the segment {segment!r}."), {}
    if "not_computed" in model:
        return {"not_computed": model["not_computed"]}, {key: model[key] for key in ("rows", "r2") if key in model}
    row = _features(text)
    scaled = [(x - mean) / scale for x, mean, scale in zip(row, model["means"], model["scales"], strict=True)]
    rank = model["intercept"] + sum(x * weight for x, weight in zip(scaled, model["weights"], strict=True))
    told = {key: model[key] for key in ("rows", "r2", "median_error_percent")}
    return round(max(0.0, min(1.0, rank)), 4), {**told, "meaning": "expected rank among the persona's own pieces"}


def _features(text: str) -> list[float]:
    return [*measure(text), math.log1p(len(words(text)))]


def _fit(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    known = [(text, amount) for text, amount, _ in rows if amount is not None]
    if len(known) < LEAST_ROWS:
        missing = LEAST_ROWS - len(known)
        reason = f"{len(known)} pieces have engagement figures; {missing} more are needed."
        return {**not_computed(reason), "rows": len(known)}
    import numpy as np
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    amounts = np.array([amount for _, amount in known])
    if np.ptp(amounts) == 0:
        return {**not_computed("All engagement figures are the same."), "rows": len(known)}
    table = np.array([_features(text) for text, _ in known])
    ranks = _ranks(amounts)
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=_STRENGTH))
    folds = KFold(_FOLDS, shuffle=True, random_state=seed)
    guessed = cross_val_predict(pipeline, table, ranks, cv=folds)
    r2 = round(float(r2_score(ranks, guessed)), 4)
    if r2 <= 0:
        reason = f"Style does not explain the engagement of these pieces (held-out R2 {r2:g})."
        return {**not_computed(reason), "rows": len(known), "r2": r2}
    pipeline.fit(table, ranks)
    scaler, ridge = pipeline[0], pipeline[1]
    return {
        "rows": len(known),
        "r2": r2,
        "folds": _FOLDS,
        "median_error_percent": _error(amounts, guessed),
        "means": [round(float(x), 6) for x in scaler.mean_],
        "scales": [round(float(x), 6) for x in scaler.scale_],
        "weights": [round(float(x), 6) for x in ridge.coef_],
        "intercept": round(float(ridge.intercept_), 6),
    }


def _ranks(amounts: Any) -> Any:
    """The rank of each amount from 0 to 1; equal amounts share the mean of their ranks."""
    import numpy as np

    _, where, counts = np.unique(amounts, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    return (last - (counts - 1) / 2)[where] / (len(amounts) - 1)


def _error(amounts: Any, guessed: Any) -> float | None:
    """Median difference between guessed and measured engagement by the measured one, in percent."""
    import numpy as np

    expected = np.quantile(amounts, np.clip(guessed, 0, 1))
    above = amounts > 0
    if not above.any():
        return None
    return round(float(np.median(np.abs(expected[above] - amounts[above]) / amounts[above]) * 100), 1)
