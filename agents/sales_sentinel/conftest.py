"""Loads the agent as the catalog does, so that tests import the files beside it by the same name; and a small shop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ionflux_core.catalog.loader import Catalog

Catalog([Path(__file__).parents[1]]).code("sales_sentinel")

Rows = list[dict[str, Any]]
SHARES = {("mobile", "safari"): 0.25, ("mobile", "chrome"): 0.35, ("desktop", "chrome"): 0.4}


def rows_of(
    first: datetime,
    windows: int,
    *,
    seed: int,
    traffic: float = 200,
    left: float = 1.0,
    fault: tuple[int, int] = (0, 0),
    segment: tuple[str, str] | None = None,
) -> Rows:
    """Windows of a shop where 6 % start a checkout and 53 % complete it; in `fault` (window numbers) `left` of that."""
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for number in range(windows):
        start = first + timedelta(minutes=5 * number)
        season = 1 + 0.5 * np.sin((start.hour - 9) / 24 * 2 * np.pi)
        for parts, share in SHARES.items():
            hit = fault[0] <= number < fault[1] and segment in (None, parts)
            sessions = int(rng.poisson(traffic * share * season))
            started = int(rng.binomial(sessions, 0.06))
            completed = int(rng.binomial(started, 0.53 * (left if hit else 1.0)))
            rows.append(
                {
                    "start": start.isoformat(),
                    "minutes": 5,
                    "segment": {"device": parts[0], "browser": parts[1]},
                    "sessions": sessions,
                    "checkouts_started": started,
                    "checkouts_completed": completed,
                    "orders": completed,
                    "revenue_minor": completed * 5000,
                    "currency": "USD",
                    "errors": 0,
                    "page_ms_p75": 1800,
                }
            )
    return rows


@pytest.fixture
def shop_rows() -> Callable[..., Rows]:
    """Makes windows of a small shop."""
    return rows_of
