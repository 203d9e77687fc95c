"""An alert of Shopify Sales Sentinel as people read it: what, how sure, why, what is asked, and where to look."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Context, Invalid, not_computed

from .ledger import mark, marked
from .messages import escape
from .options import Options

_SEVERITIES = ("low", "medium", "high", "critical")
_TELLING = ("title", "text", "reason", "incident_id", "order", "order_id")
_ASKED = {
    "order": "Nothing has to be done; it is a large order.",
    "incident": "Try the checkout, and answer the tasks that the Sentinel has opened among the approvals.",
    "person": "Please step in now: the Sentinel calls a person.",
}


def deliver_alert(ctx: Context, options: Options, payload: Any) -> dict[str, Any]:
    """Post an alert once, and say where; an alert that was delivered before is not posted again."""
    if not isinstance(payload, Mapping):
        raise Invalid("alert_payload must be a map.", hint="Send the alert as Shopify Sales Sentinel writes it.")
    if payload.get("status") == "nothing_to_report":
        return {"status": "nothing_to_report", "delivered": 0, "messages": []}
    alerts = _alerts(payload)
    if not alerts:
        return {"status": "nothing_to_report", "delivered": 0, "messages": []}
    alerts = [alert for alert in alerts if any(alert.get(key) for key in _TELLING)]
    if not alerts:
        raise Invalid("The alert says nothing.", hint="It needs at least a title or a text.")
    posted, repeated = [], 0
    for alert in alerts:
        message = _deliver(ctx, options.alert_channel, alert, payload)
        repeated += message is None
        posted += [] if message is None else [message]
    return {
        "status": "delivered" if posted else "delivered_before",
        "delivered": len(posted),
        "repeated": repeated,
        "channel": options.alert_channel,
        "messages": posted,
        "correlation_id": ctx.correlation_id,
    }


def _deliver(ctx: Context, channel: str, alert: Mapping[str, Any], payload: Mapping[str, Any]) -> str | None:
    """Post one alert; None when it was delivered before."""
    key = f"alert:{identity(alert)}"
    if ctx.step("look for alert", lambda: marked(ctx.records, key)):
        return None
    message = ctx.chat.post(channel, words_of(ctx, alert, payload), key=key)
    ctx.step("note alert", lambda: mark(ctx.records, key, {"message_id": message, "channel": channel}, ctx.now()))
    return message


def _alerts(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alerts of a payload: the one of an event, or those of the Sentinel's output."""
    listed = payload.get("alerts")
    if not isinstance(listed, list):
        return [payload]
    alerts = [each for each in listed if isinstance(each, Mapping)][:20]
    calls = [each for each in payload.get("escalations") or [] if isinstance(each, Mapping)][:5]
    return alerts + [
        {"kind": "person", "severity": "critical", "title": each.get("reason", ""), **each} for each in calls
    ]


def identity(alert: Mapping[str, Any]) -> str:
    """What makes two alerts the same: the incident with its severity, the order, or the very words."""
    order = alert["order"] if isinstance(alert.get("order"), Mapping) else alert
    incident = alert.get("incident_id") or (alert.get("id") if alert.get("kind") == "incident" else None)
    if alert.get("kind") != "person" and incident:
        return f"incident:{incident}:{alert.get('severity')}"[:200]
    if order.get("order_id"):
        return f"order:{order['order_id']}"[:200]
    plain = {key: value for key, value in alert.items() if key not in ("engine", "correlation_id", "at")}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:32]


def words_of(ctx: Context, alert: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """The alert as Markdown; what its sender does not say is said to be unknown."""
    kind = str(alert.get("kind") or "alert")
    family = (
        "person" if kind == "person" or payload.get("call_a_person") else "order" if "order" in kind else "incident"
    )
    severity = str(alert.get("severity") or payload.get("severity") or "")
    mark = f"{severity.upper()}: " if severity in _SEVERITIES else ""
    lines = [f"**{mark}{escape(alert.get('title') or alert.get('text') or 'Alert without a title', 300)}**"]
    facts = [
        ("Since", alert.get("start")),
        ("State", alert.get("status")),
        ("How sure", _sure(alert, family)),
        ("Likely cause", _cause(alert, family)),
        ("At risk", _risk(alert.get("gmv"))),
        ("Asked of you", _ASKED[family]),
    ]
    lines += [f"- {name}: {escape(value, 900)}" for name, value in facts if value not in (None, "")]
    incident = alert.get("incident_id") or (alert.get("id") if kind == "incident" else None)
    where = f"- Incident `{_code(incident)}`; " if incident else "- "
    source = alert.get("run_id") or payload.get("run_id")
    lines.append(f"{where}[the run and what led to it](runs?run={_code(source or ctx.run_id)})")
    return "\n".join([lines[0], "", *lines[1:]])


def _sure(alert: Mapping[str, Any], family: str) -> str | None:
    for key in ("confidence", "certainty", "p_value", "evidence"):
        value = alert.get(key)
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return f"{key.replace('_', ' ')} {value}"
    return (
        "certain, counted from the order itself"
        if family == "order"
        else "the alert does not say; the incident shows its tests"
    )


def _cause(alert: Mapping[str, Any], family: str) -> str | None:
    cause = alert.get("cause")
    text = cause.get("text") if isinstance(cause, Mapping) else cause
    if isinstance(text, str) and text:
        return text
    items = alert.get("items") or (alert["order"].get("items") if isinstance(alert.get("order"), Mapping) else None)
    if family == "order":
        return f"ordered: {', '.join(map(str, items[:5]))}" if isinstance(items, list) and items else None
    said = str(alert.get("text") or "").partition("\n\n")[2]
    return said or not_computed("unknown")["not_computed"]


def _risk(gmv: Any) -> str | None:
    if not isinstance(gmv, Mapping) or not isinstance(gmv.get("at_risk_per_hour_minor"), (int, float)):
        return None
    lost = gmv.get("lost_minor")
    so_far = f"; lost so far {lost / 100:,.2f} {gmv.get('currency')}" if isinstance(lost, (int, float)) else ""
    return f"{gmv['at_risk_per_hour_minor'] / 100:,.2f} {gmv.get('currency')} an hour{so_far}"


def _code(value: Any) -> str:
    return "".join(letter for letter in str(value) if letter.isalnum() or letter in ".-_:|=")[:120]
