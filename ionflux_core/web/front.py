"""The HTML every page starts as: Streamlit's, which also says where its server is, how we look and what to fetch first."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Without this, Streamlit asks for its server below the page's own address first, and waits half a second after the 404.
_SERVER = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href}</script>'
# What all our pages draw with, and Streamlit loads only once the first element of its kind has come.
_SOON = ("Button", "PageLink", "ButtonGroup", "WidgetLabel", "WidgetLabelHelpIconInline", "useBasicWidgetState")
_FONT = re.compile(r'<link[^>]*rel="preload"[^>]*as="font"[^>]*/>')
_OUR_FONT = "app/static/fonts/inter-latin-wght-normal.woff2"


def front(page: str, assets: Path, *, style: str = "") -> str:
    """Streamlit's `page` with our style rules and early fetches; `assets` is the folder its scripts and fonts lie in."""
    known = set(re.findall(r"[\w-]+\.[\w-]+\.js", page))
    found = [f"./static/js/{name}" for name in _scripts(assets / "js") if name not in known]
    icons = [f"./static/media/{path.name}" for path in sorted((assets / "media").glob("MaterialSymbols-Rounded.*.woff2"))]
    added = [_SERVER, *(f'<link rel="modulepreload" crossorigin href="{name}">' for name in found)]
    added += [_preload(name) for name in (f"./{_OUR_FONT}", *icons)]
    added += [f"<style>{style}</style>"] if style else []
    # Its own font is not among ours.
    return _FONT.sub("", page).replace("</head>", "".join(f"    {line}\n" for line in added) + "  </head>", 1)


def _scripts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.js") if path.name.split(".")[0] in _SOON)


def _preload(address: str) -> str:
    return f'<link rel="preload" href="{address}" as="font" type="font/woff2" crossorigin>'


class Front:
    """Sends our page wherever Streamlit sends its own."""

    def __init__(self, app: ASGIApp, *, original: str, page: str) -> None:
        self._app = app
        self._original, self._page = original.encode(), page.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and exchange the answer's body when it is Streamlit's page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
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
