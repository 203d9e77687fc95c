"""Pages in a real browser with 10,000 runs stored, start to first page, and idle memory; beside bare Streamlit."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, median
from benchmarks.servers import Server, hello, product
from benchmarks.stores import SHIPPED_AGENTS, full_store
from ionflux_ui.navigation import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_BUDGET_SECONDS = 55.0
_SETTLE_SECONDS = 2.0
# Usable: the title is there and is not the one before, the script has ended, and what draws itself has drawn.
USABLE = """([path, before]) => {
  const title = document.querySelector('[data-testid="stMain"] h1');
  const app = document.querySelector('[data-testid="stApp"]');
  if (!title || !app || location.pathname !== path || title.innerText === before) return false;
  if (app.getAttribute('data-test-script-state') !== 'notRunning') return false;
  if (document.querySelector('[data-testid="stSkeleton"]')) return false;
  const tables = [...document.querySelectorAll('[data-testid="stDataFrame"]')];
  const charts = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')];
  return tables.every(t => t.querySelector('canvas')) && charts.every(c => c.querySelector('svg.main-svg'));
}"""
Times = dict[tuple[str, str], list[float]]


class NotHere(Exception):
    """The browser these figures need is absent."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the length of a block; NotHere when there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NotHere("no Playwright: pip install -r requirements-dev.txt") from error
    if not CHROMIUM.exists():
        raise NotHere("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(SWITCHES))
        yield browser
        browser.close()


def _usable(page: Page, path: str, before: str | None = None) -> None:
    page.wait_for_function(USABLE, arg=[path, before], polling="raf", timeout=30_000)


def _open(page: Page, server: Server, path: str) -> float:
    """Seconds from asking for an address until its page is usable."""
    began = time.perf_counter()
    page.goto(server.address + path, wait_until="commit")
    _usable(page, path)
    return time.perf_counter() - began


def _click(page: Page, title: str, path: str) -> float:
    """Seconds from clicking a page in the sidebar until it is usable."""
    before = page.locator('[data-testid="stMain"] h1').first.inner_text()
    link = page.locator('[data-testid="stSidebarNavLink"]').filter(has=page.get_by_text(title, exact=True)).first
    link.wait_for()
    began = time.perf_counter()
    link.click()
    _usable(page, path, before)
    return time.perf_counter() - began


def _path(noun: str) -> str:
    return "/" if noun == "home" else f"/{noun}"


def pages(folder: Path, *, quick: bool) -> list[Figure]:
    """Every page: cold (a new browser context), warm (its address again in that context), and by a click."""
    data = full_store(folder)
    times: Times = defaultdict(list)
    with chromium() as browser, product(data, agents=SHIPPED_AGENTS) as server, hello(folder) as floor:
        server.wait_answer("/healthz")
        floor.wait_open()
        visit(browser, floor, "/", "hello", defaultdict(list))
        walk = [(entry.title, _path(entry.noun), entry.noun) for entry in (*PAGES[1:], PAGES[0])]
        first: Times = defaultdict(list)
        _click_through(browser, server, walk, first)
        began = time.monotonic()
        for _ in range(1 if quick else 3):
            visit(browser, floor, "/", "hello", times)
            _click_through(browser, floor, [("Again", "/again", "hello"), ("Hello", "/", "hello")], times)
            for entry in PAGES:
                visit(browser, server, _path(entry.noun), entry.noun, times)
            _click_through(browser, server, walk, times)
            if time.monotonic() - began > _BUDGET_SECONDS:
                break
    return _page_figures(times) + [
        Figure(f"{noun}, first click since the start", "s", seconds[0], median(times["hello", "click"]))
        for (noun, _), seconds in first.items()
    ]


def visit(browser: Browser, server: Server, path: str, name: str, times: Times) -> None:
    """A page in a new browser context, and once more in the same."""
    context = browser.new_context()
    page = context.new_page()
    times[name, "cold"].append(_open(page, server, path))
    page.goto("about:blank")
    times[name, "warm"].append(_open(page, server, path))
    context.close()


def _click_through(browser: Browser, server: Server, walk: list[tuple[str, str, str]], times: Times) -> None:
    context = browser.new_context()
    page = context.new_page()
    _open(page, server, "/")
    for title, path, name in walk:
        times[name, "click"].append(_click(page, title, path))
    context.close()


def _page_figures(times: Times) -> list[Figure]:
    limits = {"cold": 0.5, "warm": 0.4, "click": 0.15}
    return [
        Figure(f"{entry.noun}, {kind}", "s", median(times[entry.noun, kind]), median(times["hello", kind]),
               "above<=", limits[kind])
        for entry in PAGES
        for kind in limits
    ]  # fmt: skip


def dashboard(folder: Path, *, quick: bool) -> list[Figure]:
    """The dashboard with its charts drawn: the first visit since the server began, and later ones; beside hello."""
    data = full_store(folder)
    times: Times = defaultdict(list)
    with chromium() as browser:
        # Once before, so that the charts' copy is filled as it is on any day but the first.
        with product(data, agents=SHIPPED_AGENTS) as server:
            server.wait_answer("/healthz")
            _see_charts(browser, server, defaultdict(list))
        for _ in range(1 if quick else 3):
            with hello(folder) as floor:
                floor.wait_answer("/_stcore/health")
                visit(browser, floor, "/", "hello, cold", times)
                visit(browser, floor, "/", "hello, later", times)
            with product(data, agents=SHIPPED_AGENTS) as server:
                server.wait_answer("/healthz")
                _see_charts(browser, server, times)
    first, later = median(times["hello, cold", "cold"]), median(times["hello, later", "cold"])
    return [
        Figure("dashboard, first visit of the server", "s", median(times["charts", "cold"]), first, "above<=", 1),
        Figure("dashboard, a new browser", "s", median(times["charts", "later"]), later, "above<=", 1),
        Figure("dashboard, warm", "s", median(times["charts", "warm"]), median(times["hello, later", "warm"]),
               "value<=", 1.5),
    ]  # fmt: skip


def _see_charts(browser: Browser, server: Server, times: Times) -> None:
    """The dashboard in a new browser, in another one, and once more in that: until its first chart has its bars."""
    for kinds in (("cold",), ("later", "warm")):
        context = browser.new_context()
        page = context.new_page()
        for kind in kinds:
            began = time.perf_counter()
            _open(page, server, "/dashboard")
            page.locator("[data-chart=runs_per_day] .part").first.wait_for()
            times["charts", kind].append(time.perf_counter() - began)
            page.goto("about:blank")
        context.close()


def first_page(folder: Path, *, quick: bool) -> list[Figure]:
    """From starting the process to the first page rendered in a browser that is already open; the second start."""
    data = full_store(folder)
    ours, floors = [], []
    with chromium() as browser:
        for _ in range(1 if quick else 3):
            with hello(folder) as server:
                floors.append(_start_to_page(browser, server))
            with product(data, agents=SHIPPED_AGENTS) as server:
                ours.append(_start_to_page(browser, server))
    measured, floor = median(ours), median(floors)
    return [
        Figure("start -> first page rendered", "s", measured, floor, "ratio<=", 3),
        Figure("the same, in seconds", "s", measured, floor, "value<=", 3),
    ]


def _start_to_page(browser: Browser, server: Server) -> float:
    context = browser.new_context()
    page = context.new_page()
    server.wait_open()
    _open(page, server, "/")
    elapsed = time.perf_counter() - server.began
    context.close()
    return elapsed


def idle_memory(folder: Path, *, quick: bool) -> list[Figure]:
    """What the process weighs once it answers, before any page was opened or anything heavy was used."""
    data = full_store(folder)
    weights = {}
    for name in ("hello", "product"):
        with hello(folder) if name == "hello" else product(data, agents=SHIPPED_AGENTS) as server:
            server.wait_answer("/_stcore/health")
            time.sleep(_SETTLE_SECONDS)
            weights[name] = server.memory_mb()
    ours, floor = weights["product"], weights["hello"]
    return [
        Figure("idle memory (PSS)", "MB", ours["pss"], floor["pss"], "value<=", 200),
        Figure("the same, private", "MB", ours["private"], floor["private"]),
        Figure("the same, resident", "MB", ours["rss"], floor["rss"], note="counts shared libraries in full"),
    ]
