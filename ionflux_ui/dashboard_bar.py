"""What stands above the dashboard's charts: chips of what narrows them, sections, views; and the head of its paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from ionflux_core.domain.annotations import Mark
from ionflux_core.domain.views import SavedView
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.ids import now
from ionflux_ui.chart_board import ChartMark
from ionflux_ui.dashboard_filters import NARROWING, Named, kept_parameters, section_in_address
from ionflux_ui.dashboard_parts import SECTIONS
from ionflux_ui.moments import exact
from ionflux_ui.session import parameter

_LABELS: Final = {
    "definition": "Agent", "instance": "Configured as", "brand": "Brand", "trigger": "Started by", "status": "Status",
}  # fmt: skip


def chips(named: Named) -> list[dict[str, str]]:
    """A chip for each filter that is set: its parameter, its label and its value in words."""
    found = []
    for name in NARROWING:
        values = [each for each in (parameter(name) or "").split(",") if each]
        if values:
            words = ", ".join(named[name].get(each, "Not there") for each in values)
            found.append({"name": name, "label": _LABELS[name], "text": words})
    return found


def bar_of(named: Named, views: Sequence[SavedView], first: SavedView | None) -> dict[str, Any]:
    """The bar above the charts."""
    kept = kept_parameters()
    current = next((each for each in views if each.parameters == kept), None)
    return {
        "chips": chips(named),
        "sections": [
            {"key": key, "title": title, "current": key == section_in_address()}
            for key, (title, _) in SECTIONS.items()
        ],
        "view": current.name if current else "",
        "views": [
            {
                "id": each.id, "name": each.name, "current": current is not None and each.id == current.id,
                "first": first is not None and each.id == first.id,
            }
            for each in views
        ],
    }  # fmt: skip


def period_words(first: date, last: date) -> str:
    """The days in words, like "14 Nov to 20 Nov 2026"."""
    end = f"{last:%-d %b %Y}"
    if first == last:
        return end
    return f"{first:%-d %b} to {end}" if first.year == last.year else f"{first:%-d %b %Y} to {end}"


def paper_of(space: Workspace, period: str, named: Named, *, compare: bool) -> dict[str, Any]:
    """What a printed dashboard says about itself: whose figures, of which days, narrowed to what, and when printed."""
    only = "; ".join(f"{chip['label']}: {chip['text']}" for chip in chips(named))
    compared = ", compared with the days before" if compare else ""
    return {
        "title": f"{space.name}: {SECTIONS[section_in_address()][0].lower()}",
        "lines": [
            f"{period}{compared}",
            f"Narrowed to {only}" if only else "All agents, brands and triggers",
            f"As of {exact(now(), space.settings.timezone)}",
        ],
    }


def marks_of(marks: Sequence[Mark], zone: str) -> list[ChartMark]:
    """Marks as charts draw them: each on its day in the workspace's zone."""
    found: list[ChartMark] = []
    for mark in marks:
        here = mark.at.astimezone(ZoneInfo(zone))
        found.append({
            "kind": mark.kind, "id": mark.id, "day": here.date().isoformat(), "when": f"{here:%-d %b, %H:%M}",
            "words": mark.words,
        })  # fmt: skip
    return found
