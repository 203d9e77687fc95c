"""Pages in a browser: built from nothing, laid out, run and refreshed in order, edited by two, undone, taken out.

`WORDS` counts the words it is given and `ECHO` repeats them, so that one block can read the other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ionflux_core.domain.canvas import CanvasBlock
from tests.browser.served import Agents, Server
from tests.browser.tabs import OpenTab, Tab

MANIFEST = """
    slug: {slug}
    id: agent_{slug}
    name: {name}
    version: "1.0.0"
    status: experimental
    narrative: {{epithet: For a test, tagline: For a test., introduction: For a test.}}
    triggers:
      - {{key: by_hand, type: manual, config: {{form: true}}}}
    inputs:
      - {{key: text, type: string, required: true, runtime_promptable: true}}
    outputs:
      - {{key: result, type: string}}
"""
WORDS = """
    def run(ctx, inputs):
        '''Counts the words.'''
        return {"result": f"{len(inputs['text'].split())} words"}
"""
ECHO = """
    def run(ctx, inputs):
        '''Says what it was told.'''
        return {"result": f"heard: {inputs['text']}"}
"""
GOAL = "Sell the autumn stock"


@pytest.fixture(scope="module")
def agents() -> Agents:
    """One agent that counts words, and one that repeats."""
    return {
        "words": {"agent.yaml": MANIFEST.format(slug="words", name="Words"), "agent.py": WORDS},
        "echo": {"agent.yaml": MANIFEST.format(slug="echo", name="Echo"), "agent.py": ECHO},
    }


@pytest.fixture
def open_canvas(server: Server, open_tab: OpenTab) -> Callable[..., Tab]:
    """Opens the page of pages, at an address."""

    def opened(address: str = "", **look: object) -> Tab:
        return open_tab(f"{server.address}/canvas{address}", **look)

    return opened


def blocks(server: Server, page_id: str) -> dict[str, CanvasBlock]:
    return {block.name: block for block in server.application.canvas.page(server.workspace, page_id).blocks}


def block_of(page: Page, block: CanvasBlock) -> Locator:
    return page.locator(f'article[data-block="{block.id}"]')


def choose(page: Page, article: Locator, entry: str) -> None:
    """An entry of a block's menu."""
    article.hover()
    article.get_by_role("button", name="Menu of this block").click()
    page.locator(".menu").get_by_text(entry, exact=True).click()


def page_menu(page: Page, entry: str) -> None:
    page.get_by_role("button", name="Menu of this page").click()
    page.get_by_role("menuitem", name=entry).click()


def until(page: Page, true: Callable[[], bool]) -> None:
    """Wait until something of the stored data is so."""
    for _ in range(150):
        if true():
            return
        page.wait_for_timeout(200)
    raise AssertionError("it never came to be")


def test_a_page_of_six_kinds_is_built_and_laid_out_and_stays_so(
    server: Server, open_canvas: Callable[..., Tab]
) -> None:
    page = open_canvas().page
    expect(page.get_by_text("There is no page yet.")).to_be_visible()
    page.get_by_role("button", name="Make a page").click()
    page.get_by_label("Title").fill("Campaign plan")
    page.get_by_role("button", name="Make the page").click()
    expect(page.get_by_role("heading", name="Campaign plan")).to_be_visible()
    page_id = server.application.canvas.tree(server.workspace)[0].id
    line = page.get_by_role("combobox", name="Add a block")
    line.fill(GOAL)
    line.press("Enter")
    expect(page.get_by_text(GOAL)).to_be_visible()
    for number, title in enumerate(("Table", "Board", "SQL", "JSON", "Button"), start=2):
        line.fill(f"/{title}")
        line.press("Enter")
        expect(page.locator("article.block")).to_have_count(number)
    first = page.locator("article.block").first
    first.focus()
    first.press("Shift+ArrowLeft")
    until(page, lambda: any(block.place.width == 5 for block in blocks(server, page_id).values()))
    grip = page.locator("article.block").nth(1).locator(".grip")
    box = grip.bounding_box()
    assert box is not None
    before = {name: block.place for name, block in blocks(server, page_id).items()}
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 420, box["y"] + 40, steps=12)
    page.mouse.up()
    until(page, lambda: {name: block.place for name, block in blocks(server, page_id).items()} != before)
    page.wait_for_timeout(1000)
    laid = {name: block.place for name, block in blocks(server, page_id).items()}
    assert len(laid) == 6
    shown = seen(page)
    page.reload()
    expect(page.locator("article.block")).to_have_count(6)
    expect(page.get_by_role("heading", name="Campaign plan")).to_be_visible()
    page.wait_for_timeout(1000)
    assert seen(page) == shown
    assert {name: block.place for name, block in blocks(server, page_id).items()} == laid


