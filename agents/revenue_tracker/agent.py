"""Revenue Tracker Lite: what every order, product and day of a shop really contributes.

One run: keep and work out the orders that came (`processing`), sum the touched days again, then report on the
period. Each part is a step of its own, so that a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

from typing import Any

from ionflux_core.sdk import Context

from .alerts import TOPIC, alert_payload, find_alerts, publish
from .digest import lead_sentence, write_digest
from .options import Options, read_options
from .processing import process, sum_days
from .report import build_report, dashboard


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Dashboard figures, digest and alerts of the period, after all orders of this run are counted."""
    options = read_options(ctx, inputs)
    processed = ctx.step("Read and keep orders", lambda: process(ctx, inputs, options))
    ctx.step("Sum days", lambda: sum_days(ctx, processed["days"], processed["currency"], options))
    result = ctx.step("Report", lambda: _report(ctx, options, processed))
    data, payload = result["dashboard"], result["alerts"]
    lead, engine = lead_sentence(ctx, data, options.reword)
    digest = write_digest(data, payload["alerts"], lead)
    if options.task == "generate_daily_profitability_digest":
        ctx.step("Announce", lambda: _announce_digest(ctx, options, data, digest))
    return {
        "profitability_dashboard_data_json": data,
        "profitability_digest_markdown": digest,
        "actionable_alert_payload": payload,
        "engine": engine,
    }


def _report(ctx: Context, options: Options, processed: dict[str, Any]) -> dict[str, Any]:
    report = build_report(ctx, options, processed["currency"])
    alerts = find_alerts(report, options)
    publish(ctx, alerts, ctx.now().astimezone(options.zone).date())
    return {"dashboard": dashboard(report, options, processed), "alerts": alert_payload(report, alerts)}


def _announce_digest(ctx: Context, options: Options, data: dict[str, Any], digest: str) -> None:
    """Announced once per ISO week, with the first digest of the week."""
    year, week, _ = ctx.now().astimezone(options.zone).isocalendar()
    payload = {"period": data["period"], "currency": data["currency"], "totals": data["totals"]}
    key = f"weekly_digest:{year}-W{week:02d}"
    ctx.emit(f"{TOPIC}.weekly_digest_ready", {**payload, "digest_markdown": digest}, key=key)
