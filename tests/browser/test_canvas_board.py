"""The canvas component in a real browser: arranging, writing, tables, cards, two tabs, hostile texts, both grounds."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.served import ROOT, streamlit
from tests.browser.tabs import OpenTab, Tab

HERE = Path(__file__).parent
_worlds = itertools.count()


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Streamlit server with our own configuration and a page of blocks in memory, under a base path."""
    folder = tmp_path_factory.mktemp("canvas")
    script = (HERE / "canvas_script.py").read_text(encoding="utf-8")
    (folder / "script.py").write_text(
        script.replace("str(Path(__file__).resolve().parents[2])", repr(str(ROOT))), encoding="utf-8"
    )
    (folder / "static").symlink_to(ROOT / "static")
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
    with streamlit("script.py", folder, folder / "log", base="studio") as opened:
        yield f"{opened}/"


class Board:
    """One opened page of blocks."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.page = tab.page
        self.page.locator(".grid-stack").wait_for(state="attached")

    def block(self, name: str) -> Locator:
        return self.page.locator(f'article[data-block="{name}"]')

    def place(self, name: str) -> tuple[int, int, int, int]:
        """x, y, width and height in cells, as the grid has them."""
        item = self.page.locator(".grid-stack-item", has=self.block(name))
        found = item.evaluate("e => [e.gridstackNode.x, e.gridstackNode.y, e.gridstackNode.w, e.gridstackNode.h]")
        return tuple(found)  # type: ignore[return-value]

    def log(self) -> list[dict[str, Any]]:
        """The last acts that Python did."""
        text = self.page.get_by_test_id("stCode").inner_text()
        log: list[dict[str, Any]] = json.loads(text)
        return log

    def did(self, fragment: str) -> None:
        expect(self.page.get_by_test_id("stCode")).to_contain_text(fragment)

    def drag(self, what: Locator, right: int, down: int) -> None:
        what.scroll_into_view_if_needed()
        box = what.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right / 2, y + down / 2, steps=4)
        self.page.mouse.move(x + right, y + down, steps=4)
        self.page.wait_for_timeout(50)
        self.page.mouse.up()

    def key_on(self, name: str, *keys: str) -> None:
        self.block(name).focus()
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def open_board(open_tab: OpenTab, address: str) -> Any:
    def opened(kind: str = "demo", *, world: str = "", **look: Any) -> Board:
        return Board(open_tab(f"{address}?kind={kind}&world={world or next(_worlds)}", **look))

    return opened


@pytest.fixture
def board(open_board: Any) -> Board:
    made: Board = open_board()
    expect(made.block("goal")).to_be_visible()
    return made


def test_a_block_is_dragged_by_its_head_and_the_page_keeps_it(board: Board) -> None:
    assert board.place("orders")[:2] == (6, 0)
    head = board.block("orders").locator(".head .title")
    board.drag(head, 0, 200)
    assert board.place("orders")[1] > 0, "the browser moves it without waiting"
    board.did('"place"')
    moved = board.place("orders")
    board.page.reload()
    expect(board.block("orders")).to_be_visible()
    assert board.place("orders") == moved


def test_a_block_is_resized_by_its_corner(board: Board) -> None:
    item = board.page.locator(".grid-stack-item", has=board.block("creators"))
    item.hover()
    before = board.place("creators")
    board.drag(item.locator(".ui-resizable-se"), 0, 112)
    assert board.place("creators")[3] == before[3] + 2
    board.did('"place"')


def test_arrow_keys_move_and_with_shift_resize(board: Board) -> None:
    board.key_on("goal", "Shift+ArrowLeft", "Shift+ArrowDown")
    assert board.place("goal") == (0, 0, 5, 7)
    board.key_on("goal", "ArrowRight")
    assert board.place("goal")[0] == 1
    board.key_on("goal", "ArrowDown")
    assert board.place("goal")[1] > 0
    expect(board.block("goal")).to_be_focused()
    board.did('"goal"')


TWO_MESSAGES = """async () => {
    const loaded = performance.getEntriesByType("resource").map((one) => one.name);
    const bundle = loaded.find((name) => name.includes("/canvas.js"));
    const mount = (await import(bundle)).default;
    const host = document.body.appendChild(document.createElement("div"));
    const parentElement = host.attachShadow({ mode: "open" });
    const page = { id: "p", title: "P", read_only: false };
    const data = { workspace: "w", page, blocks: [], kinds: [], shelf: [], topics: [], refreshing: null, undo: null };
    const said = { ...data, answered: 0, refused: {}, conflicts: {} };
    const call = () => mount({ data: said, parentElement, setTriggerValue: () => undefined });
    call();
    const field = parentElement.querySelector("[role=combobox]");
    field.value = "half a sentence";
    call()();
    const kept = parentElement.querySelector("[role=combobox]") === field && field.value;
    const last = call();
    host.remove();
    last();
    return [kept, parentElement.querySelectorAll(".grid-stack").length];
}"""


def test_two_messages_close_together_leave_what_is_being_written(board: Board) -> None:
    """Streamlit runs a call's cleanup while the next call waits: only a host that is gone ends the board."""
    assert board.page.evaluate(TWO_MESSAGES) == ["half a sentence", 0]