def seen(page: Page) -> dict[str, tuple[int, int, int, int]]:
    """Where each block is seen, in pixels."""
    found: dict[str, tuple[int, int, int, int]] = {}
    for article in page.locator("article.block").all():
        box = article.bounding_box()
        assert box is not None
        key = str(article.get_attribute("data-block"))
        found[key] = (round(box["x"]), round(box["y"]), round(box["width"]), round(box["height"]))
    return found


def test_a_run_marks_what_reads_it_stale_and_refresh_goes_in_order(
    server: Server, open_canvas: Callable[..., Tab]
) -> None:
    app, ws = server.application, server.workspace
    words = app.agents.create(ws, "words", "Counter of words")
    echo = app.agents.create(ws, "echo", "Second voice")
    made = app.canvas.create(ws, "Chain")
    for name, instance, text in (("count", words, "one two three"), ("say", echo, "{{ blocks.count.output }}")):
        content = {"agent_configuration_id": instance.id, "inputs": {"text": text}}
        app.canvas.add_block(ws, made.id, "agent_snippet", content, name=name)
    app.canvas.add_block(ws, made.id, "text", {"markdown_text": "In words: {{ blocks.say.output }}"}, name="told")
    tab = open_canvas(f"?page={made.id}")
    page = tab.page
    known = blocks(server, made.id)
    count, say = block_of(page, known["count"]), block_of(page, known["say"])
    expect(count).to_be_visible()
    refresh = page.get_by_role("button", name="Refresh")
    expect(refresh).to_be_visible()
    refresh.click()
    expect(count.get_by_text("3 words")).to_be_visible()
    expect(say.get_by_text("heard: 3 words")).to_be_visible()
    expect(block_of(page, known["told"]).get_by_text("In words: heard: 3 words")).to_be_visible()
    expect(refresh).to_have_count(0)
    content = {**known["count"].content, "inputs": {"text": "one two"}}
    app.canvas.save_block(ws, known["count"].id, revision=known["count"].revision, content=content)
    page.reload()
    expect(say.get_by_text("Stale")).to_be_visible()
    page.get_by_role("button", name="Refresh 2 stale").click()
    expect(say.get_by_text("heard: 2 words")).to_be_visible()
    expect(say.get_by_text("Stale")).to_have_count(0)
    runs = app.runs.find(ws, limit=10).runs
    assert [run.instance_name for run in reversed(runs)] == ["Counter of words", "Second voice"] * 2
    page.wait_for_timeout(3000)
    assert tab.quiet_for(5) == 0


def test_two_tabs_edit_one_block_and_the_second_keeps_its_text(server: Server, open_canvas: Callable[..., Tab]) -> None:
    app, ws = server.application, server.workspace
    made = app.canvas.create(ws, "Two")
    shared = app.canvas.add_block(ws, made.id, "text", {"markdown_text": "Begin"}, name="shared")
    one, two = open_canvas(f"?page={made.id}").page, open_canvas(f"?page={made.id}").page
    for page in (one, two):
        expect(block_of(page, shared).get_by_text("Begin")).to_be_visible()
        block_of(page, shared).focus()
        block_of(page, shared).press("Enter")
        expect(page.get_by_label("Text in Markdown")).to_be_visible()
    one.get_by_label("Text in Markdown").fill("From the first")
    one.get_by_label("Text in Markdown").press("Control+Enter")
    until(one, lambda: blocks(server, made.id)["shared"].content["markdown_text"] == "From the first")
    two.get_by_label("Text in Markdown").fill("From the second")
    two.get_by_label("Text in Markdown").press("Control+Enter")
    expect(block_of(two, shared).get_by_text("From the first").first).to_be_visible()
    expect(block_of(two, shared).get_by_text("From the second").first).to_be_visible()
    assert blocks(server, made.id)["shared"].content["markdown_text"] == "From the first"


def test_a_title_that_was_refused_does_not_stay_in_the_heading(server: Server, open_canvas: Callable[..., Tab]) -> None:
    app, ws = server.application, server.workspace
    made = app.canvas.create(ws, "Kept as it is")
    page = open_canvas(f"?page={made.id}").page
    page.get_by_role("heading", name="Kept as it is").get_by_role("button").click()
    app.canvas.set_page_status(ws, made.id, "archived")
    page.get_by_label("Title of the page").fill("Something else")
    page.get_by_label("Title of the page").press("Enter")
    expect(page.get_by_text("is archived.").first).to_be_visible()
    expect(page.get_by_role("heading", name="Kept as it is")).to_be_visible()
    assert app.canvas.page(ws, made.id).title == "Kept as it is"


