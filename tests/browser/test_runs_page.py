"""The runs page in a real browser: steps appear while a run goes on, cancel works, and nothing polls after the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ionflux_core.domain.runs import Run, RunStep
from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab, Tab

QUIET_SECONDS = 4

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


@pytest.fixture(scope="module")
def agents() -> Agents:
    return {"slow_walker": {"agent.yaml": MANIFEST, "agent.py": CODE}}


@dataclass(frozen=True)
class House:
    """The server, and the walks that are started in it."""

    server: Server

    @property
    def pages(self) -> str:
        return f"{self.server.address}/runs"

    def start(self, **inputs: Any) -> str:
        return self.server.application.runs.start(self.server.workspace, "agent:slow_walker", inputs).run_id

    def walked(self) -> Run:
        """A run that has ended."""
        return self.server.ended(self.start(count=0))

    def steps(self, run_id: str) -> list[RunStep]:
        return self.server.application.runs.steps(self.server.workspace, run_id)

    def status(self, run_id: str) -> str:
        return self.server.application.runs.get(self.server.workspace, run_id).status


@pytest.fixture(scope="module")
def house(server: Server) -> House:
    server.application.workspaces.create("Trail")
    return House(server)


@pytest.fixture
def open_runs(house: House, open_tab: OpenTab) -> OpenTab:
    """Opens the runs page; a click that loads the page anew loses the mark."""

    def opened(query: str = "", **look: Any) -> Tab:
        tab = open_tab(house.pages + query, **look)
        tab.page.evaluate("window.sameDocument = true")
        return tab

    return opened


def in_same_document(page: Page) -> bool:
    return page.evaluate("window.sameDocument") is True


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
    house: House, open_runs: OpenTab, gates: Gates
) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_runs(f"?run={run_id}")
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
    assert in_same_document(page)
    page.wait_for_timeout(2500)
    assert tab.quiet_for(QUIET_SECONDS) == 0


def test_what_an_agent_wrote_stays_text(house: House, open_runs: OpenTab) -> None:
    run_id = house.walked().id
    tab = open_runs(f"?run={run_id}")
    expect(tab.page.get_by_text("for $5")).to_be_visible()
    assert tab.page.locator('[data-testid="stMain"] img').count() == 0
    assert tab.page.locator("b[onclick]").count() == 0
    assert not [
        address
        for address in tab.page.locator("a").evaluate_all("all => all.map(one => one.href)")
        if address.startswith("javascript:")
    ]


def test_cancel_stops_a_run_from_the_page(house: House, open_runs: OpenTab, gates: Gates) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_runs(f"?run={run_id}")
    expect(tab.page.get_by_text("Walk 1")).to_be_visible()
    tab.page.get_by_role("button", name="Cancel").click()
    expect(tab.page.get_by_text("Cancelled", exact=False).first).to_be_visible()
    expect(tab.page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert house.status(run_id) == "cancelled_by_user"
    tab.page.wait_for_timeout(2500)
    assert tab.quiet_for(QUIET_SECONDS) == 0


def test_pause_and_resume_from_the_page(house: House, open_runs: OpenTab, gates: Gates) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_runs(f"?run={run_id}")
    expect(tab.page.get_by_text("Walk 1")).to_be_visible()
    tab.page.get_by_role("button", name="Pause").click()
    expect(tab.page.get_by_text("It pauses at its next step.")).to_be_visible()
    gates.open(1, 2, 3)
    tab.page.get_by_role("button", name="Resume").click()
    expect(tab.page.get_by_text("Result", exact=True)).to_be_visible()
    steps = house.steps(run_id)
    assert [(step.title, step.attempt) for step in steps] == [(f"Walk {n}", 1) for n in range(1, 4)]


def test_the_list_follows_what_runs_opens_a_run_and_keeps_its_filters(
    house: House, open_runs: OpenTab, gates: Gates
) -> None:
    run_id = house.start(gates=str(gates.folder))
    tab = open_runs("?trigger=manual")
    page = tab.page
    row = page.locator("tr", has=page.locator(f'a[data-run="{run_id}"]'))
    expect(row).to_contain_text("Running")
    gates.open(1, 2, 3)
    expect(row).to_contain_text("Success")
    assert in_same_document(page)
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


def test_the_keyboard_opens_a_run(house: House, open_runs: OpenTab) -> None:
    run_id = house.walked().id
    page = open_runs().page
    link = page.locator(f'a[data-run="{run_id}"]')
    expect(link).to_be_visible()
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Slow Walker")).to_be_visible()
    assert in_same_document(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_cards_without_sideways_scrolling(house: House, open_runs: OpenTab, scheme: str) -> None:
    run_id = house.walked().id
    tab = open_runs(width=390, scheme=scheme)
    page = tab.page
    expect(page.locator(f'a[data-run="{run_id}"]')).to_be_visible()
    assert tab.sideways() <= 1
    page.locator(f'a[data-run="{run_id}"]').click()
    expect(page.get_by_text("Result", exact=True)).to_be_visible()
    assert tab.sideways() <= 1


def test_the_chain_of_a_run_leads_to_all_its_runs(house: House, open_runs: OpenTab) -> None:
    run = house.walked()
    page = open_runs(f"?run={run.id}").page
    page.get_by_text(run.correlation_id[-12:]).click()
    expect(page.locator(f'a[data-run="{run.id}"]')).to_be_visible()
    expect(page.get_by_text("Only the runs of one chain", exact=False)).to_be_visible()
    expect(page.locator("a[data-run]")).to_have_count(1)
    expect(page).to_have_url(re.compile(f"\\?correlation={run.correlation_id}$"))
