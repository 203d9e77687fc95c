"""The runs page in a real browser: steps appear while a run goes on, cancel works, and nothing polls after the end."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.settings import load_settings

playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need: pip install playwright")
expect = playwright.expect
expect.set_options(timeout=20_000)

ROOT = Path(__file__).resolve().parents[2]
QUIET_SECONDS = 4

pytestmark = pytest.mark.browser

MANIFEST = """
slug: slow_walker
id: agent_901
name: Slow Walker
version: "1.0"
inputs:
  - {key: gates, type: string, default: "", runtime_promptable: true}
  - {key: count, type: integer, default: 3, runtime_promptable: true}
outputs:
  - {key: report, type: markdown}
limits: {timeout_seconds: 120, concurrency: 4}
"""
CODE = '''
"""Walks."""

import time
from pathlib import Path


def wait_at(gates, number):
    """Wait until somebody opens the gate of this step."""
    while gates and not Path(gates, str(number)).exists():
        time.sleep(0.02)


def run(ctx, inputs):
    """One step after the other."""
    for number in range(1, inputs["count"] + 1):
        ctx.step(f"Walk {number}", wait_at, inputs["gates"], number)
    return {"report": "Done ![spy](https://spy.example/p.png) <b onclick=alert(1)>for $5</b> [go](javascript:alert(1))"}
'''


@dataclass
class House:
    """A running server, and a handle on the same data that starts runs."""

    address: str
    application: Application
    workspace: str

    def start(self, **inputs: Any) -> str:
        return self.application.runs.start(self.workspace, "agent:slow_walker", inputs).run_id

    def status(self, run_id: str) -> str:
        return self.application.runs.get(self.workspace, run_id).status


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("runs-page")
    agent = folder / "agents" / "slow_walker"
    agent.mkdir(parents=True)
    for name, text in (("agent.yaml", MANIFEST), ("agent.py", CODE)):
        (agent / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = load_settings(
        _env_file=None, data_dir=folder / "data", key_file=folder / "key", agents_dir=folder / "agents", workers=0
    )
    application = Application(settings).open()
    workspace = application.workspaces.create("Trail").id
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
        _wait_until_up(f"http://127.0.0.1:{port}/healthz", server, folder / "log")
        yield House(f"http://127.0.0.1:{port}/runs", application, workspace)
    finally:
        server.terminate()
        server.wait(15)
        application.stop()


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not start in 40 s")


@dataclass
class Tab:
    """A browser tab that counts what it says to the server and where it goes outside."""

    page: Any
    sent: list[float] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def quiet_for(self, seconds: float) -> int:
        """How many messages went to the server while nobody touched the page."""
        before = len(self.sent)
        self.page.wait_for_timeout(seconds * 1000)
        return len(self.sent) - before


@pytest.fixture
def open_tab(browser: Any, house: House) -> Iterator[Callable[..., Tab]]:
    contexts: list[Any] = []

    def opened(query: str = "", *, width: int = 1280, scheme: str = "light") -> Tab:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        tab = Tab(context.new_page())
        tab.page.set_default_timeout(20_000)
        tab.page.on("websocket", lambda socket_: socket_.on("framesent", lambda _: tab.sent.append(time.monotonic())))
        tab.page.on("request", lambda request: _note_outside(tab, request.url))
        tab.page.goto(house.address + query)
        tab.page.evaluate("window.sameDocument = true")
        return tab

    yield opened
    for context in contexts:
        context.close()


def _note_outside(tab: Tab, url: str) -> None:
    if not url.startswith(("http://127.0.0.1", "data:", "blob:")):
        tab.outside.append(url)


@dataclass
class Gates:
    """Where a slow run waits: each step ends when the test says so."""

    folder: Path

    def open(self, *numbers: int) -> None:
        for number in numbers:
            (self.folder / str(number)).touch()


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Gates]:
    made = Gates(tmp_path)
    yield made
    made.open(*range(1, 41))


def test_steps_appear_while_the_run_goes_on_and_nothing_polls_after_its_end(
    house: House, open_tab: Callable[..., Tab], gates: Gates
) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_tab(f"?run={run_id}")
    page = tab.page
    expect(page.get_by_text("Walk 1")).to_be_visible()
    assert house.status(run_id) == "running"
    expect(page.get_by_text("Running", exact=False).first).to_be_visible()
    expect(page.get_by_text("Walk 2")).to_have_count(0)
    gates.open(1)
    expect(page.get_by_text("Walk 2")).to_be_visible()
    gates.open(2)
    expect(page.get_by_text("Walk 3")).to_be_visible()
    assert house.status(run_id) == "running"
    assert tab.quiet_for(3) > 0
    gates.open(3)
    expect(page.get_by_text("Result", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert house.status(run_id) == "success"
    assert page.evaluate("window.sameDocument") is True
    page.wait_for_timeout(2500)
    assert tab.quiet_for(QUIET_SECONDS) == 0
    assert tab.outside == []


def test_what_an_agent_wrote_stays_text(house: House, open_tab: Callable[..., Tab]) -> None:
    run_id = house.start(count=0)
    house.application.runs.wait(house.workspace, run_id, timeout=20)
    tab = open_tab(f"?run={run_id}")
    expect(tab.page.get_by_text("for $5")).to_be_visible()
    assert tab.page.locator('[data-testid="stMain"] img').count() == 0
    assert tab.page.locator("b[onclick]").count() == 0
    assert not [
        address
        for address in tab.page.locator("a").evaluate_all("all => all.map(one => one.href)")
        if address.startswith("javascript:")
    ]
    assert tab.outside == []


def test_cancel_stops_a_run_from_the_page(house: House, open_tab: Callable[..., Tab], gates: Gates) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_tab(f"?run={run_id}")
    expect(tab.page.get_by_text("Walk 1")).to_be_visible()
    tab.page.get_by_role("button", name="Cancel").click()
    expect(tab.page.get_by_text("Cancelled", exact=False).first).to_be_visible()
    expect(tab.page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert house.status(run_id) == "cancelled_by_user"
    tab.page.wait_for_timeout(2500)
    assert tab.quiet_for(QUIET_SECONDS) == 0


def test_pause_and_resume_from_the_page(house: House, open_tab: Callable[..., Tab], gates: Gates) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_tab(f"?run={run_id}")
    expect(tab.page.get_by_text("Walk 1")).to_be_visible()
    tab.page.get_by_role("button", name="Pause").click()
    expect(tab.page.get_by_text("It pauses at its next step.")).to_be_visible()
    gates.open(1, 2, 3)
    tab.page.get_by_role("button", name="Resume").click()
    expect(tab.page.get_by_text("Result", exact=True)).to_be_visible()
    steps = house.application.runs.steps(house.workspace, run_id)
    assert [(step.title, step.attempt) for step in steps] == [(f"Walk {n}", 1) for n in range(1, 4)]


def test_the_list_follows_what_runs_opens_a_run_and_keeps_its_filters(
    house: House, open_tab: Callable[..., Tab], gates: Gates
) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_tab("?trigger=manual")
    page = tab.page
    row = page.locator("tr", has=page.locator(f'a[data-run="{run_id}"]'))
    expect(row).to_contain_text("Running")
    gates.open(1, 2, 3)
    expect(row).to_contain_text("Success")
    assert page.evaluate("window.sameDocument") is True
    page.wait_for_timeout(3500)
    assert tab.quiet_for(QUIET_SECONDS) == 0
    row.click()
    expect(page.get_by_role("heading", name="Slow Walker")).to_be_visible()
    expect(page).to_have_url(re.compile(f"trigger=manual.*run={run_id}"))
    page.reload()
    expect(page.get_by_role("heading", name="Slow Walker")).to_be_visible()
    page.get_by_role("button", name="All runs").click()
    expect(page.locator(f'a[data-run="{run_id}"]')).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?trigger=manual$"))


def test_the_keyboard_opens_a_run(house: House, open_tab: Callable[..., Tab]) -> None:
    run_id = house.start(count=0)
    house.application.runs.wait(house.workspace, run_id, timeout=20)
    page = open_tab().page
    link = page.locator(f'a[data-run="{run_id}"]')
    expect(link).to_be_visible()
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Slow Walker")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_cards_without_sideways_scrolling(
    house: House, open_tab: Callable[..., Tab], scheme: str
) -> None:
    run_id = house.start(count=0)
    house.application.runs.wait(house.workspace, run_id, timeout=20)
    page = open_tab(width=390, scheme=scheme).page
    expect(page.locator(f'a[data-run="{run_id}"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(f'a[data-run="{run_id}"]').click()
    expect(page.get_by_text("Result", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_chain_of_a_run_leads_to_all_its_runs(house: House, open_tab: Callable[..., Tab]) -> None:
    run_id = house.start(count=0)
    run = house.application.runs.wait(house.workspace, run_id, timeout=20)
    page = open_tab(f"?run={run_id}").page
    page.get_by_text(run.correlation_id[-12:]).click()
    expect(page.locator(f'a[data-run="{run_id}"]')).to_be_visible()
    expect(page.get_by_text("Only the runs of one chain", exact=False)).to_be_visible()
    expect(page.locator("a[data-run]")).to_have_count(1)
    expect(page).to_have_url(re.compile(f"\\?correlation={run.correlation_id}$"))