def test_a_block_is_placed_by_numbers(board: Board) -> None:
    board.block("start").get_by_role("button", name="Menu of this block").click()
    board.page.get_by_role("option", name="Place by numbers").click()
    for label, value in (("Column", "1"), ("Row", "1"), ("Width", "12"), ("Height", "2")):
        board.page.get_by_label(label, exact=True).fill(value)
    board.page.keyboard.press("Enter")
    assert board.place("start") == (0, 0, 12, 2)
    board.did('"width": 12')


def test_the_slash_menu_adds_what_is_filtered(open_board: Any) -> None:
    board = open_board("empty")
    field = board.page.get_by_role("combobox", name="Add a block")
    field.press_sequentially("/tab")
    expect(board.page.get_by_role("option")).to_have_count(1)
    board.page.keyboard.press("Enter")
    board.did('"type": "table_view"')
    expect(board.block("table_view_1")).to_be_focused()
    board.page.keyboard.press("/")
    board.page.keyboard.type("/boa")
    board.page.keyboard.press("Enter")
    expect(board.block("kanban_board_2")).to_be_visible()
    field.fill("Hello there")
    field.press("Enter")
    expect(board.block("text_3")).to_contain_text("Hello there")


def test_an_agent_is_dragged_from_the_shelf(board: Board) -> None:
    board.page.get_by_role("button", name="Agents", exact=True).click()
    item = board.page.locator(".shelf-item", has_text="Sales Sentinel")
    expect(item).to_be_visible()
    start, goal = item.bounding_box(), board.block("goal").bounding_box()
    assert start
    assert goal
    to_the_left = int(goal["x"] + 10 - start["x"] - start["width"] / 2)
    board.drag(item, to_the_left, int(goal["y"] - start["y"]) + 40)
    board.did('"agent_configuration_id": "i1"')
    expect(board.block("agent_snippet_1")).to_be_visible()
    assert board.place("agent_snippet_1")[:2] == (0, 0)


def test_a_text_is_written_in_place(board: Board) -> None:
    board.key_on("goal", "Enter")
    field = board.page.get_by_label("Text in Markdown")
    expect(field).to_be_focused()
    field.fill("Now **bold** and /slash")
    expect(board.page.get_by_role("region", name="Preview").locator("strong")).to_have_text("bold")
    board.page.keyboard.press("Control+Enter")
    expect(board.block("goal").locator("strong")).to_have_text("bold")
    board.did("Now **bold**")
    expect(board.block("goal")).to_be_focused()


def test_escape_leaves_a_text_and_keeps_what_was_written(board: Board) -> None:
    board.key_on("goal", "Enter")
    board.page.get_by_label("Text in Markdown").fill("half a thought")
    board.page.keyboard.press("Escape")
    expect(board.block("goal")).to_contain_text("There is text that was not saved.")
    expect(board.block("goal")).to_contain_text("12,000 orders")
    board.block("goal").get_by_role("button", name="Go on writing").click()
    expect(board.page.get_by_label("Text in Markdown")).to_have_value("half a thought")


def test_a_rerun_disturbs_no_writing(board: Board) -> None:
    board.key_on("goal", "Enter")
    field = board.page.get_by_label("Text in Markdown")
    field.fill("typing")
    board.page.get_by_role("button", name="Again").click()
    board.page.wait_for_timeout(800)
    expect(field).to_have_value("typing")


