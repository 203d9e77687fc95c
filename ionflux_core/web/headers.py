"""Security headers on every answer."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = b"content-security-policy"
# What a program reads shows nothing and loads nothing, and need not wait for what people allow pages to show.
_DATA = (b"application/json", b"application/problem+json")
_DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@lru_cache(maxsize=64)
def policy(page: str = "", sources: tuple[str, ...] = ()) -> str:
    """The content security policy of the pages: our own files and the inline scripts of `page`, nothing else.

    `sources` are the addresses that people allow blocks of a page to show pictures, films and frames from. Streamlit
    writes its styles into the document, draws from data: and blob: addresses, and loads custom components and the
    workers of its tables from blobs. Scripts made from text (eval) are refused.
    """
    scripts = " ".join(["'self'", "blob:", *map(_fingerprint, _INLINE_SCRIPT.findall(page))])
    shown = "".join(f" {source}" for source in sources)
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:{shown}; font-src 'self' data:; connect-src 'self'; "
        f"media-src 'self' blob: data:{shown}; worker-src 'self' blob:; frame-src 'self' blob:{shown}; "
        "manifest-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


def _fingerprint(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


class SecurityHeaders:
    """Adds the headers to every HTTP answer that does not set them itself."""

    def __init__(self, app: ASGIApp, *, page: str = "", sources: Callable[[], tuple[str, ...]] = tuple) -> None:
        self._app = app
        self._page, self._sources = page, sources
        headers = {
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                set_already = {name.lower(): value for name, value in given}
                given += [header for header in self._headers if header[0] not in set_already]
                if _POLICY not in set_already:
                    given.append((_POLICY, self._policy(set_already.get(b"content-type", b""))))
                message["headers"] = given
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _policy(self, kind: bytes) -> bytes:
        return _DATA_POLICY if kind in _DATA else policy(self._page, self._sources()).encode()
