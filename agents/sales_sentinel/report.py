"""The two outputs: the incident report, and the alert as Communication Clarity Butler takes it."""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context

from .check import Findings
from .incidents import SEVERITIES
from .settings import Settings


def incident_report(
    ctx: Context, settings: Settings, findings: Findings | None, taken: dict[str, Any], engine: dict[str, Any]
) -> dict[str, Any]:
    """The incident analysis report of a run."""
    orders = taken.get("order_alerts", [])
    incidents = findings.incidents if findings else []
    ongoing = [i for i in incidents if i["end"] is None and i["status"] not in ("resolved", "false_positive")]
    if ongoing:
        summary = f"{len(ongoing)} incident{'s' if len(ongoing) > 1 else ''} ongoing: {ongoing[0]['title']}."
    elif incidents:
        summary = (
            f"{len(incidents)} incident{'s' if len(incidents) > 1 else ''} in the windows looked at, none ongoing."
        )
    elif orders:
        summary = orders[0]["text"]
    elif taken.get("changes"):
        summary = "The change was recorded."
    else:
        summary = "Nothing to report."
    return {
        "status": "incidents" if incidents else "orders" if orders else "nothing_to_report",
        "summary": summary,
        "taken_in": taken,
        "checked": findings.checked if findings else {"windows": 0, "note": "This event brought no windows to judge."},
        "incidents": incidents,
        "order_alerts": orders,
        "information": findings.information if findings else [],
        "escalations": findings.escalations if findings else [],
        "funnel_last_hour": findings.funnel if findings else {"not_computed": "Not part of this task."},
        "expected_time_to_notice": findings.notice if findings else {"not_computed": "Not part of this task."},
        "watched_with": {
            "sensitivity_h": settings.sensitivity_h,
            "crash_p": settings.crash_p,
            "drop_ratio": settings.drop_ratio,
            "baseline_days": settings.baseline_days,
        },
        "engine": engine,
    }


def butler_alert(
    ctx: Context, findings: Findings | None, taken: dict[str, Any], engine: dict[str, Any]
) -> dict[str, Any]:
    """What has to be told to people: order and incident alerts, or the explicit word that there is nothing."""
    due = set(findings.alerts) if findings else set()
    alerts = [_incident_alert(i) for i in (findings.incidents if findings else []) if i["id"] in due]
    alerts += [
        {"kind": "order", "severity": "medium", "title": a["text"], "text": a["text"], "order": a}
        for a in taken.get("order_alerts", [])
    ]
    escalations = findings.escalations if findings else []
    if not alerts and not escalations:
        return {"status": "nothing_to_report", "reason": "No new alert came out of this run.", "engine": engine}
    worst = max((a["severity"] for a in alerts), key=SEVERITIES.index, default="critical")
    return {
        "status": "alert",
        "severity": "critical" if escalations else worst,
        "call_a_person": bool(escalations),
        "title": alerts[0]["title"] if alerts else escalations[0]["reason"],
        "text": "\n\n".join([a["text"] for a in alerts] + [f"Please step in: {e['reason']}" for e in escalations]),
        "alerts": alerts,
        "escalations": escalations,
        "brand": ctx.brand.name if ctx.brand else None,
        "correlation_id": ctx.correlation_id,
        "engine": engine,
    }


def _incident_alert(incident: dict[str, Any]) -> dict[str, Any]:
    lines = [f"**{incident['title']}** ({incident['severity']}, since {incident['start']})", incident["cause"]["text"]]
    gmv = incident["gmv"]
    if "at_risk_per_hour_minor" in gmv:
        risk, currency = gmv["at_risk_per_hour_minor"] / 100, gmv["currency"]
        lines.append(
            f"At risk: {risk:,.2f} {currency} per hour; lost so far: {gmv['lost_minor'] / 100:,.2f} {currency}."
        )
    return {
        "kind": "incident",
        "incident_id": incident["id"],
        "severity": incident["severity"],
        "title": incident["title"],
        "text": "\n\n".join(lines),
    }
