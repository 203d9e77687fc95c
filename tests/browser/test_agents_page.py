"""The agents page in a real browser: configure an agent in YAML and form, save it after a diff, and run it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need: pip install playwright")

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt-get install chromium"),
    pytest.mark.skipif(
        not (ROOT / "static/yaml_editor/yaml_editor.js").exists(),
        reason="the editor's bundle was not built: cd frontend && npm ci && npm run build",
    ),
]

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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole application with one small agent, on a free port."""
    folder = tmp_path_factory.mktemp("agents-page")
    agent = folder / "agents" / "parcel_counter"
    agent.mkdir(parents=True)
    for name, text in (("agent.yaml", MANIFEST), ("agent.py", CODE), ("sample.yaml", SAMPLE)):
        (agent / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "IONFLUX_DATA_DIR": str(folder / "data"),
        "IONFLUX_KEY_FILE": str(folder / "key"),
        "IONFLUX_AGENTS_DIR": str(folder / "agents"),
        "IONFLUX_DEMO": "false",
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/_stcore/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}/agents"
    finally:
        server.terminate()
        server.wait(15)


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert server.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not start in 40 s")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


class Screen:
    """One opened page."""

    def __init__(self, browser: Any, address: str, width: int = 1300) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(40_000)
        playwright.expect.set_options(timeout=40_000)
        self.page.goto(address)

    @property
    def text(self) -> Any:
        """The YAML in the editor."""
        return self.page.locator(".cm-content")

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def write(self, text: str) -> None:
        """Replace the whole YAML by pasting."""
        self.text.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def yaml_shows(self, pattern: str) -> None:
        found = re.compile(pattern, re.DOTALL)
        playwright.expect(self.text).to_have_text(found)


CONFIGURATION = "# my own note\ninputs:\n  parcels: 6  # six of them\n  mode: slow\n"


def create(browser: Any, address: str, name: str) -> Screen:
    screen = Screen(browser, f"{address}?new=parcel_counter")
    screen.text.wait_for()
    screen.page.get_by_label("Name", exact=True).fill(name)
    screen.write(CONFIGURATION)
    screen.page.get_by_role("spinbutton", name="Parcels").wait_for()
    playwright.expect(screen.page.get_by_role("spinbutton", name="Parcels")).to_have_value("6")
    screen.button("Create").click()
    screen.page.wait_for_url(re.compile(r"instance="))
    screen.page.get_by_role("heading", name=name).wait_for()
    screen.text.wait_for()
    return screen


def test_an_agent_is_configured_saved_and_run(browser: Any, address: str) -> None:
    screen = Screen(browser, f"{address}?new=parcel_counter")
    page = screen.page
    screen.text.wait_for()
    screen.write(CONFIGURATION.replace("slow", "slowly"))
    page.locator(".problems li").wait_for()
    said = page.locator(".problems li").inner_text()
    assert "line 4" in said and "must be one of slow, fast" in said
    playwright.expect(screen.button("Create")).to_be_disabled()
    page.get_by_label("Name", exact=True).fill("Counter one")
    screen.write(CONFIGURATION)
    playwright.expect(screen.button("Create")).to_be_enabled()
    screen.button("Create").click()
    page.wait_for_url(re.compile(r"instance="))
    page.get_by_role("heading", name="Counter one").wait_for()

    field = page.get_by_role("spinbutton", name="Parcels")
    playwright.expect(field).to_have_value("6")
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
    playwright.expect(dialog.get_by_role("spinbutton", name="Parcels")).to_have_value("11")
    screen.button("Start the run").click()
    page.wait_for_url(re.compile(r"/runs\?run="))
    page.goto(f"{address}")
    page.get_by_text("Success").first.wait_for()
    page.close()


def test_a_typed_text_outlives_a_tab_and_another_page(browser: Any, address: str) -> None:
    screen = create(browser, address, "Counter two")
    screen.write(CONFIGURATION + "broken: [\n")
    screen.page.locator(".problems li").wait_for()
    screen.page.get_by_role("tab", name="Triggers").click()
    screen.page.get_by_text("What starts this agent by itself").wait_for()
    screen.page.get_by_role("tab", name="Configure").click()
    screen.yaml_shows(r"broken: \[")
    playwright.expect(screen.button("Review and save")).to_be_disabled()
    screen.page.get_by_text("All agents").click()
    screen.page.get_by_role("heading", name="Agents", exact=True).wait_for()
    playwright.expect(screen.page).to_have_url(address)
    screen.page.get_by_role("button", name="Counter two").click()
    screen.yaml_shows(r"broken: \[")
    playwright.expect(screen.page).to_have_url(re.compile("instance="))
    screen.page.go_back()
    screen.page.get_by_role("heading", name="Agents", exact=True).wait_for()
    screen.page.close()


def test_two_people_at_one_agent_lose_nothing(browser: Any, address: str) -> None:
    mine = create(browser, address, "Counter three")
    theirs = Screen(browser, mine.page.url)
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
    mine.page.close()
    theirs.page.close()


def test_nothing_is_wider_than_a_phone(browser: Any, address: str) -> None:
    made = create(browser, address, "Counter four")
    screen = Screen(browser, made.page.url, width=390)
    screen.text.wait_for()
    for tab in ("Why this value?", "Triggers", "Versions", "Runs"):
        screen.page.get_by_role("tab", name=tab).click()
        screen.page.wait_for_timeout(700)
        wide = screen.page.evaluate(
            "(main => main.scrollWidth - main.clientWidth)(document.querySelector('[data-testid=stMain]'))"
        )
        assert wide <= 1, tab
    made.page.close()
    screen.page.close()
