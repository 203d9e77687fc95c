"""Figures of the catalogue: the value of a period, and its rows by a dimension, from the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ionflux_core.analytics import sql
from ionflux_core.analytics.measures import Measure
from ionflux_core.analytics.scope import Scope

Ask = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Total:
    """A period's figure; `parts` has more than one row where values are never added. `why` says why there is none."""

    value: float | None
    unit: str
    parts: Rows
    why: str = ""


def total(ask: Ask, measure: Measure, scope: Scope) -> Total:
    """The figure of the whole period."""
    refused = refusal(measure, scope)
    if refused:
        return Total(None, measure.unit, [], refused)
    parts = ask(*sql.query(measure, scope, None))
    known = [row for row in parts if row["value"] is not None]
    if not known:
        return Total(None, measure.unit, [], measure.missing)
    if len(known) > 1:
        return Total(None, one_unit(known, measure.unit), known, _apart(measure, known))
    return Total(float(known[0]["value"]), one_unit(known, measure.unit), known if measure.series else [])


def rows_by(ask: Ask, measure: Measure, scope: Scope, by: str) -> Rows:
    """Rows of key, value and extras; days as dates in order, and without a gap where nothing means 0."""
    if refusal(measure, scope):
        return []
    found = ask(*sql.query(measure, scope, by))
    return _every_day(found, measure, scope) if by == "day" and not measure.missing else found


def refusal(measure: Measure, scope: Scope) -> str:
    """Why a figure is not known under these filters; empty when it is."""
    asked = [name for name in measure.refuses if getattr(scope, name) not in (None, ())]
    if not asked:
        return ""
    words = {"definition_slug": "agent type", "instance_id": "agent", "brand_id": "brand", "trigger_kind": "trigger"}
    named = [words.get(name, "status") for name in asked]
    told = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return f"{measure.title} cannot be narrowed by {told}; take {'that filter' if len(named) == 1 else 'them'} away."


def one_unit(rows: Rows, otherwise: str) -> str:
    """The unit all rows share."""
    units = {row.get("unit", otherwise) for row in rows}
    return str(units.pop()) if len(units) == 1 else otherwise


def _apart(measure: Measure, rows: Rows) -> str:
    names = ", ".join(" in ".join(str(row[column]) for column in measure.series) for row in rows)
    return f"These are never added to each other: {names}. Look at them by method."


def _every_day(rows: Rows, measure: Measure, scope: Scope) -> Rows:
    zone = ZoneInfo(scope.zone)
    first = scope.since.astimezone(zone).date()
    last = (scope.until - timedelta(microseconds=1)).astimezone(zone).date()
    own: dict[date, dict[str, Any]] = {row["key"]: row for row in rows}
    empty = {"value": 0, **dict.fromkeys(measure.extras)}
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [own.get(day, {"key": day, **empty}) for day in days]