def test_a_refused_text_comes_back_to_its_editor(board: Board) -> None:
    board.key_on("goal", "Enter")
    board.page.get_by_label("Text in Markdown").fill("a forbidden word")
    board.page.keyboard.press("Control+Enter")
    expect(board.block("goal")).to_contain_text("The text holds a forbidden word. Take it out.")
    expect(board.page.get_by_label("Text in Markdown")).to_have_value("a forbidden word")


def test_two_tabs_write_the_same_text_and_the_second_keeps_its_own(open_board: Any) -> None:
    first, second = open_board(world="two"), open_board(world="two")
    for tab, words in ((first, "from the first"), (second, "from the second")):
        expect(tab.block("goal")).to_be_visible()
        tab.key_on("goal", "Enter")
        tab.page.get_by_label("Text in Markdown").fill(words)
    first.page.keyboard.press("Control+Enter")
    first.did("from the first")
    second.page.keyboard.press("Control+Enter")
    alert = second.block("goal").locator(".conflict")
    expect(alert).to_contain_text("Changed elsewhere")
    expect(alert).to_contain_text("from the first")
    expect(alert).to_contain_text("from the second")
    alert.get_by_role("button", name="Keep mine").click()
    expect(alert).to_have_count(0)
    expect(second.block("goal")).to_contain_text("from the second")
    second.did('"revision": 2')


def test_a_table_is_edited_in_its_cells_and_sorted_for_the_eye(board: Board) -> None:
    table = board.block("creators")
    table.get_by_role("cell", name="Fee, row 2").dblclick()
    board.page.keyboard.type("77")
    board.page.keyboard.press("Enter")
    board.did('["Jo", 8000, 77]')
    expect(table.get_by_role("cell", name="Fee, row 3")).to_be_focused()
    board.page.keyboard.type("5")
    board.page.keyboard.press("Tab")
    board.did("45000, 5]")
    table.get_by_role("button", name="Row", exact=True).click()
    expect(table.locator("tbody tr")).to_have_count(4)
    board.did('["", "", ""]')
    acts = len(board.log())
    table.get_by_role("button", name="Fee", exact=True).click()
    expect(table.locator("tbody tr").first).to_contain_text("Äsa")
    assert len(board.log()) == acts, "sorting is for the eye"


def test_cards_are_dragged_moved_by_keys_ticked_and_added(board: Board) -> None:
    plan = board.block("plan")
    plan.scroll_into_view_if_needed()
    lanes = plan.locator(".lane")
    card, target = plan.get_by_text("Ask Mara"), lanes.nth(1)
    start, goal = card.bounding_box(), target.bounding_box()
    assert start
    assert goal
    board.drag(card, int(goal["x"] + 60 - start["x"] - start["width"] / 2), 0)
    expect(target).to_contain_text("Ask Mara")
    board.did('"save"')
    plan.get_by_role("group", name="Write the brief").focus()
    board.page.keyboard.press("Shift+ArrowRight")
    expect(target).to_contain_text("Write the brief")
    expect(plan.get_by_role("group", name="Write the brief")).to_be_focused()
    board.page.keyboard.press("Space")
    expect(plan).to_contain_text("2 of 4 done")
    lanes.first.get_by_role("button", name="Card").click()
    board.page.get_by_label("Title", exact=True).fill("A new one")
    board.page.keyboard.press("Enter")
    expect(lanes.first).to_contain_text("A new one")
    board.did("A new one")


def test_a_card_is_dragged_by_a_finger_on_its_handle(open_board: Any) -> None:
    board: Board = open_board(touch=True)
    plan = board.block("plan")
    plan.scroll_into_view_if_needed()
    handle = plan.get_by_role("group", name="Ask Mara").locator(".handle")
    target = plan.locator(".lane").nth(1)
    start, goal = handle.bounding_box(), target.bounding_box()
    assert start
    assert goal
    x, y = start["x"] + 8, start["y"] + 8
    fingers = board.page.context.new_cdp_session(board.page)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in (0.3, 0.6, 1.0):
        at = {"x": x + (goal["x"] + 60 - x) * part, "y": y + (goal["y"] + 30 - y) * part}
        fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(target).to_contain_text("Ask Mara")
    board.did('"save"')


