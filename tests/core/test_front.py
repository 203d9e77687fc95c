"""The page a browser gets in place of Streamlit's: with our style, allowed by its policy, and never kept by mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ionflux_core.web.front import Front, front
from ionflux_core.web.headers import SecurityHeaders

ORIGINAL = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
AHEAD = ["./static/js/TextInput.0.js", "./static/js/Checkbox.0.js"]
PAGE = front(ORIGINAL, scripts=AHEAD, style="b { color: red }")
OTHER = "x" * len(ORIGINAL)


@pytest.fixture
def client() -> TestClient:
    """A server that compresses its pages, as Streamlit does."""

    def page(_: object) -> HTMLResponse:
        return HTMLResponse(ORIGINAL, headers={"ETag": '"1"', "Last-Modified": "today", "Cache-Control": "no-cache"})

    def other(_: object) -> HTMLResponse:
        return HTMLResponse(OTHER)

    app = Starlette(
        routes=[Route("/agents", page), Route("/docs", other)],
        middleware=[
            Middleware(SecurityHeaders, page=PAGE),
            Middleware(Front, original=ORIGINAL, page=PAGE),
            Middleware(GZipMiddleware),
        ],
    )
    return TestClient(app, headers={"Accept": "text/html", "Accept-Encoding": "gzip"})


def test_a_browser_gets_our_page_in_place_of_streamlits(client: TestClient) -> None:
    answer = client.get("/agents")
    assert answer.text == PAGE != ORIGINAL
    assert "b { color: red }" in answer.text and "SourceSans" not in answer.text
    # A page that a browser could ask for with "if it has changed" would never change.
    assert "etag" not in answer.headers and "last-modified" not in answer.headers


def test_every_script_of_the_page_is_allowed_by_its_policy(client: TestClient) -> None:
    answer = client.get("/agents")
    inline = re.findall(r"<script>", answer.text)
    assert len(inline) == len(re.findall(r"'sha256-", answer.headers["content-security-policy"])) == 3


def test_what_other_pages_need_is_loaded_after_this_one() -> None:
    ahead = next(script for script in re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL) if "import(" in script)
    assert all(f'"{address}"' in ahead for address in AHEAD)
    assert 'addEventListener("load"' in ahead
    assert "import(" not in front(ORIGINAL)


def test_streamlit_is_told_where_its_server_is_before_its_script_begins() -> None:
    assert 0 < PAGE.index("BACKEND_BASE_URL") < PAGE.index('type="module"')


def test_another_page_of_the_same_length_is_left_alone(client: TestClient) -> None:
    assert client.get("/docs").text == OTHER
