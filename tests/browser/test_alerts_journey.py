"""Alerts in a real browser: an agent breaks, the watch sees it, a person mutes and resolves it and writes a rule."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab

MANIFEST = """
slug: shop_keeper
id: agent_902
name: Shop Keeper
version: "0.1"
triggers:
  - {key: by_hand, type: manual, config: {form: true}}
outputs:
  - {key: report, type: markdown}
limits: {breaker: 3}
"""
CODE = '''
"""Cannot open."""


def run(ctx, inputs):
    """Never anything."""
    raise RuntimeError("the shop is closed")
'''
NAME = "Keeper <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def agents() -> Agents:
    return {"shop_keeper": {"agent.yaml": MANIFEST, "agent.py": CODE}}


@pytest.fixture(scope="module")
def broken(server: Server) -> Iterator[Server]:
    """The product, once its own watch has seen that an agent was stopped."""
    app = server.application
    if not app.workspaces.all():
        app.workspaces.create("Test")
    app.agents.create(server.workspace, "shop_keeper", NAME)
    for _ in range(3):
        assert server.ended(app.runs.start(server.workspace, NAME, {}).run_id).status == "error"
    deadline = time.monotonic() + 60
    while not app.incidents.open_count(server.workspace):
        assert time.monotonic() < deadline, "the watch has seen nothing"
        time.sleep(0.5)
    yield server


def list_of(page: Page, label: str) -> Locator:
    return page.get_by_role("list", name=label)


def test_a_stopped_agent_is_found_muted_and_resolved(broken: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{broken.address}/alerts").page
    row = list_of(page, "Open incidents").get_by_role("listitem")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(f"{NAME} was stopped")
    expect(row).to_contain_text("3 runs in a row failed")
    expect(page.get_by_role("link", name="Alerts (1)")).to_be_visible()
    row.get_by_role("button", name=re.compile("^Mute")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("4 hours").click()
    dialog.get_by_role("button", name="Mute", exact=False).last.click()
    expect(row).to_contain_text("muted, tells again in 4 hours")
    row.get_by_role("link", name=f"{NAME} was stopped").click()
    expect(page).to_have_url(re.compile("incident="))
    expect(page.get_by_role("heading", name="was stopped")).to_be_visible()
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("Resolved", exact=True).first).to_be_visible()
    page.get_by_role("button", name="All alerts").click()
    # The agent is still stopped, so nothing claims that all is well.
    expect(page.get_by_text("No incident is open.")).to_be_visible()
    expect(list_of(page, "Past incidents")).to_contain_text("by Local owner")
    assert broken.application.incidents.open_count(broken.workspace) == 0


def test_a_link_leads_to_the_failed_runs(broken: Server, open_tab: OpenTab) -> None:
    incident = broken.application.incidents.find(broken.workspace)[0]
    page = open_tab(f"{broken.address}/alerts?incident={incident.id}").page
    page.get_by_role("link", name="Failed runs").click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/runs\?.*status=error"))


def test_a_rule_is_tried_before_it_is_kept_and_can_be_changed(broken: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{broken.address}/alerts").page
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="What to watch").click()
    page.get_by_role("option", name="Queue length").click()
    expect(dialog.get_by_text("Runs that could start now and wait.")).to_be_visible()
    dialog.get_by_role("button", name="What would it say now?").click()
    expect(dialog.get_by_text("It would say nothing now.")).to_be_visible()
    dialog.get_by_label("Name", exact=True).fill("Too long a queue")
    dialog.get_by_label("Name", exact=True).press("Tab")
    dialog.get_by_role("button", name="Add rule").click()
    rule = list_of(page, "Alert rules").get_by_role("listitem").filter(has_text="Too long a queue")
    expect(rule).to_contain_text("Queue length above 50 runs")
    expect(rule).to_contain_text("0 runs")
    expect(page).not_to_have_url(re.compile("rule="))
    rule.get_by_role("button", name=re.compile("^Edit")).click()
    expect(page).to_have_url(re.compile("rule="))
    dialog.get_by_role("button", name="Remove").click()
    expect(rule).to_have_count(1)
    page.get_by_role("button", name="Remove it").click()
    expect(rule).to_have_count(0)
    kept = {each.name for each in broken.application.alert_rules.find(broken.workspace)}
    assert "Too long a queue" not in kept


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_sideways_scrolling(broken: Server, open_tab: OpenTab, scheme: str) -> None:
    tab = open_tab(f"{broken.address}/alerts", width=390, scheme=scheme, touch=True)
    expect(list_of(tab.page, "Alert rules").get_by_role("listitem").first).to_be_visible()
    assert tab.sideways() <= 0
    assert tab.quiet_for(2) == 0, "nothing polls"


def test_the_agent_says_how_it_is(broken: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{broken.address}/agents").page
    expect(page.get_by_role("list", name="Agents").get_by_role("listitem")).to_contain_text("Needs review")
    app = broken.application
    instance = app.agents.find(broken.workspace)[0]
    app.agents.set_status(broken.workspace, instance.id, "active")
    page.goto(f"{broken.address}/agents?instance={instance.id}")
    expect(page.get_by_text("0 of its last 3 runs succeeded")).to_be_visible()
