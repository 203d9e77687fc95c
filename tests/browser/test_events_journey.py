"""The Events page in a real browser: facts appear by themselves, one is opened, its chain is walked, nothing polls."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab

MANIFEST = """\
slug: hearer
id: agent_hearer
name: Hearer
version: "1.0.0"
status: experimental
narrative: {tagline: For a test., introduction: For a test.}
triggers:
  - {key: by_hand, type: manual, config: {form: true}}
  - {key: hears, type: event, config: {topic: 'shop.*'}, is_user_overridable: true, payload_to: value}
inputs:
  - {key: value, type: json, runtime_promptable: true, from_trigger: true}
outputs:
  - {key: result, type: json}
"""
CODE = '''
"""Tells the alerts what came."""


def run(ctx, inputs):
    """One step, one message."""
    said = {"channel": "alerts", "text": "An order <img src=x onerror=alert(1)>"}
    ctx.step("tell", lambda: ctx.emit("ionflux.agent.hearer.chat_message_requested", said))
    return {"result": inputs["value"]}
'''


@pytest.fixture(scope="module")
def agents() -> Agents:
    """One agent that listens and speaks."""
    return {"hearer": {"agent.yaml": MANIFEST, "agent.py": CODE}}


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """The product with a workspace and the agent at work in it."""
    app = server.application
    workspace = server.workspace if app.workspaces.all() else app.workspaces.create("Shop").id
    if not app.agents.find(workspace):
        app.agents.create(workspace, "hearer", "Hearer")
    return server


def publish(shop: Server, number: str) -> str:
    """An order as another process publishes it."""
    return shop.application.events.publish(shop.workspace, "shop.order", {"number": number}, source="shop")


def test_events_appear_by_themselves_until_the_stream_is_paused(shop: Server, open_tab: OpenTab) -> None:
    publish(shop, "first-1")
    tab = open_tab(f"{shop.address}/events?type=shop.order")
    page = tab.page
    expect(page.get_by_text("number: first-1")).to_be_visible()
    publish(shop, "second-2")
    expect(page.get_by_text("number: second-2")).to_be_visible()
    page.wait_for_timeout(3000)
    assert tab.quiet_for(4) == 0, "nothing is asked while nothing happens"
    page.get_by_text("Pause", exact=True).click()
    expect(page).to_have_url(re.compile("upto="))
    publish(shop, "third-3")
    page.wait_for_timeout(2500)
    expect(page.get_by_text("number: third-3")).to_have_count(0)
    page.get_by_text("Pause", exact=True).click()
    expect(page.get_by_text("number: third-3")).to_be_visible()


def test_a_chain_is_walked_by_keyboard_and_shows_data_as_text(shop: Server, open_tab: OpenTab) -> None:
    event_id = publish(shop, "chain-4")
    chains = shop.application.events.chains
    page = open_tab(f"{shop.address}/events?correlation={event_id}").page
    expect(page.locator("a.box.message")).to_be_visible()
    kinds = {node.kind for node in chains.get(shop.workspace, event_id).nodes}
    assert {"event", "run", "step", "message"} <= kinds
    expect(page.locator("a.box.message")).to_have_attribute("aria-label", re.compile("<img src=x"))
    page.locator("a.box.run").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/runs\?.*run="))
    page.get_by_role("link", name="As a picture").click()
    expect(page).to_have_url(re.compile(r"/events\?.*correlation="))
    expect(page.locator("a.box.run")).to_be_visible()


def test_a_test_event_goes_out_and_its_run_is_reached_on_a_phone(shop: Server, open_tab: OpenTab) -> None:
    publish(shop, "sample-5")
    tab = open_tab(f"{shop.address}/events", width=390)
    page = tab.page
    expect(page.locator("table.stream")).to_be_visible()
    assert tab.sideways() == 0
    page.get_by_role("button", name="Publish a test event").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Type").fill("shop.order")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Starts 1 run")).to_be_visible()
    dialog.get_by_role("button", name="Publish").click()
    expect(page).to_have_url(re.compile("event="))
    expect(page.get_by_text("Started a run")).to_be_visible()
    page.reload()
    page.get_by_role("link", name="Its run").click()
    expect(page).to_have_url(re.compile(r"/runs\?.*run="))
