"""Figures of the catalogue as alert rules watch them: asked seldom, so that the charts' copy need not stay awake."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from ionflux_core.domain.alert_rules import RuleTarget
from ionflux_core.ids import now
from ionflux_core.services.dashboard import DashboardFilters
from ionflux_core.services.figures import Figures

_KEPT_SECONDS = 300.0
_MOST_KEPT = 500
Found = tuple[float | None, str, str]


class WatchFigures:
    """Asks the catalogue for a figure at most every five minutes."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, str, timedelta], tuple[float, Found]] = {}

    def __call__(self, workspace_id: str, name: str, target: RuleTarget, period: timedelta) -> Found:
        """The figure of a period up to now: its value, its title, and the value in words or why there is none."""
        key, at = (workspace_id, name, target.subject, period), time.monotonic()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and at - kept[0] < _KEPT_SECONDS:
            return kept[1]
        found = self._ask(workspace_id, name, target, period)
        with self._lock:
            if len(self._kept) > _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (at, found)
        return found

    def _ask(self, workspace_id: str, name: str, target: RuleTarget, period: timedelta) -> Found:
        until = now()
        filters = DashboardFilters(
            since=until - period, until=until, instance_id=target.instance_id, brand_id=target.brand_id,
            definition_slug=target.definition_slug,
        )  # fmt: skip
        figure = self._figures.figure(workspace_id, name, filters, by=None)
        if figure.value is None:
            return None, figure.metric.title, figure.not_computed or "It could not be computed."
        return figure.value, figure.metric.title, f"{figure.value:,.4g} {figure.metric.unit}".strip()
