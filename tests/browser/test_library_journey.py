"""Prompts, brands and creators in a real browser: made, changed, tried, and seen on a phone in both grounds."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.served import Server
from tests.browser.tabs import OpenTab


def fill(page: Page, label: str, text: str) -> None:
    """Fill a field and leave it, as somebody does who goes on to the next one."""
    field = page.get_by_label(label, exact=True).first
    field.fill(text)
    field.press("Tab")


def test_a_prompt_is_written_with_a_variable_saved_anew_and_tried(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.address}/prompts").page
    page.get_by_role("button", name="New prompt").click()
    fill(page, "Name", "Restock note")
    fill(page, "Text", "Say that {{ product }} is back.")
    page.get_by_role("button", name="Declare it").click()
    page.get_by_role("button", name="Add the prompt").click()
    expect(page.get_by_role("heading", name="Restock note")).to_be_visible()
    app, ws = server.application, server.workspace
    made = next(each for each in app.prompts.find(ws) if each.name == "Restock note")
    assert [each.name for each in app.prompts.get(ws, made.id).variables] == ["product"]
    fill(page, "Text", "Say kindly that {{ product }} is back.")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("version 2").or_(page.get_by_text("Version 2")).first).to_be_visible()
    assert app.prompts.get(ws, made.id).text == "Say kindly that {{ product }} is back."


def test_a_brand_is_made_and_changed_and_its_history_says_so(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.address}/brands").page
    page.get_by_role("button", name="Add a brand").first.click()
    fill(page, "Name", "EcoThreads")
    page.get_by_role("button", name="Add the brand").click()
    expect(page.get_by_role("heading", name="EcoThreads")).to_be_visible()
    fill(page, "Industry", "Clothing")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("saved", exact=False).first).to_be_visible()
    app, ws = server.application, server.workspace
    brand = app.workspaces.brands(ws)[0]
    assert (brand.name, brand.industry) == ("EcoThreads", "Clothing")
    page.get_by_text("History", exact=True).first.click()
    expect(page.get_by_text("Clothing").last).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["prompts", "brands"])
def test_on_a_phone_nothing_lies_beyond_the_edge(server: Server, open_tab: OpenTab, place: str, scheme: str) -> None:
    tab = open_tab(f"{server.address}/{place}", width=390, scheme=scheme)
    expect(tab.page.locator("h1").first).to_be_visible()
    tab.page.wait_for_timeout(500)
    assert tab.sideways() == 0