def test_a_name_after_the_at_sign_becomes_a_link_to_it(server: Server, open_canvas: Callable[..., Tab]) -> None:
    app, ws = server.application, server.workspace
    app.canvas.create(ws, "Launch [plan] *2027*")
    made = app.canvas.create(ws, "Named here")
    written = app.canvas.add_block(ws, made.id, "text", {"markdown_text": ""}, name="note")
    page = open_canvas(f"?page={made.id}").page
    block_of(page, written).focus()
    block_of(page, written).press("Enter")
    field = page.get_by_label("Text in Markdown")
    field.press_sequentially("As in @launch", delay=30)
    expect(page.get_by_role("option", name="Launch [plan] *2027*")).to_be_visible()
    field.press("Enter")
    field.press_sequentially("we said")
    field.press("Control+Enter")
    link = block_of(page, written).get_by_role("link", name="Launch [plan] *2027*")
    expect(link).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", name="Launch [plan] *2027*")).to_be_visible()


def test_a_text_left_unsaved_does_not_overwrite_what_came_between(
    server: Server, open_canvas: Callable[..., Tab]
) -> None:
    app, ws = server.application, server.workspace
    made = app.canvas.create(ws, "Left open")
    block = app.canvas.add_block(ws, made.id, "text", {"markdown_text": "First"}, name="text")
    one, two = (open_canvas(f"?page={made.id}").page for _ in range(2))
    field = "Text in Markdown"
    block_of(one, block).focus()
    block_of(one, block).press("Enter")
    one.get_by_label(field).fill("Mine")
    one.get_by_label(field).press("Escape")
    expect(block_of(one, block).get_by_text("There is text that was not saved.")).to_be_visible()
    block_of(two, block).focus()
    block_of(two, block).press("Enter")
    two.get_by_label(field).fill("Theirs")
    two.get_by_label(field).press("Control+Enter")
    expect(block_of(one, block).get_by_text("Theirs").first).to_be_visible()
    one.get_by_role("button", name="Go on writing").click()
    expect(one.get_by_label(field)).to_have_value("Mine")
    one.get_by_label(field).press("Control+Enter")
    expect(block_of(one, block).get_by_text("Mine").first).to_be_visible()
    expect(block_of(one, block).get_by_text("Theirs").first).to_be_visible()
    assert blocks(server, made.id)["text"].content["markdown_text"] == "Theirs"


def test_what_was_deleted_comes_back(server: Server, open_canvas: Callable[..., Tab]) -> None:
    app, ws = server.application, server.workspace
    made = app.canvas.create(ws, "Taken back")
    kept = app.canvas.add_block(ws, made.id, "text", {"markdown_text": "Keep me"}, name="kept")
    page = open_canvas(f"?page={made.id}").page
    block_of(page, kept).focus()
    block_of(page, kept).press("Delete")
    until(page, lambda: not blocks(server, made.id))
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(block_of(page, kept).get_by_text("Keep me")).to_be_visible()
    assert list(blocks(server, made.id)) == ["kept"]


def test_rename_template_export_and_import(server: Server, open_canvas: Callable[..., Tab], tmp_path: Path) -> None:
    app, ws = server.application, server.workspace
    made = app.canvas.create(ws, "Before")
    app.canvas.add_block(ws, made.id, "text", {"markdown_text": "A **plan**"}, name="plan")
    page = open_canvas(f"?page={made.id}").page
    page.get_by_role("heading", name="Before").get_by_role("button").click()
    page.get_by_label("Title of the page").fill("After")
    page.get_by_label("Title of the page").press("Enter")
    until(page, lambda: app.canvas.page(ws, made.id).title == "After")
    page_menu(page, "Save as template")
    page.get_by_label("Name of the template").fill("Form")
    page.get_by_label("Name of the template").press("Enter")
    page.get_by_role("button", name="Save the template").click()
    until(page, lambda: [each.title for each in app.canvas.templates(ws)] == ["Form"])
    page_menu(page, "Export")
    with page.expect_download() as caught:
        page.get_by_role("button", name="YAML").click()
    file = tmp_path / "page.yaml"
    caught.value.save_as(file)
    assert "A **plan**" in file.read_text(encoding="utf-8")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Import a page").click()
    page.locator('input[type="file"]').set_input_files(file)
    page.get_by_role("button", name="Import it").click()
    until(page, lambda: [each.title for each in app.canvas.tree(ws)].count("After") == 2)
    until(page, lambda: f"page={made.id}" not in page.url)
    expect(page.get_by_text("A plan")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_fits_the_screen(server: Server, open_canvas: Callable[..., Tab], width: int, scheme: str) -> None:
    app, ws = server.application, server.workspace
    made = app.canvas.create(ws, f"A title that is long enough to need two lines on a telephone {width} {scheme}")
    app.canvas.add_block(ws, made.id, "text", {"markdown_text": "word " * 200}, name="long")
    app.canvas.add_block(ws, made.id, "sql", name="rows")
    tab = open_canvas(f"?page={made.id}", width=width, scheme=scheme)
    expect(tab.page.locator("article.block")).to_have_count(2)
    assert tab.sideways() == 0
