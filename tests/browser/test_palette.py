"""The bar above the navigation: everything is found by a few letters from any page, and the bell counts by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from ionflux_core.domain.notifications import Link
from tests.browser.served import Server
from tests.browser.tabs import OpenTab, Tab


@pytest.fixture(scope="module")
def house(server: Server) -> Server:
    app = server.application
    workspace = server.workspace if app.workspaces.all() else app.workspaces.create("Shop").id
    if not app.canvas.tree(workspace):
        app.canvas.create(workspace, "Winter plan <img src=x onerror=alert(1)>")
    return server


def palette(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Search everything")


def opened(house: Server, open_tab: OpenTab, noun: str) -> Tab:
    tab = open_tab(f"{house.address}/{noun}")
    expect(tab.page.get_by_role("button", name="Search")).to_be_visible()
    return tab


@pytest.mark.parametrize("noun", ["runs", "settings"])
def test_a_page_is_found_and_opened_from_anywhere_by_keyboard(house: Server, open_tab: OpenTab, noun: str) -> None:
    page = opened(house, open_tab, noun).page
    page.keyboard.press("Control+k")
    page.keyboard.type("wintpl")
    first = palette(page).get_by_role("option").first
    expect(first).to_contain_text("Winter plan <img")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/canvas\?.*page="))
    expect(palette(page)).to_have_count(0)


def test_typing_in_a_field_is_left_alone_and_escape_closes(house: Server, open_tab: OpenTab) -> None:
    page = opened(house, open_tab, "marketplace").page
    field = page.get_by_test_id("stMain").locator("input").first
    field.fill("kkk")
    expect(palette(page)).to_have_count(0)
    field.press("Control+k")
    expect(palette(page)).to_be_visible()
    page.keyboard.type("zzzqqx")
    expect(palette(page).get_by_text("Nothing is called so.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette(page)).to_have_count(0)
    expect(field).to_have_value("kkk")


def test_the_bell_counts_what_happens_without_being_asked(house: Server, open_tab: OpenTab) -> None:
    page = opened(house, open_tab, "").page
    app = house.application
    app.notifications.tell(house.workspace, "budget", "The *budget* is used up", dedup_key="b", link=Link(page="runs"))
    # Another process has told it here; this server hears of its own things at once and of others at the next look.
    page.reload()
    bell = page.get_by_role("button", name="Notifications, 1 unread")
    expect(bell).to_be_visible()
    bell.click()
    page.get_by_role("button", name=re.compile("The .*budget.* is used up")).click()
    expect(page).to_have_url(re.compile("/runs"))
    expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
