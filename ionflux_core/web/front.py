"""The HTML every page starts as: Streamlit's, with our style, our fonts, and where its server is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Without this, Streamlit asks for its server below the page's own address first, and waits after the 404.
_SERVER = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href}</script>'
_FONT = re.compile(r'<link[^>]*rel="preload"[^>]*as="font"[^>]*/>')
# A moment later, one at a time and while the browser is idle: the page that is opened must not wait for the others.
_AHEAD = """<script>
addEventListener("load", () => {
  const scripts = %s;
  const next = () => scripts.length && import(scripts.shift()).then(() => requestIdleCallback(next), () => {});
  setTimeout(next, 1000);
});
</script>"""


def front(page: str, *, fonts: Sequence[str] = (), scripts: Sequence[str] = (), style: str = "") -> str:
    """Streamlit's `page` with our style rules, and these fonts asked for early in place of its own.

    `scripts` are addresses of modules that other pages will need; they are loaded after the first page.
    """
    early = (f'<link rel="preload" href="{font}" as="font" type="font/woff2" crossorigin />' for font in fonts)
    page = _FONT.sub(_SERVER + "".join(early), page, count=1)
    if scripts:
        page = page.replace("</head>", _AHEAD % json.dumps(list(scripts)) + "\n  </head>", 1)
    return page.replace("</head>", f"  <style>{style}</style>\n  </head>", 1) if style else page


class Front:
    """Sends our page wherever Streamlit sends its own."""

    def __init__(self, app: ASGIApp, *, original: str, page: str) -> None:
        self._app = app
        self._original, self._page = original.encode(), page.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and exchange the answer's body when it is Streamlit's page."""
        if scope["type"] != "http" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
            await self._app(scope, receive, send)
            return
        # A compressed page could not be told from others.
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"accept-encoding"]}
        held: list[Message] = []

        async def exchange(message: Message) -> None:
            if message["type"] == "http.response.start" and self._may_be(message):
                held.append(message)
            elif held and message["type"] == "http.response.body":
                await self._finish(held, message, send)
            else:
                await send(message)

        await self._app(scope, receive, exchange)

    def _may_be(self, start: Message) -> bool:
        headers = MutableHeaders(scope=start)
        return (
            start["status"] == 200
            and headers.get("content-type", "").startswith("text/html")
            and headers.get("content-length") == str(len(self._original))
        )

    async def _finish(self, held: list[Message], message: Message, send: Send) -> None:
        """Send what was held back as soon as the body is whole: ours for Streamlit's, any other as it is."""
        held.append(message)
        if message.get("more_body"):
            return
        start, *bodies = held
        held.clear()
        if b"".join(each.get("body", b"") for each in bodies) == self._original:
            headers = MutableHeaders(scope=start)
            headers["content-length"] = str(len(self._page))
            # These name Streamlit's file: a browser that kept ours would never hear that it has changed.
            del headers["etag"], headers["last-modified"]
            bodies = [{"type": "http.response.body", "body": self._page}]
        for each in (start, *bodies):
            await send(each)
