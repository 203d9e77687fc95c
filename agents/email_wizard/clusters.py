"""Optional grouping without rules: buyers by recency, frequency, money and what they bought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ionflux_core.sdk import not_computed

from .people import Customer
from .segments import Segmentation
from .settings import Grouping

MIN_BUYERS = 50
MAX_FOR_HDBSCAN = 20_000
_SAMPLE = 2_000
_MOST_GROUPS = 8


def cluster(customers: Sequence[Customer], found: Segmentation, method: Grouping, seed: int) -> dict[str, Any]:
    """The groups with their centres in words; `not_computed` says what is missing."""
    import numpy as np

    facts = found.facts
    chosen = np.flatnonzero(facts.buyers & np.isfinite(facts.recency))
    if len(chosen) < MIN_BUYERS:
        return not_computed(f"fewer than {MIN_BUYERS} buyers with a known time of their last order")
    if method == "hdbscan" and len(chosen) > MAX_FOR_HDBSCAN:
        return not_computed(f"more than {MAX_FOR_HDBSCAN:,} buyers; use kmeans")
    matrix = _features([customers[int(at)] for at in chosen], facts, chosen, seed)
    labels, how = _kmeans(matrix, seed) if method == "kmeans" else _hdbscan(matrix)
    groups = []
    for label in sorted(set(labels.tolist())):
        at = chosen[labels == label]
        groups.append(_group(label, at, [customers[int(place)] for place in at], found))
    return {"method": how, "seed": seed, "customers": len(chosen), "groups": groups,
            "not_grouped": len(facts.emails) - len(chosen)}  # fmt: skip


def _features(customers: Sequence[Customer], facts: Any, chosen: Any, seed: int) -> Any:
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import StandardScaler

    figures = np.log1p(np.vstack([facts.recency[chosen], facts.orders[chosen], facts.revenue[chosen]]).T)
    parts = [StandardScaler().fit_transform(figures)]
    texts = [" ".join(customer["titles"]) for customer in customers]
    if len(set(texts) - {""}) >= 5:
        words = TfidfVectorizer(max_features=500).fit_transform(texts)
        if words.shape[1] > 4:
            topics = TruncatedSVD(n_components=3, random_state=seed).fit_transform(words)
            parts.append(StandardScaler().fit_transform(topics) * 0.5)
    return np.hstack(parts)


def _kmeans(matrix: Any, seed: int) -> tuple[Any, str]:
    """KMeans with the number of groups whose silhouette is best on a sample."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(seed)
    sample = matrix[rng.choice(len(matrix), min(_SAMPLE, len(matrix)), replace=False)]
    scores: dict[int, float] = {}
    for groups in range(2, _MOST_GROUPS + 1):
        labels = KMeans(groups, n_init=3, random_state=seed).fit_predict(sample)
        if len(set(labels.tolist())) > 1:
            scores[groups] = float(silhouette_score(sample, labels))
    best = max(scores, key=lambda groups: scores[groups], default=2)
    labels = KMeans(best, n_init=3, random_state=seed).fit_predict(matrix)
    return labels, f"KMeans with {best} groups, chosen by silhouette ({scores.get(best, 0):.3f})"


def _hdbscan(matrix: Any) -> tuple[Any, str]:
    from sklearn.cluster import HDBSCAN

    smallest = max(10, len(matrix) // 50)
    labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(matrix)
    return labels, f"HDBSCAN with at least {smallest} customers in a group"


def _group(label: int, at: Any, customers: Sequence[Customer], found: Segmentation) -> dict[str, Any]:
    import numpy as np

    facts = found.facts
    recency, orders = float(np.median(facts.recency[at])), float(np.mean(facts.orders[at]))
    counted = float(facts.counted[at].sum())
    average = float(facts.revenue[at].sum()) / counted if counted else 0.0
    titles = Counter(title for customer in customers for title in customer["titles"]).most_common(3)
    bought = f"; most bought: {', '.join(title for title, _ in titles)}" if titles else ""
    return {
        "group": "no clear group" if label < 0 else f"group {label + 1}",
        "size": len(at),
        "centre": {
            "days_since_order": round(recency, 1),
            "orders": round(orders, 2),
            "average_order": round(average, 2),
        },
        "reason": f"Half of them bought within {recency:.0f} days, {orders:.1f} orders each, "
        f"{average:,.2f} {found.currency} an order{bought}.",
    }
