"""Pages of blocks and the chat in a real browser: opened, dragged, filled, and told that a run has ended."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, median
from benchmarks.pages_bench import Times, chromium, visit
from benchmarks.servers import hello, product
from benchmarks.stores import BENCH_AGENTS, SHIPPED_AGENTS, full_channel, full_store, page_of_blocks, page_with_agent

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_BLOCKS = 30
_MESSAGES = 100_000
_PATIENCE = 30_000
# The board draws in a shadow of its own; it is there once as many blocks as were stored have a body.
_DRAWN = """count => {
  const boards = [...document.querySelectorAll('[data-testid="stMain"] *')].filter(one => one.shadowRoot);
  const blocks = boards.flatMap(one => [...one.shadowRoot.querySelectorAll('article.block .body')]);
  return blocks.filter(one => one.childElementCount).length >= count;
}"""
# A channel is open once its name and its newest message stand there, or the words that there is none.
_OPEN = """([name, last]) => {
  const boards = [...document.querySelectorAll('[data-testid="stMain"] *')].filter(one => one.shadowRoot);
  const board = boards.map(one => one.shadowRoot.querySelector('.chat')).find(Boolean);
  if (!board || !(board.querySelector('.channel-head h2')?.textContent ?? '').includes(name)) return false;
  return (board.querySelector('.main-pane')?.textContent ?? '').includes(last);
}"""
_SAID = """word => {
  const boards = [...document.querySelectorAll('[data-testid="stMain"] *')].filter(one => one.shadowRoot);
  const badges = boards.flatMap(one => [...one.shadowRoot.querySelectorAll('.badge')]);
  return badges.some(each => each.textContent.includes(word));
}"""


def canvas(folder: Path, *, quick: bool) -> list[Figure]:
    """A page of 30 blocks: in a new browser context until every block is drawn; a block dragged until it is stored."""
    data = full_store(folder)
    page_id = page_of_blocks(data, _BLOCKS)
    times: Times = defaultdict(list)
    dragged: list[float] = []
    with chromium() as browser, product(data, agents=SHIPPED_AGENTS) as server, hello(folder) as floor:
        server.wait_answer("/healthz")
        floor.wait_open()
        for kept in (defaultdict(list), *([times] * (1 if quick else 5))):
            visit(browser, floor, "/", "hello", kept)
            page, seconds = _opened(browser, f"{server.address}/canvas?page={page_id}", _DRAWN, _BLOCKS)
            kept["canvas", "cold"].append(seconds)
            page.context.close()
        page, _ = _opened(browser, f"{server.address}/canvas?page={page_id}", _DRAWN, _BLOCKS)
        page.wait_for_timeout(1_500)
        for _ in range(3 if quick else 9):
            dragged.append(_drag(page, data, page_id))
        page.context.close()
    ours, base = median(times["canvas", "cold"]), median(times["hello", "cold"])
    return [
        Figure(f"a page of {_BLOCKS} blocks, cold", "s", ours, base, "above<=", 0.7),
        Figure("a block dropped elsewhere -> stored", "s", median(dragged), None, "value<=", 0.4),
    ]


def chat(folder: Path, *, quick: bool) -> list[Figure]:
    """A channel of 100,000 messages beside an empty one: by its address in a new context, and by a click."""
    data = full_store(folder)
    full, empty, last = full_channel(data, _MESSAGES)
    known = {"full": (full, "Loud", last), "empty": (empty, "Quiet", "")}
    times: Times = defaultdict(list)
    with chromium() as browser, product(data, agents=SHIPPED_AGENTS) as server:
        server.wait_answer("/healthz")
        for kept in (defaultdict(list), *([times] * (1 if quick else 5))):
            for name, (channel, title, words) in known.items():
                page, seconds = _opened(browser, f"{server.address}/chat?channel={channel}", _OPEN, [title, words])
                kept[name, "cold"].append(seconds)
                page.wait_for_timeout(500)
                other, other_title, other_words = known["empty" if name == "full" else "full"]
                began = time.perf_counter()
                page.locator(f'[data-channel="{other}"]').click()
                page.wait_for_function(_OPEN, arg=[other_title, other_words], polling="raf", timeout=_PATIENCE)
                kept["empty" if name == "full" else "full", "click"].append(time.perf_counter() - began)
                page.context.close()
    return [
        Figure(f"a channel of {_MESSAGES:,} messages, {how}", "s", median(times["full", kind]),
               median(times["empty", kind]), "above<=", 0.1, note="the floor is an empty channel")
        for kind, how in (("cold", "cold"), ("click", "by a click"))
    ]  # fmt: skip


def run_end(folder: Path, *, quick: bool) -> list[Figure]:
    """How long after its end a run is seen to have ended: in its block, and in the chat that started it."""
    data = folder / "data"
    page_id, agent = page_with_agent(data)
    late: dict[str, list[float]] = {"block": [], "chat": []}
    with chromium() as browser, product(data, agents=BENCH_AGENTS) as server:
        server.wait_answer("/healthz")
        for _ in range(2 if quick else 5):
            late["block"].append(_seen(browser, f"{server.address}/canvas?page={page_id}", data, _press_run))
            said = f'/run_agent "{agent}"'
            late["chat"].append(_seen(browser, f"{server.address}/chat", data, partial(_say, said)))
    return [
        Figure(f"a run's end -> seen in {place}", "s", median(seconds), None, "value<=", 2)
        for place, seconds in late.items()
    ]


def _opened(browser: Browser, address: str, there: str, argument: Any) -> tuple[Page, float]:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function(there, arg=argument, polling="raf", timeout=_PATIENCE)
    return page, time.perf_counter() - began


def _drag(page: Page, data: Path, page_id: str) -> float:
    """Seconds from letting go of a block until its new place is in the database."""
    block = page.locator("article.block").nth(1)
    box = block.locator(".head").bounding_box()
    assert box is not None
    before = _places(data, page_id)
    to_the_right = 300 if box["x"] < 500 else -300
    page.mouse.move(box["x"] + 60, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 60 + to_the_right, box["y"] + 8, steps=10)
    page.wait_for_timeout(200)
    began = time.perf_counter()
    page.mouse.up()
    _until(lambda: _places(data, page_id) != before)
    seconds = time.perf_counter() - began
    page.wait_for_timeout(600)
    return seconds


def _seen(browser: Browser, address: str, data: Path, begin: Callable[[Page], None]) -> float:
    """Seconds between the end of the run that was begun and its badge on the screen; 0 when the screen was first."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    before = _ended(data)
    begin(page)
    _until(lambda: len(_ended(data)) > len(before))
    page.wait_for_function(_SAID, arg="Success", polling="raf", timeout=_PATIENCE)
    shown = time.time()
    page.context.close()
    return max(0.0, shown - max(_ended(data)))


def _press_run(page: Page) -> None:
    page.wait_for_function(_DRAWN, arg=1, timeout=_PATIENCE)
    page.get_by_role("button", name="Run", exact=True).first.click()


def _say(words: str, page: Page) -> None:
    field = page.locator(".main-pane .composer textarea")
    field.fill(words)
    field.press("Escape")
    field.press("Enter")


def _until(there: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _PATIENCE / 1000
    while not there():
        if time.perf_counter() > deadline:
            raise RuntimeError("it never came to be")
        time.sleep(0.004)


def _rows(data: Path, question: str, *values: str) -> list[Any]:
    with sqlite3.connect(f"file:{data / 'ionflux.sqlite'}?mode=ro", uri=True, timeout=15) as connection:
        return connection.execute(question, values).fetchall()


def _places(data: Path, page_id: str) -> list[Any]:
    return _rows(data, "SELECT id, position_x, position_y FROM canvas_blocks WHERE page_id = ? ORDER BY id", page_id)


def _ended(data: Path) -> list[float]:
    found = _rows(data, "SELECT finished_at FROM runs WHERE finished_at IS NOT NULL")
    return [datetime.fromisoformat(row[0]).timestamp() for row in found]
