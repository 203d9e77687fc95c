"""Figures of the catalogue as the lines a block of a page draws."""

from __future__ import annotations

from typing import Any

from ionflux_core.analytics.metrics import MEASURES
from ionflux_core.blocks.base import WORKSPACE_FIGURES as WORKSPACE_FIGURES
from ionflux_core.errors import NotFound
from ionflux_core.services.dashboard import Dashboard, DashboardFilters
from ionflux_core.services.figures import Figure, Figures


def is_of_workspace(definition: str) -> bool:
    """Whether a block asks for the catalogue instead of an agent's own figures."""
    return definition == WORKSPACE_FIGURES


def spec(figures: Figures, workspace_id: str, name: str) -> dict[str, Any] | None:
    """A metric as a block names it: {title, unit, direction, help, missing}; None: there is none of that name.

    `missing` says why there may be no value.
    """
    try:
        metric = figures.metric(workspace_id, name)
    except NotFound:
        return None
    told = {"title": metric.title, "unit": metric.unit, "direction": metric.direction, "help": metric.definition}
    return told | {"missing": MEASURES[name].missing if name in MEASURES else ""}


def lines(
    figures: Figures, dashboard: Dashboard, workspace_id: str, name: str, *, instance_id: str | None, days: int
) -> list[dict[str, Any]]:
    """One line by day, or one for each series whose values are never added; `value` is that of the whole period."""
    told = spec(figures, workspace_id, name)
    if told is None:
        return []
    since, until = dashboard.last_days(workspace_id, days)
    narrow = DashboardFilters(since=since, until=until, instance_id=instance_id)
    figure = figures.figure(workspace_id, name, narrow)
    told["unit"] = figure.metric.unit
    if figure.parts:
        return [_part(figure, part, told, apart=len(figure.parts) > 1) for part in figure.parts]
    if figure.value is None:
        return []
    return [_line(figure.rows, figure.value, figure.previous, told, "The workspace", apart=False)]


def _part(figure: Figure, part: dict[str, Any], told: dict[str, Any], *, apart: bool) -> dict[str, Any]:
    rows = [row for row in figure.rows if row.get("series") == part.get("series", part["label"])]
    unit = {"unit": part.get("unit") or told["unit"]}
    return _line(rows, part["value"], part.get("previous"), told | unit, part["label"], apart=apart)


def _line(
    rows: list[dict[str, Any]], value: float, previous: float | None, told: dict[str, Any], label: str, *, apart: bool
) -> dict[str, Any]:
    known = [row for row in rows if row["value"] is not None]
    return {
        **told, "label": label, "value": value, "previous": previous, "days": [row["key"] for row in known],
        "values": [float(row["value"]) for row in known], "whole": True, "apart": apart,
    }  # fmt: skip
