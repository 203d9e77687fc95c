"""A real HTTP server on loopback that answers as it is told: whole, in pieces, late, cut off, or never."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer. `pieces` are sent one by one with a pause between; without the last word (`cut`) the line drops."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pieces: tuple[bytes, ...] | None = None
    pause: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


@dataclass
class StandIn:
    """The server as a test sees it: what it will say, and what it was asked."""

    port: int = 0
    script: list[Reply] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def says(self, *replies: Reply) -> None:
        """Answer with these, in order; the last one again and again."""
        with self._lock:
            self.script, self.requests = list(replies), []

    def hear(self, asked: Asked) -> Reply:
        """Note a request; its answer."""
        with self._lock:
            self.requests.append(asked)
            if not self.script:
                return Reply(599, b"{}")
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def whole(body: Any, status: int = 200, *, delay: float = 0.0, **headers: str) -> Reply:
    """An answer in one piece: JSON, or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, raw, {"content-type": "application/json", **named}, delay)


def events(frames: list[bytes], *, pause: float = 0.0, keep: int | None = None, delay: float = 0.0) -> Reply:
    """A stream of server-sent events; with `keep` the line drops after that many."""
    kept = tuple(frames if keep is None else frames[:keep])
    return Reply(200, headers={"content-type": "text/event-stream"}, pieces=kept, pause=pause, cut=keep is not None,
                 delay=delay)  # fmt: skip


def half(body: Any) -> Reply:
    """Half of a JSON answer that was promised whole."""
    raw = json.dumps(body).encode()
    return Reply(
        200, raw[: len(raw) // 2], {"content-type": "application/json", "content-length": str(len(raw))}, cut=True
    )


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A running server, until the block ends."""
    said = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            raw = self.rfile.read(length)
            if len(raw) < length:
                # Who asked was cut off before the question was whole.
                return
            body = json.loads(raw or b"{}")
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = said.hear(Asked(self.path, headers, body, time.monotonic()))
            time.sleep(reply.delay)
            with suppress(OSError):
                self._send(reply)

        do_GET = do_POST

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            sent = dict(reply.headers)
            if reply.pieces is not None:
                sent["transfer-encoding"] = "chunked"
            else:
                sent.setdefault("content-length", str(len(reply.body)))
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            for piece in reply.pieces or ():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
                time.sleep(reply.pause)
            if reply.cut:
                self.close_connection = True
            elif reply.pieces is not None:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    # A client that hangs up early is what some tests are about.
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign]
    said.port = httpd.server_port
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield said
    finally:
        httpd.shutdown()
        httpd.server_close()
