"""Explore in a real browser: asked with the keyboard, wrong at its place, a file of one's own, kept on a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.served import Server
from tests.browser.tabs import OpenTab

SALES = "Day,Country,Amount\n" + "".join(
    f"2026-01-{1 + number % 27:02d},{('PT', 'ES')[number % 2]},{number}\n" for number in range(250)
)


def write(page: Page, text: str) -> None:
    """Put a text into the editor as somebody types it."""
    editor = page.get_by_role("textbox", name="Question in SQL")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def run(page: Page, text: str) -> None:
    write(page, text)
    page.keyboard.press("Control+Enter")


def test_a_question_is_asked_corrected_sorted_and_turned(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.address}/explore").page
    expect(page.get_by_text("Ready questions").first).to_be_visible()
    run(page, "SELECT range AS n, n % 7 AS week\nFORM range(250)")
    expect(page.get_by_text("1 problem")).to_be_visible()
    expect(page.get_by_text("line 2").first).to_be_visible()
    run(page, "SELECT range AS n, range % 7 AS week FROM range(250)")
    expect(page.get_by_text("250 rows in").first).to_be_visible()
    table = page.get_by_role("table", name="Answer")
    expect(table.locator("tbody tr").first).to_contain_text("0")
    table.get_by_role("button", name="n", exact=True).click()
    expect(table.locator("tbody tr").first).to_contain_text("249")
    page.get_by_role("button", name="Next rows").click()
    expect(page.get_by_text("Rows 101 to 200 of 250")).to_be_visible()
    expect(table.locator("tbody tr").first).to_contain_text("149")


def test_names_are_completed(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.address}/explore").page
    write(page, "SELECT r. FROM runs r")
    page.keyboard.press("Home")
    for _ in "SELECT r.":
        page.keyboard.press("ArrowRight")
    page.keyboard.type("queue")
    page.get_by_role("option", name="queue_seconds").click()
    expect(page.get_by_role("textbox", name="Question in SQL")).to_contain_text("SELECT r.queue_seconds FROM runs r")


def test_a_file_is_asked_drawn_saved_and_put_on_a_page(server: Server, open_tab: OpenTab, tmp_path: Path) -> None:
    app, ws = server.application, server.workspace
    file = tmp_path / "Sales 2026.csv"
    file.write_text(SALES, encoding="utf-8")
    page = open_tab(f"{server.address}/explore").page
    page.get_by_role("button", name="Tables & files").click()
    page.get_by_text("Your files", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Ask it").click()
    expect(page.get_by_text("100 rows in").first).to_be_visible()
    assert [each.name for each in app.datasets.find(ws)] == ["sales_2026"]
    run(page, "SELECT day, country, sum(amount) AS total FROM sales_2026 GROUP BY ALL ORDER BY day")
    expect(page.get_by_text("54 rows in").first).to_be_visible()
    page.get_by_text("Chart", exact=True).click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.locator(".js-plotly-plot .legend").first).to_contain_text("ES")
    page.get_by_text("Save", exact=True).click()
    name = page.get_by_label("Name", exact=True)
    name.fill("Sales by day")
    name.press("Tab")
    page.get_by_role("button", name="Save it").click()
    expect(page).to_have_url(re.compile("question="))
    [saved] = app.saved_questions.find(ws)
    assert (saved.name, saved.chart.kind, saved.chart.series) == ("Sales by day", "line", "country")
    # Its address is enough: another browser asks it and draws it.
    other = open_tab(page.url).page
    expect(other.locator(".js-plotly-plot").first).to_be_visible()
    other.get_by_text("Add to a page", exact=True).click()
    title = other.get_by_label("Title of the block")
    title.fill("Sales")
    title.press("Tab")
    other.get_by_role("button", name="Add the block").click()
    expect(other).to_have_url(re.compile("/canvas"))
    expect(other.get_by_text("Sales", exact=True).first).to_be_visible()
    [made] = [each for line in app.canvas.tree(ws) for each in app.canvas.page(ws, line.id).blocks]
    assert (made.type, made.content["kind"], made.content["series_column"]) == ("chart", "lines", "country")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_lies_beyond_the_edge(server: Server, open_tab: OpenTab, scheme: str) -> None:
    tab = open_tab(f"{server.address}/explore?ready=who-changed-what", width=390, scheme=scheme)
    expect(tab.page.get_by_text("in", exact=False).first).to_be_visible()
    tab.page.wait_for_timeout(1_500)
    assert tab.sideways() == 0
