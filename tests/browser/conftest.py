"""What browser tests share: a real Chromium, the running product, and tabs that must have nothing to complain about.

`server` is the product; a module that needs agents of its own overrides the fixture `agents`. `open_tab(address)`
opens a page; when the test ends, no tab may have logged an error or asked another machine for anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.served import Agents, Server, product
from tests.browser.tabs import OpenTab, Tab

HERE = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 40_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder needs a browser; where `IONFLUX_BROWSER_AGAIN` is set, one that fails gets a second go.

    On the two busy cores of CI a browser now and then answers late. Such a test is listed there, so that its cause is
    looked for; on a developer's machine it simply fails.
    """
    again = pytest.mark.flaky(reruns=1)
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            if os.environ.get("IONFLUX_BROWSER_AGAIN"):
                item.add_marker(again)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium. It ends with its module: Playwright keeps an event loop running in this thread, in which no
    other test could run one of its own."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_SWITCHES))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def agents() -> Agents:
    """The agents the server knows, as files by slug; none means the product's own."""
    return {}


@pytest.fixture(scope="module")
def server(browser: Browser, agents: Agents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The running product; asks for the browser first, so that nothing is started where there is none."""
    with product(tmp_path_factory.mktemp("server"), agents) as running:
        yield running


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Opens an address: `open_tab(address, width=390, scheme="dark")`."""
    tabs: list[Tab] = []

    def opened(address: str, *, width: int = 1280, scheme: str = "light", touch: bool = False) -> Tab:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            has_touch=touch,
            is_mobile=touch,  # type: ignore[arg-type]
        )
        context.set_default_timeout(PATIENCE_MS)
        parts = urlsplit(address)
        tab = Tab(context.new_page(), f"{parts.scheme}://{parts.netloc}/")
        tab.listen()
        tabs.append(tab)
        tab.page.goto(address)
        return tab

    yield opened
    for tab in tabs:
        tab.page.context.close()
    assert [complaint for tab in tabs for complaint in tab.complaints] == []
    assert [url for tab in tabs for url in tab.outside] == []
