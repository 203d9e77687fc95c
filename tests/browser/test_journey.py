"""The foundation's journey in a real browser: from the marketplace to a chart, by hand, by webhook and by schedule."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

from ionflux_core.demo.files import signed_webhook
from ionflux_core.domain.runs import Run
from tests.browser.served import ROOT, Server
from tests.browser.tabs import OpenTab

SECRET = "a-secret-of-the-shop"
NAME = "Shop margins"


def test_from_the_marketplace_to_a_chart(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.address}/marketplace?agent=revenue_tracker").page
    page.get_by_role("button", name="Use this agent").click()
    page.get_by_label("Name", exact=True).fill(NAME)
    page.locator(".cm-content").wait_for()
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile("instance="))
    page.get_by_role("heading", name=NAME).wait_for()

    app, workspace = server.application, server.workspace
    (instance,) = app.agents.find(workspace)
    data = (ROOT / "data/demo/orders.json").read_bytes()
    orders = app.runs.upload(workspace, "orders.json", data, "application/json")
    costs = json.loads((ROOT / "data/demo/costs.json").read_text())
    by_hand = app.runs.start(
        workspace, NAME, {"orders_file": orders, "manual_cost_inputs": costs, "reporting_period": "all"}
    )
    run = server.ended(by_hand.run_id)
    assert run.status == "success", run.error
    page.goto(f"{server.address}/runs?run={run.id}")
    page.get_by_text("Success").first.wait_for()
    page.get_by_text(re.compile(r"20 orders brought")).first.wait_for()

    hooked = _by_webhook(server, instance.id, json.loads(data)["orders"][0])
    scheduled = _by_schedule(server, instance.id)
    assert {hooked.trigger_kind, scheduled.trigger_kind} == {"webhook", "schedule"}

    page.goto(f"{server.address}/dashboard?days=365")
    page.locator("[data-chart=runs_per_day] .part").first.wait_for()
    page.get_by_text("Net revenue").first.wait_for()


def _by_webhook(server: Server, instance_id: str, order: dict[str, Any]) -> Run:
    """The same order, signed as Shopify does: refused before the secret is there, then run once however often sent."""
    app, workspace = server.application, server.workspace
    trigger = next(t for t in app.triggers.of_instance(workspace, instance_id) if t.kind == "webhook")
    url = f"{server.address}/hooks/{trigger.hook_path}"
    headers, body = signed_webhook(order, secret=SECRET, shop_domain="shop.example.com")
    assert _post(url, headers, body)[0] == 401
    app.secrets.put(workspace, "shopify_webhook_secret", SECRET)
    status, answer = _post(url, headers, body)
    assert status == 202
    assert _post(url, headers, body) == (200, {**answer, "status": "repeated"})
    assert _post(url, {**headers, "X-Shopify-Hmac-Sha256": "AAAA"}, body)[0] == 401
    run = server.ended(answer["run_id"])
    assert run.status == "success", run.error
    events = app.events.find(workspace, correlation_id=run.correlation_id)
    assert "ionflux.shopify.order.created" in {event.type for event in events}
    return run


def _by_schedule(server: Server, instance_id: str) -> Run:
    app, workspace = server.application, server.workspace
    trigger = next(t for t in app.triggers.of_instance(workspace, instance_id) if t.kind == "schedule")
    slot = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
    started = app.triggers.fire(trigger.id, slot)
    again = app.triggers.fire(trigger.id, slot)
    assert started and again and again.repeated and again.run_id == started.run_id
    run = server.ended(started.run_id)
    assert run.status == "success", run.error
    return run


def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, data=body, headers={**headers, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())
