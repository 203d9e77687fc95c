"""How likely a customer is to welcome a mail: learned from own sends once there are enough, never assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ionflux_core.sdk import Record, not_computed

from .people import Customer, last_life, order_count
from .sequence import SETTLED_HOURS
from .times import iso, later, parsed

MIN_SENDS = 200
MIN_OF_EACH = 20
_NEWEST = 20_000
_LONG = 3650.0
FEATURES = ("days since last sign of life", "orders", "mails", "open rate", "click rate", "mails without an answer")


def features(customer: Customer, now: datetime) -> list[float]:
    """What is known of a customer before a mail goes out."""
    alive = last_life(customer)
    days = (now - parsed(alive)).total_seconds() / 86_400 if alive else _LONG
    mails = customer["mails"]
    return [
        round(math.log1p(max(0.0, days)), 4),
        round(math.log1p(order_count(customer)), 4),
        round(math.log1p(mails), 4),
        round((customer["opens"] + 0.5) / (mails + 2), 4),
        round((customer["clicks"] + 0.2) / (mails + 2), 4),
        round(math.log1p(customer["quiet"]), 4),
    ]


def labelled(sends: Sequence[Record], now: datetime) -> list[tuple[list[float], int]]:
    """Sends whose outcome is settled: 1 when opened, clicked or followed by an order, and not complained about."""
    settled = later(iso(now), hours=-SETTLED_HOURS)
    rows = []
    for row in sends:
        data = row.data
        if data.get("state") not in ("sent", "bounced") or not data.get("features") or data["at"] > settled:
            continue
        bad = {"bounced", "complained", "unsubscribed"} & set(data.get("heard", {}))
        good = data.get("heard", {}).keys() & {"opened", "clicked"} or data.get("orders")
        rows.append((data["features"], int(bool(good) and not bad and data["state"] == "sent")))
    return rows[-_NEWEST:]


def learned(
    sends: Sequence[Record], customers: Sequence[Customer], now: datetime, seed: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """The chance of each customer, and what the model rests on; empty with `not_computed` while too little is known."""
    rows = labelled(sends, now)
    good = sum(label for _, label in rows)
    if len(rows) < MIN_SENDS:
        return {}, not_computed(f"{len(rows)} settled sends of {MIN_SENDS} needed; only the rules decide")
    if min(good, len(rows) - good) < MIN_OF_EACH:
        return {}, not_computed(
            f"{good} of {len(rows)} settled sends were welcome; {MIN_OF_EACH} of each kind are needed"
        )
    import numpy as np
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    given, labels = np.array([each for each, _ in rows]), np.array([label for _, label in rows])
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    simple = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model = CalibratedClassifierCV(simple, method="isotonic", cv=folds)
    held_out = cross_val_predict(model, given, labels, cv=folds, method="predict_proba")[:, 1]
    model.fit(given, labels)
    chances: Mapping[str, float] = {}
    if customers:
        asked = np.array([features(customer, now) for customer in customers])
        found = model.predict_proba(asked)[:, 1]
        chances = {c["email"]: round(float(p), 4) for c, p in zip(customers, found, strict=True)}
    return dict(chances), {
        "method": "logistic regression, isotonic calibration, 5 folds",
        "sends": len(rows),
        "welcome": good,
        "auc_held_out": round(float(roc_auc_score(labels, held_out)), 4),
        "brier_held_out": round(float(brier_score_loss(labels, held_out)), 4),
        "brier_of_the_average": round(float(np.mean((labels - labels.mean()) ** 2)), 4),
        "features": list(FEATURES),
    }