def test_an_agent_is_asked_and_run_with_what_was_typed(board: Board) -> None:
    agent = board.block("sentinel")
    agent.get_by_label("Days *").fill("30")
    board.page.get_by_role("button", name="Again").click()
    board.page.wait_for_timeout(600)
    expect(agent.get_by_label("Days *")).to_have_value("30")
    agent.get_by_role("button", name="Run", exact=True).click()
    expect(agent.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    expect(agent).to_contain_text("Running")
    board.did('"inputs": {"days": 30, "tone": "calm"}')


def test_a_deleted_block_comes_back_by_undo(board: Board) -> None:
    board.key_on("creators", "Delete")
    expect(board.block("creators")).to_have_count(0)
    board.did('"remove"')
    board.page.get_by_role("button", name="Undo").click()
    expect(board.block("creators")).to_be_visible()


def test_a_page_that_is_only_read_offers_no_change(open_board: Any) -> None:
    board = open_board("readonly")
    expect(board.block("goal")).to_be_visible()
    board.key_on("goal", "Delete", "Enter", "ArrowDown", "/")
    expect(board.block("goal")).to_be_visible()
    assert board.log() == []
    expect(board.page.locator("textarea, td[tabindex]")).to_have_count(0)
    expect(board.page.get_by_role("button", name="Block", exact=True)).to_be_hidden()


def test_hostile_texts_stay_texts(open_board: Any) -> None:
    """Every text of every block is an attack; open_tab complains about any request to another machine."""
    board = open_board("hostile")
    dialogs: list[str] = []
    board.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    expect(board.block("goal")).to_be_visible()
    board.page.wait_for_timeout(500)
    board.key_on("goal", "Enter")
    expect(board.page.get_by_role("region", name="Preview")).to_contain_text("<script>alert(1)</script>")
    counts = board.page.evaluate(
        """() => {
            const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
            const bad = [...root.querySelectorAll("*")].filter((element) =>
                [...element.attributes].some(
                    (one) => one.name.startsWith("on") || /^javascript:|^data:text/i.test(one.value)));
            const links = [...root.querySelectorAll(".grid-stack a")].filter((link) => !/^https?:/.test(link.href));
            return [root.querySelectorAll("script, iframe").length, bad.map((e) => e.outerHTML), links.length];
        }"""
    )
    assert counts == [0, [], 0]
    assert dialogs == []


def test_one_column_on_a_phone_and_nothing_sticks_out(open_board: Any) -> None:
    board = open_board(width=390)
    expect(board.block("goal")).to_be_visible()
    boxes = [box for name in ("goal", "orders", "sentinel", "plan") if (box := board.block(name).bounding_box())]
    assert len({round(box["x"]) for box in boxes}) == 1
    assert all(one["y"] + one["height"] <= other["y"] for one, other in itertools.pairwise(boxes))
    assert min(box["width"] for box in boxes) > 300
    assert board.tab.sideways() == 0
    assert board.log() == [], "a narrow window moves nothing for those with a wide one"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_letter_is_readable(open_board: Any, scheme: str) -> None:
    board = open_board(scheme=scheme)
    expect(board.block("goal")).to_be_visible()
    poor = board.page.evaluate(CONTRAST)
    assert poor == []


# WCAG 2.2 contrast of each text against the ground it stands on.
CONTRAST = """() => {
    const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const light = ([r, g, b]) => {
        const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const [x, y, z] = [r, g, b].map((c) => linear(c / 255));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
            const color = rgba(getComputedStyle(at).backgroundColor);
            if (color[3] > 0.9) return color;
        }
        return [255, 255, 255];
    };
    const poor = [];
    for (const element of root.querySelectorAll(".page *")) {
        const own = [...element.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        const seen = element.checkVisibility({ opacityProperty: true });
        if (!own || !seen || element.matches("style, option")) continue;
        const one = light(rgba(getComputedStyle(element).color)), other = light(ground(element));
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < 4.5) poor.push([element.outerHTML.slice(0, 120), ratio.toFixed(2)]);
    }
    return poor;
}"""
