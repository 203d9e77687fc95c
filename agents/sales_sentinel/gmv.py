"""Revenue at risk and protected, from the windows of an incident; every figure comes with its formula in words.

A row holds, for one window: expected and observed revenue (minor units) and orders in the incident's segments, and
the expected orders of the whole shop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .baseline import Baselines
from .history import History
from .times import HOUR, WINDOW, place
from .windows import ORDERS, OVERALL, REVENUE, SESSIONS

EXPECTED, OBSERVED, ORDERS_EXPECTED, ORDERS_OBSERVED, SHOP_ORDERS_EXPECTED = range(5)
Row = list[float]
Rows = dict[str, Row]

EXPECTED_WORDS = (
    "Expected revenue of a window = its sessions x the usual revenue per session at this time of day "
    "(when visits have stopped: the usual sessions instead of the counted ones)."
)
LOST_WORDS = "Lost so far = sum over the incident's windows of expected - observed revenue, never below 0."
RISK_WORDS = "At risk per hour = mean of expected - observed revenue over the incident's last hour of windows x 12."
PROTECTED_WORDS = (
    "GMV protected = sum over the windows from the first confirmed action to the recovery of expected - observed "
    "revenue, never more than what was expected and never below 0."
)


def account(incident: dict[str, Any], history: History, baselines: Baselines, since: int, until: int) -> None:
    """Work out the incident's rows from `since` to its end (or `until`); repeating it gives the same rows."""
    zone, scope = history.zone, incident["scope"]
    rows: Rows = incident["rows"]
    first = incident["start"] if not rows or incident["start"] < int(min(rows)) else max(since, incident["start"])
    last = incident["end"] or until
    stopped = incident["kind"] == "traffic_stopped"
    for minute, cells in history.windows(first, last):
        day, slot = place(minute, zone)
        base = baselines.of(day)
        if base is None:
            continue
        row = [0.0] * 5
        for segment in scope:
            values = cells.get(segment)
            sessions = base.rate(segment, "traffic", slot) if stopped else (values[SESSIONS] if values else 0)
            row[EXPECTED] += sessions * base.rate(segment, "revenue", slot)
            row[ORDERS_EXPECTED] += sessions * base.rate(segment, "conversion", slot)
            row[OBSERVED] += values[REVENUE] if values else 0
            row[ORDERS_OBSERVED] += values[ORDERS] if values else 0
        whole = base.rate(OVERALL, "traffic", slot) if stopped else cells[OVERALL][SESSIONS]
        row[SHOP_ORDERS_EXPECTED] = whole * base.rate(OVERALL, "conversion", slot)
        rows[str(minute)] = [round(value, 2) for value in row]
    for minute_text in [m for m in rows if int(m) >= last]:
        del rows[minute_text]


def _gap(rows: list[Row]) -> float:
    return sum(min(row[EXPECTED], row[EXPECTED] - row[OBSERVED]) for row in rows)


def lost(rows: Rows) -> int:
    """Minor units lost since the incident began."""
    return max(0, round(_gap(list(rows.values()))))


def at_risk_per_hour(rows: Rows) -> int:
    """Minor units that go missing in an hour as things stand."""
    latest = [rows[m] for m in sorted(rows, key=int)[-HOUR // WINDOW :]]
    return max(0, round(_gap(latest) / len(latest) * (HOUR // WINDOW))) if latest else 0


def protected(rows: Rows, acted: int, recovered: int) -> int:
    """Minor units of GMV protected between the first action and the recovery (minutes)."""
    during = [row for minute, row in rows.items() if acted - WINDOW < int(minute) < recovered]
    return min(max(0, round(_gap(during))), round(sum(row[EXPECTED] for row in during)))


def lost_share(rows: Rows) -> float:
    """The share of the whole shop's expected orders that the incident costs, 0 to 1."""
    missing = sum(row[ORDERS_EXPECTED] - row[ORDERS_OBSERVED] for row in rows.values())
    expected = sum(row[SHOP_ORDERS_EXPECTED] for row in rows.values())
    return min(1.0, max(0.0, missing / expected)) if expected > 0 else 0.0


def first_action(incident: Mapping[str, Any]) -> int | None:
    """The minute of the first action a person confirmed, or None."""
    done = [action["at"] for action in incident["actions"] if action["outcome"] == "done" and action["corrective"]]
    return min(done, default=None)


def impact(incident: Mapping[str, Any], currency: str, margin: float | None) -> dict[str, Any]:
    """The incident's figures in money (minor units), each beside its formula."""
    rows: Rows = incident["rows"]
    if not any(row[EXPECTED] for row in rows.values()):
        return {"not_computed": "No revenue was counted in the former days, so none can be expected."}
    figures: dict[str, Any] = {
        "currency": currency,
        "expected_formula": EXPECTED_WORDS,
        "lost_minor": lost(rows),
        "lost_formula": LOST_WORDS,
        "at_risk_per_hour_minor": 0 if incident["end"] else at_risk_per_hour(rows),
        "at_risk_formula": RISK_WORDS,
        "protected_minor": _protected_or_reason(incident),
        "protected_formula": PROTECTED_WORDS,
    }
    if margin is not None:
        figures["profit_lost_minor"] = round(figures["lost_minor"] * margin)
        figures["profit_lost_formula"] = f"Profit lost = lost so far x the gross margin you gave ({margin:g})."
    return figures


def _protected_or_reason(incident: Mapping[str, Any]) -> Any:
    acted = first_action(incident)
    if acted is None:
        return {"not_computed": "Nobody confirmed a corrective action."}
    if incident["end"] is None:
        return {"not_computed": "The rate has not recovered yet."}
    return protected(incident["rows"], acted, incident["end"])
