"""The dashboard's cost by model: a chart of what had a price, and a sentence for what had none."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ionflux_core.analytics.metrics import METRICS
from ionflux_core.services.dashboard import Overview
from ionflux_ui import charts
from ionflux_ui.chart_board import Part, part
from ionflux_ui.plain import counted


def models_part(shown: Overview) -> Part | None:
    """Cost by day and model; nothing while only the local engine was asked, which costs nothing."""
    metric = METRICS["cost_by_model"]
    spent: Counter[tuple[Any, str]] = Counter()
    unpriced: Counter[str] = Counter()
    for row in shown.models:
        if row["cost"]:
            spent[row["day"], row["model"]] += row["cost"]
        unpriced[row["model"]] += row["unpriced"]
    rows = [{"day": day, "definition_slug": model, "cost": cost} for (day, model), cost in spent.items()]
    unknown = [f"{model} ({counted(count, 'call')})" for model, count in sorted(unpriced.items()) if count]
    if not rows and not unknown:
        return None
    note = f"No price is known for {', '.join(unknown)}: what they cost is in no sum." if unknown else ""
    drawn = [charts.cost_by_day(rows, metric, str)] if rows else []
    return part("What the models cost", help=metric.definition, charts=drawn, note=note)
