"""The agents page in a real browser: configure an agent in YAML and form, save it after a diff, and run it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab, Tab

MANIFEST = """
slug: parcel_counter
id: agent_901
name: Parcel Counter
version: "0.1"
narrative: {epithet: Counts parcels and nothing else.}
triggers:
  - {key: nightly, type: schedule, description: Counts at night., config: {cron: 0 3 * * *}, is_user_overridable: true}
inputs:
  - {key: parcels, type: integer, description: How many parcels there are., default: 4, runtime_promptable: true}
  - {key: mode, type: string, description: How they are counted., default: slow, accepted_values: [slow, fast]}
outputs:
  - {key: report, type: markdown, description: The count.}
"""
CODE = '''
"""Counts parcels."""


def run(ctx, inputs):
    """The count in words."""
    return {"report": f"{inputs['parcels']} parcels, {inputs['mode']}"}
'''
SAMPLE = "inputs: {parcels: 11}\nexpect: {status: success}\n"
CONFIGURATION = "# my own note\ninputs:\n  parcels: 6  # six of them\n  mode: slow\n"


@pytest.fixture(scope="module")
def agents() -> Agents:
    return {"parcel_counter": {"agent.yaml": MANIFEST, "agent.py": CODE, "sample.yaml": SAMPLE}}


class Screen:
    """One opened agents page."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.page = tab.page

    @property
    def text(self) -> Locator:
        """The YAML in the editor."""
        return self.page.locator(".cm-content")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def write(self, text: str) -> None:
        """Replace the whole YAML by pasting."""
        self.text.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def yaml_shows(self, pattern: str) -> None:
        expect(self.text).to_have_text(re.compile(pattern, re.DOTALL))


OpenScreen = Callable[..., Screen]


@pytest.fixture
def open_screen(open_tab: OpenTab) -> OpenScreen:
    """Opens an address of the agents page."""
    return lambda address, **look: Screen(open_tab(address, **look))


@pytest.fixture
def create(open_screen: OpenScreen, server: Server) -> Callable[[str], Screen]:
    """Makes an instance in the page and stays at it."""

    def made(name: str) -> Screen:
        screen = open_screen(f"{server.address}/agents?new=parcel_counter")
        screen.text.wait_for()
        screen.page.get_by_label("Name", exact=True).fill(name)
        screen.write(CONFIGURATION)
        expect(screen.page.get_by_role("spinbutton", name="Parcels")).to_have_value("6")
        screen.button("Create").click()
        screen.page.wait_for_url(re.compile(r"instance="))
        screen.page.get_by_role("heading", name=name).wait_for()
        screen.text.wait_for()
        return screen

    return made


def test_an_agent_is_configured_saved_and_run(open_screen: OpenScreen, server: Server) -> None:
    address = f"{server.address}/agents"
    screen = open_screen(f"{address}?new=parcel_counter")
    page = screen.page
    screen.text.wait_for()
    screen.write(CONFIGURATION.replace("slow", "slowly"))
    page.locator(".problems li").wait_for()
    said = page.locator(".problems li").inner_text()
    assert "line 4" in said and "must be one of slow, fast" in said
    expect(screen.button("Create")).to_be_disabled()
    page.get_by_label("Name", exact=True).fill("Counter one")
    screen.write(CONFIGURATION)
    expect(screen.button("Create")).to_be_enabled()
    screen.button("Create").click()
    page.wait_for_url(re.compile(r"instance="))
    page.get_by_role("heading", name="Counter one").wait_for()

    field = page.get_by_role("spinbutton", name="Parcels")
    expect(field).to_have_value("6")
    field.fill("9")
    field.press("Enter")
    screen.yaml_shows(r"# my own note.*parcels: 9\s+# six of them.*mode: slow")
    screen.button("Review and save").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".token.inserted", has_text="parcels: 9").first.wait_for()
    dialog.locator(".token.deleted", has_text="parcels: 6").first.wait_for()
    assert "1 line added" in dialog.inner_text() and "1 line removed" in dialog.inner_text()
    dialog.get_by_label("What changed, in a few words").fill("nine parcels")
    dialog.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("Version 2, as saved.").wait_for()

    page.get_by_role("tab", name="Versions").click()
    page.get_by_text("nine parcels").wait_for()
    assert "tab=versions" in page.url
    page.reload()
    page.get_by_text("nine parcels").wait_for()

    screen.button("Run now").click()
    page.get_by_role("dialog").wait_for()
    assert "start=run" in page.url
    screen.button("Use sample inputs").click()
    expect(dialog.get_by_role("spinbutton", name="Parcels")).to_have_value("11")
    screen.button("Start the run").click()
    page.wait_for_url(re.compile(r"/runs\?run="))
    page.goto(address)
    page.get_by_text("Success").first.wait_for()


def test_a_typed_text_outlives_a_tab_and_another_page(create: Callable[[str], Screen], server: Server) -> None:
    screen = create("Counter two")
    screen.write(CONFIGURATION + "broken: [\n")
    screen.page.locator(".problems li").wait_for()
    screen.page.get_by_role("tab", name="Triggers").click()
    screen.page.get_by_text("What starts this agent by itself").wait_for()
    screen.page.get_by_role("tab", name="Configure").click()
    screen.yaml_shows(r"broken: \[")
    expect(screen.button("Review and save")).to_be_disabled()
    screen.page.get_by_text("All agents").click()
    screen.page.get_by_role("heading", name="Agents", exact=True).wait_for()
    expect(screen.page).to_have_url(f"{server.address}/agents")
    screen.page.get_by_role("link", name="Counter two").click()
    screen.yaml_shows(r"broken: \[")
    expect(screen.page).to_have_url(re.compile("instance="))
    screen.page.go_back()
    screen.page.get_by_role("heading", name="Agents", exact=True).wait_for()


def test_two_people_at_one_agent_lose_nothing(create: Callable[[str], Screen], open_screen: OpenScreen) -> None:
    mine = create("Counter three")
    theirs = open_screen(mine.page.url)
    theirs.text.wait_for()
    mine.write(CONFIGURATION.replace("6 ", "61 "))
    mine.page.get_by_text("Not saved yet").wait_for()
    theirs.write(CONFIGURATION.replace("slow", "fast"))
    theirs.page.get_by_text("Not saved yet").wait_for()
    theirs.button("Review and save").click()
    theirs.page.get_by_role("button", name="Save as a new version").click()
    theirs.page.get_by_text("Version 2, as saved.").wait_for()

    mine.button("Review and save").click()
    dialog = mine.page.get_by_role("dialog")
    dialog.get_by_text("Version 2 was saved meanwhile").wait_for()
    dialog.locator(".token.deleted", has_text="mode: fast").first.wait_for()
    dialog.get_by_role("button", name="Save mine over version 2").click()
    mine.page.get_by_text("Version 3, as saved.").wait_for()
    mine.yaml_shows(r"parcels: 61.*mode: slow")


def test_nothing_is_wider_than_a_phone(create: Callable[[str], Screen], open_screen: OpenScreen) -> None:
    made = create("Counter four")
    screen = open_screen(made.page.url, width=390)
    screen.text.wait_for()
    for tab in ("Why this value?", "Triggers", "Versions", "Runs"):
        screen.page.get_by_role("tab", name=tab).click()
        screen.page.wait_for_timeout(700)
        assert screen.tab.sideways() <= 1, tab
