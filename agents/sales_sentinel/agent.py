"""Shopify Sales Sentinel: notices early that a shop is losing sales, says what changed, and follows the correction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Context, Invalid

from .baseline import drop_stale
from .causes import local_engine, rephrased
from .changes import blame, read_change, store_change
from .check import ALERT, Findings, check
from .incidents import IncidentBook, judge
from .orders import change_in, is_order, order_alert, product_prices
from .report import butler_alert, incident_report
from .settings import Settings, read_settings
from .times import minute_of, place
from .watch import watch_incident
from .windows import STATE, Window, read_file, read_windows, store_windows

HEALTH_CHECK = "periodic_health_check_and_model_update"
INGEST = "ingest"
WATCH = "watch_incident"
TASKS = (HEALTH_CHECK, INGEST, WATCH)


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Take in what came, check what is new, and say what was found."""
    task = ctx.task or HEALTH_CHECK
    if task not in TASKS:
        raise Invalid(f"{task!r} is no task of this agent.", hint="Use " + ", ".join(TASKS) + ".")
    settings = read_settings(ctx, inputs)
    taken: dict[str, Any] = ctx.step("take in", _take_in, ctx, settings, inputs)
    findings: Findings | None = None
    if task == WATCH:
        findings = watch_incident(ctx, settings, _incident_id(inputs))
    elif taken["windows"] or (task == HEALTH_CHECK and not _only_an_event(inputs)):
        findings = Findings(**ctx.step("check", lambda: check(ctx, settings, ctx.now()).plain()))
    engine = local_engine(ctx)
    if findings and settings.rephrase:
        _rephrase(ctx, findings)
    return {
        "incident_analysis_report": incident_report(ctx, settings, findings, taken, engine),
        "alert_to_brief_butler": butler_alert(ctx, findings, taken, engine),
        "engine": engine,
    }


def _incident_id(inputs: Mapping[str, Any]) -> str | None:
    value = inputs.get("incident_id")
    return value if isinstance(value, str) and value else None


def _only_an_event(inputs: Mapping[str, Any]) -> bool:
    """Whether the run was started by an order or a change alone, which a look at the windows would only delay."""
    return bool(inputs.get("shopify_event_payload") or inputs.get("change_log_entry"))


def _is_history(ctx: Context) -> bool:
    """Whether the event comes from the first import of a shop, and tells of what was before anybody watched."""
    return (ctx.trigger.event_type or "").endswith(".imported")


def _take_in(ctx: Context, settings: Settings, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Check everything that came, then store it; nothing is stored when any part is wrong."""
    now = ctx.now()
    windows = _windows(ctx, inputs)
    event = _event(inputs)
    news = event if event and is_order(event) and not _is_history(ctx) else None
    alert = order_alert(news, settings.order_threshold) if news else None
    changes = [read_change(entry, now) for entry in _changes(ctx, inputs, event)]
    book = IncidentBook(ctx.records)
    verdict = judge(book, inputs["incident_verdict"], minute_of(now)) if inputs.get("incident_verdict") else None
    if verdict and verdict["culprit"]:
        blame(ctx.records, verdict["culprit"])
    book.save()
    stored = _store(ctx, settings, windows) if windows else None
    keys = [store_change(ctx, change) for change in changes]
    if alert:
        payload = {**alert, "kind": "order", "severity": "medium", "title": alert["text"]}
        ctx.emit(ALERT, payload, key=f"order:{alert['order_id']}")
    return {
        "windows": len(windows),
        "hours": stored,
        "order": None if not event or not is_order(event) else str(event.get("name") or event.get("id")),
        "order_alerts": [alert] if alert else [],
        "changes": [{"id": key, **change} for key, change in zip(keys, changes, strict=True)],
        "verdict": {"incident_id": verdict["id"], "status": verdict["status"]} if verdict else None,
    }


def _windows(ctx: Context, inputs: Mapping[str, Any]) -> list[Window]:
    windows: list[Window] = []
    if inputs.get("performance_metric_payload"):
        windows += read_windows(inputs["performance_metric_payload"], ctx.now())
    if inputs.get("metrics_file"):
        value = inputs["metrics_file"]
        name = str(value.get("name", "file")) if isinstance(value, Mapping) else "file"
        windows += read_windows(read_file(ctx.read_file(value), name), ctx.now())
    return windows


def _event(inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    event = inputs.get("shopify_event_payload")
    if not event:
        return None
    if not isinstance(event, Mapping):
        raise Invalid("A Shopify event must be an object.", hint="Send the body of the webhook as it arrived.")
    inner = event.get("payload")
    return inner if isinstance(inner, Mapping) and "topic" in event else event


def _changes(ctx: Context, inputs: Mapping[str, Any], event: Mapping[str, Any] | None) -> list[Any]:
    entries = [inputs["change_log_entry"]] if inputs.get("change_log_entry") else []
    if event and not is_order(event):
        told = change_in(event, ctx.trigger.event_type, ctx.now()) or _price_change(ctx, event)
        entries += [told] if told else []
    return entries


def _price_change(ctx: Context, event: Mapping[str, Any]) -> dict[str, Any] | None:
    """A change of kind price when a product came with other prices than the last time."""
    product = product_prices(event)
    if product is None:
        return None
    id, prices = product
    known = ctx.records.get(STATE, f"product:{id}")
    ctx.records.put(STATE, f"product:{id}", {"prices": prices})
    if known is None or known.data["prices"] == prices:
        return None
    text = f"Prices changed from {known.data['prices']} to {prices}"[:4000]
    return {"kind": "price", "name": str(event["title"])[:120], "at": event.get("updated_at"), "text": text}


def _store(ctx: Context, settings: Settings, windows: list[Window]) -> int:
    shop = ctx.records.get(STATE, "shop")
    stored = store_windows(ctx.records, windows)
    judged = shop.data.get("judged_until") if shop else None
    first_day = place(min(w.minute for w in windows), settings.zone)[0]
    if judged is not None and first_day < place(judged, settings.zone)[0]:
        drop_stale(ctx.records, first_day)
    return stored.hours


def _rephrase(ctx: Context, findings: Findings) -> None:
    for incident in findings.incidents:
        if incident["end"] is None:
            wording = rephrased(ctx, incident["cause"]["sentences"], incident["evidence"])
            if wording:
                incident["cause"]["wording"] = wording
