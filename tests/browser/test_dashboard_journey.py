"""The dashboard in a real browser: narrow it, click bars down to runs, mark, save and send what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab

MANIFEST = """
slug: {slug}
id: agent_{number}
name: {name}
version: "1.0"
inputs:
  - {{key: fail, type: boolean, default: false, runtime_promptable: true}}
outputs:
  - {{key: report, type: string}}
limits: {{breaker: 100}}
"""
CODE = '''
"""Counts, or fails."""


def run(ctx, inputs):
    """A word, unless it is to fail."""
    if inputs["fail"]:
        raise RuntimeError("the shop is closed")
    return {"report": "done"}
'''


@pytest.fixture(scope="module")
def agents() -> Agents:
    notifier = Path(__file__).resolve().parents[2] / "agents" / "notifier"
    made = {
        slug: {"agent.yaml": MANIFEST.format(slug=slug, number=number, name=slug.title()), "agent.py": CODE}
        for number, slug in ((911, "teller"), (912, "porter"))
    }
    return {**made, "notifier": {name: (notifier / name).read_text() for name in ("agent.yaml", "agent.py")}}


@pytest.fixture(scope="module")
def house(server: Server) -> Iterator[tuple[Server, dict[str, str]]]:
    """The server with two agents: one ran three times and failed once, the other ran once."""
    app, ws = server.application, server.application.workspaces.create("Test").id
    made = {slug: app.agents.create(ws, slug, f"{slug.title()} of mine").id for slug in ("teller", "porter")}
    for slug, fail in (("teller", False), ("teller", False), ("teller", True), ("porter", False)):
        server.ended(app.runs.start(ws, made[slug], {"fail": fail}).run_id)
    yield server, made


def drawn(page: Page) -> Page:
    page.locator("[data-chart=runs_per_day] .part").first.wait_for()
    return page


def figure(page: Page, label: str) -> str:
    tile = page.locator(".tiles > .tile", has=page.locator(".label", has_text=re.compile(f"^{label}$")))
    return tile.locator(".value").inner_text()


def test_from_a_bar_to_its_runs_and_back_with_a_view(house: tuple[Server, dict[str, str]], open_tab: OpenTab) -> None:
    server, made = house
    page = drawn(open_tab(f"{server.address}/dashboard").page)
    assert figure(page, "Runs") == "4"

    page.locator("[data-chart=runs_by_agent] .row", has_text="Teller of mine").click()
    chip = page.locator(".chip", has_text="Teller of mine")
    chip.wait_for()
    assert f"instance={made['teller']}" in page.url and figure(page, "Runs") == "3"

    page.get_by_text("Views", exact=True).click()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name").fill("The teller")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".menu > summary")).to_contain_text("The teller")
    address = page.url

    # The address is the view: another browser sees the same.
    other = drawn(open_tab(address).page)
    other.locator(".chip", has_text="Teller of mine").wait_for()
    assert figure(other, "Runs") == "3"

    page.get_by_role("button", name="Reliability").click()
    page.locator("[data-chart=failures_by_code] .row").first.click()
    page.get_by_text(re.compile("Only the runs that failed with")).wait_for()
    assert f"instance={made['teller']}" in page.url and "code=" in page.url
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()

    drawn(other)
    other.get_by_role("button", name=re.compile("^Take away")).click()
    expect(other.locator(".chip")).to_have_count(0)
    assert "instance" not in other.url and figure(other, "Runs") == "4"
    other.get_by_text("Views", exact=True).click()
    other.get_by_role("button", name="The teller").click()
    other.locator(".chip", has_text="Teller of mine").wait_for()


def test_a_column_leads_to_the_runs_of_its_day_and_status(
    house: tuple[Server, dict[str, str]], open_tab: OpenTab
) -> None:
    server, _ = house
    page = drawn(open_tab(f"{server.address}/dashboard?days=7").page)
    page.locator("[data-chart=runs_per_day] .part[data-series=error]").click()
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()
    assert "status=error" in page.url and "since=" in page.url


def test_a_figure_opens_its_definition_and_a_note_stands_on_the_charts(
    house: tuple[Server, dict[str, str]], open_tab: OpenTab
) -> None:
    server, _ = house
    page = drawn(open_tab(f"{server.address}/dashboard").page)
    page.locator("button.tile", has_text="Success").first.click()
    definition = page.locator("dialog[open]")
    expect(definition).to_contain_text("Runs that succeeded divided by")
    expect(definition.locator("pre")).to_contain_text("SELECT")
    page.keyboard.press("Escape")
    expect(definition).to_have_count(0)

    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_label("Words").fill("Campaign <b>began</b>")
    page.get_by_role("button", name="Keep the note").click()
    page.locator("[data-chart=runs_per_day] .flag.is-note").wait_for()
    page.get_by_text(re.compile("marks on the charts")).click()
    expect(page.locator(".marks li", has_text="Campaign <b>began</b>")).to_be_visible()
    page.get_by_role("button", name="Delete the note").click()
    expect(page.locator(".flag.is-note")).to_have_count(0)


def test_a_chart_is_taken_away_as_picture_and_table(
    house: tuple[Server, dict[str, str]], open_tab: OpenTab, tmp_path: Path
) -> None:
    server, _ = house
    page = drawn(open_tab(f"{server.address}/dashboard").page)
    page.locator("[data-chart=runs_per_day] button.large").click()
    window = page.get_by_role("dialog")
    window.locator(".js-plotly-plot").wait_for()
    begins = {"PNG": b"\x89PNG", "SVG": b"<svg", "CSV": b"\xef\xbb\xbfday,", "Parquet": b"PAR1"}
    for name, first in begins.items():
        with page.expect_download() as download:
            window.get_by_role("button", name=name, exact=True).click()
        place = tmp_path / name
        download.value.save_as(place)
        assert download.value.suggested_filename == f"runs_per_day.{name.lower()}"
        assert place.read_bytes().startswith(first)


def test_a_digest_is_kept_and_sent_through_the_outbox(house: tuple[Server, dict[str, str]], open_tab: OpenTab) -> None:
    server, _ = house
    page = drawn(open_tab(f"{server.address}/dashboard").page)
    page.get_by_role("button", name="Digests").click()
    page.get_by_label("Mail addresses, one a line").fill("me@example.com")
    page.get_by_role("button", name="Keep the digest").click()
    page.get_by_role("button", name="Send now").click()
    page.get_by_text("Given to the outbox: 1 mail.").wait_for()
    [digest] = server.application.digests.find(server.workspace)
    [delivery] = server.application.digests.deliveries(server.workspace, digest)
    assert delivery.run_id and server.ended(delivery.run_id).status == "success"
    [effect] = server.application.outbox.find(server.workspace).effects
    assert (effect.kind, effect.target, effect.status) == ("email", "me@example.com", "would_send")


def test_on_paper_there_are_no_buttons_and_a_head(house: tuple[Server, dict[str, str]], open_tab: OpenTab) -> None:
    server, _ = house
    page = drawn(open_tab(f"{server.address}/dashboard", scheme="dark").page)
    page.evaluate("() => { window.printed = 0; window.print = () => { window.printed += 1; }; }")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed") == 1
    page.emulate_media(media="print")
    expect(page.locator(".paper h1")).to_be_visible()
    for hidden in (page.locator("[data-testid=stSidebar]"), page.locator(".above"), page.locator("button.large").first):
        expect(hidden).not_to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(255, 255, 255)"


def test_on_a_phone_nothing_is_wider_than_the_page(house: tuple[Server, dict[str, str]], open_tab: OpenTab) -> None:
    server, _ = house
    tab = open_tab(f"{server.address}/dashboard?show=everything", width=390, touch=True)
    drawn(tab.page)
    tab.page.wait_for_timeout(1000)
    assert tab.sideways() == 0
