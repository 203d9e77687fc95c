"""Accounts where agents meet them: a synced order becomes a margin, a reading is journaled, a message is posted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.demo.shop import generate
from ionflux_core.domain.runs import FINISHED, Run
from ionflux_core.errors import NotFound, Unavailable
from tests.stand_ins.shopify import DOMAIN, TOKEN, ShopStandIn, shop_stand_in
from tests.stand_ins.shopify_nodes import order_node
from tests.stand_ins.slack import TOKEN as BOT
from tests.stand_ins.slack import SlackStandIn, slack_stand_in
from tests.stand_ins.web import as_json

ROOT = Path(__file__).resolve().parents[2]
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MakeApplication = Callable[..., Application]
READER = """
def run(ctx, inputs):
    if not ctx.accounts.connected("slack"):
        return {"result": "nobody"}
    said = ctx.accounts.read("slack", "history", {"channel": "general"})
    sent = ctx.send("slack", "general", {"text": f"{len(said)} messages"}, summary="Say how many", key="count")
    return {"result": [said[0]["text"], sent.status, sent.response]}
"""


@pytest.fixture
def shop() -> Iterator[ShopStandIn]:
    with shop_stand_in() as stand_in:
        stand_in.cost, stand_in.polls = 0.0, 0
        yield stand_in


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with slack_stand_in() as stand_in:
        stand_in.messages = {"C0GENERAL": [{"ts": "1700000001.000100", "user": "U0ANA", "text": "We ship on Friday"}]}
        yield stand_in


def opened(application: Application, ws: str, port: int) -> None:
    application.workspaces.save_settings(ws, {"outbound_allow": [f"127.0.0.1:{port}"]})


def ended(application: Application, ws: str, count: int) -> list[Run]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = application.runs.find(ws, limit=100).runs
        if len(found) >= count and all(run.status in FINISHED for run in found):
            return found
        time.sleep(0.02)
    raise AssertionError([(run.status, run.error) for run in application.runs.find(ws, limit=100).runs])


def test_synced_orders_become_the_trackers_net_revenue(make_application: MakeApplication, shop: ShopStandIn) -> None:
    application = make_application(agents_dir=ROOT / "agents").start()
    ws = application.workspaces.create("Shop").id
    opened(application, ws, shop.port)
    application.agents.create(ws, "revenue_tracker", "Tracker", yaml="{}\n")
    orders = [each for each in generate(days=20, end=END).orders if each["currency"] == each["presentment_currency"]]
    chosen = [*[each for each in orders if each["refunds"]][:2], *[each for each in orders if not each["refunds"]][:4]]
    shop.orders = [order_node(each) for each in chosen]
    values = {"shop": DOMAIN, "token": TOKEN, "api_url": shop.url}
    account = application.accounts.test(ws, application.accounts.save(ws, "shopify", "Shop", values).id)
    assert application.accounts.sync(ws, account.id).synced == {"ionflux.shopify.order.imported": 6}
    assert {run.status for run in ended(application, ws, 6)} == {"success"}
    tracker = application.agents.find(ws)[0]
    asked = {"reporting_period": "all"}
    synced = application.runs.start(ws, tracker.id, asked)
    board = application.runs.wait(ws, synced.run_id, timeout=20).outputs["profitability_dashboard_data_json"]  # type: ignore[index]
    # The same orders as Shopify's own JSON, by a tracker of another workspace.
    other = application.workspaces.create("By file").id
    second = application.agents.create(other, "revenue_tracker", "Tracker", yaml="{}\n")
    given = application.runs.start(other, second.id, {**asked, "orders_batch": chosen})
    wanted = application.runs.wait(other, given.run_id, timeout=20).outputs["profitability_dashboard_data_json"]  # type: ignore[index]
    assert board["totals"]["orders"] == wanted["totals"]["orders"] == 6
    assert board["totals"]["net_revenue"] == wanted["totals"]["net_revenue"] > 0
    assert board["totals"]["refunds"] == wanted["totals"]["refunds"] > 0


def talking(application: Application, ws: str, slack: SlackStandIn) -> Any:
    opened(application, ws, slack.port)
    saved = application.accounts.save(ws, "slack", "Talk", {"bot_token": BOT, "api_url": slack.url})
    application.policies.set_channel(ws, "slack", {"dry_run": False})
    application.policies.save(ws, [{"verdict": "allow", "channel": "slack", "agent": "*"}])
    return application.accounts.test(ws, saved.id)


@pytest.fixture
def reader(application: Application, make_agent: Callable[..., Path]) -> str:
    make_agent("reader", READER)
    application.catalog.reload()
    application.marketplace.register()
    return application.agents.create(application.workspaces.all()[0].id, "reader", "Reader", yaml="{}\n").id


def ran(application: Application, reader: str) -> Run:
    ws = application.workspaces.all()[0].id
    return application.runs.wait(ws, application.runs.start(ws, reader).run_id, timeout=20)


def test_an_agent_reads_an_account_and_what_it_sends_is_asked_for(
    application: Application, reader: str, slack: SlackStandIn
) -> None:
    ws = application.workspaces.all()[0].id
    assert ran(application, reader).outputs == {"result": "nobody"}
    account = talking(application, ws, slack)
    run = ran(application, reader)
    assert run.status == "awaiting_approval", "it has read outside text: a person decides what goes out"
    (question,) = application.approvals.find(ws).approvals
    application.approvals.decide(ws, question.id, approved=True, by="Ana")
    run = application.runs.wait(ws, run.id, timeout=20)
    assert run.status == "success", run.error
    told = {"ts": "1700000000.000001", "channel": "C0GENERAL"}
    assert run.outputs == {"result": ["We ship on Friday", "sent", told]}
    assert [each["text"] for each in slack.posted] == ["1 messages"]
    assert BOT not in str([step.model_dump() for step in application.runs.steps(ws, run.id)])
    assert application.accounts.get(ws, account.id).status == "connected"


def test_a_token_revoked_half_way_marks_the_account_and_fails_the_run(
    application: Application, reader: str, slack: SlackStandIn
) -> None:
    ws = application.workspaces.all()[0].id
    account = talking(application, ws, slack)
    slack.before = lambda method: as_json({"ok": False, "error": "token_revoked"}) if "post" in method else None
    run = ran(application, reader)
    (question,) = application.approvals.find(ws).approvals
    application.approvals.decide(ws, question.id, approved=True, by="Ana")
    run = application.runs.wait(ws, run.id, timeout=20)
    assert run.status == "error" and run.error and "Settings, Accounts" in str(run.error)
    assert application.accounts.get(ws, account.id).status == "revoked"
    assert ran(application, reader).outputs == {"result": "nobody"}


def test_what_waits_ends_when_the_application_stops(application: Application) -> None:
    ws = application.workspaces.all()[0].id
    values = {"shop": DOMAIN, "token": TOKEN}
    access = application.accounts.opened(application.accounts.save(ws, "shopify", "Shop", values))
    began = time.monotonic()
    application.accounts.stop()
    with pytest.raises(Unavailable):
        access.sleep(30)
    assert time.monotonic() - began < 15


def test_an_agent_cannot_name_the_secrets_of_an_account(make_application: MakeApplication, shop: ShopStandIn) -> None:
    application = make_application()
    ws = application.workspaces.create("Ours").id
    application.secrets.put(ws, "mine", "my-own-secret-1")
    account = application.accounts.save(ws, "shopify", "Shop", {"shop": DOMAIN, "token": TOKEN})
    secret = application.ports().secret
    assert secret(ws, "mine") == "my-own-secret-1"
    with pytest.raises(NotFound) as raised:
        secret(ws, account.secrets["token"])
    assert raised.value.code == "secret_missing" and TOKEN not in str(raised.value)
