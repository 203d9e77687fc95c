"""The one outbound HTTP client: public addresses only, every answer of a name checked, with limits on time and size.

It is built on httpx2, the maintained continuation of httpx, because the model SDKs take no other client: so one guard
serves them and every other request.
"""

from __future__ import annotations

import json as json_text
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ionflux_core import limits
from ionflux_core.errors import Invalid, LimitExceeded, Unavailable
from ionflux_core.outbound_addresses import Guard, OutboundRefused, Resolver

if TYPE_CHECKING:
    import ssl

    import httpx2
    from httpcore2 import NetworkBackend, NetworkStream
else:
    # The pool only calls these by name; inheriting would load the HTTP library at start.
    NetworkBackend = NetworkStream = object

HttpClientFactory = Callable[[], "httpx2.Client"]

_SAFE_HEADERS = frozenset({"accept", "accept-language", "user-agent"})


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """An answer of any status, read whole; `headers` has lower-case names, `url` is the last one of a redirect."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    url: str
    elapsed_ms: float

    @property
    def text(self) -> str:
        """The content as text, in the character set it names, else UTF-8; broken bytes become a replacement sign."""
        charset = re.search(r"charset=\"?([\w.:-]+)", self.headers.get("content-type", ""))
        try:
            return self.content.decode(charset[1] if charset else "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content as JSON; Unavailable when it is not."""
        try:
            return json_text.loads(self.content)
        except (ValueError, RecursionError):
            raise Unavailable(
                f"{_origin(self.url)} answered with something that is not JSON (status {self.status}).",
                hint="Check the address, or try again later.",
                code="outbound_bad_json",
            ) from None


class Outbound:
    """A guarded HTTP client that may be shared between threads and reuses its connections.

    `allow` opens what is closed by default: "10.1.0.0/16", "192.168.1.9:8080", "[fd00::1]:8080", "127.0.0.1:*",
    "shop.intranet". Without a port an entry opens 80 and 443.
    """

    def __init__(self, allow: Sequence[str] = (), *, resolve: Resolver | None = None) -> None:
        self._guard = Guard.of(allow, resolve)
        self._lock = threading.Lock()
        self._shared: httpx2.Client | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        timeout: float | None = None,
    ) -> OutboundResponse:
        """The answer, whatever its status; `timeout` is in seconds for the whole exchange, redirects included.

        Raises OutboundRefused, Invalid (the address), LimitExceeded (the size) or Unavailable (no answer in time).
        """
        started = time.monotonic()
        deadline = started + (timeout or limits.HTTP_SECONDS)
        with _plain_errors(url):
            client = self._client()
            request = client.build_request(method, url, headers=headers, params=params, json=json, content=content)
            response = self._follow(client, request, deadline)
            try:
                body = _read(response)
            finally:
                response.close()
        elapsed = (time.monotonic() - started) * 1000
        return OutboundResponse(response.status_code, dict(response.headers), body, str(response.url), elapsed)

    def client(self) -> httpx2.Client:
        """A guarded client for an SDK: no redirects, and its read timeout bounds the whole call."""
        import httpx2

        # Its log lines carry whole addresses, query included.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        return httpx2.Client(
            transport=_transport(self._guard),
            trust_env=False,
            follow_redirects=False,
            timeout=limits.HTTP_SECONDS,
            headers={"user-agent": "ionflux", "accept-encoding": "gzip, deflate"},
            # Nothing one run was given may travel with the request of another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"request": [_start_budget]},
        )

    def close(self) -> None:
        """Close the idle connections; the client may be used again."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _client(self) -> httpx2.Client:
        with self._lock:
            if self._shared is None:
                self._shared = self.client()
            return self._shared

    def _follow(self, client: httpx2.Client, request: httpx2.Request, deadline: float) -> httpx2.Response:
        import httpx2

        for _ in range(limits.HTTP_REDIRECTS + 1):
            left = deadline - time.monotonic()
            if left <= 0:
                raise httpx2.ReadTimeout("the time is used up")
            request.extensions["timeout"] = httpx2.Timeout(left).as_dict()
            response = client.send(request, stream=True)
            if response.next_request is None:
                return response
            response.close()
            request = _redirected(client, request, response.next_request)
        raise OutboundRefused(
            f"{_origin(str(request.url))} redirects more than {limits.HTTP_REDIRECTS} times.",
            hint="Use the address it finally leads to.",
        )


@dataclass(slots=True)
class _Budget:
    """What is left of a request: the moment it must be done and the bytes it may still receive."""

    deadline: float
    bytes_left: int

    def seconds(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            import httpcore2

            raise httpcore2.ReadTimeout("the time is used up")
        return left if timeout is None else min(left, timeout)


_budget: ContextVar[_Budget | None] = ContextVar("ionflux_outbound_budget", default=None)


def _new_budget(seconds: float | None) -> _Budget:
    return _Budget(time.monotonic() + (seconds or limits.HTTP_SECONDS), limits.HTTP_RESPONSE_BYTES)


def _start_budget(request: httpx2.Request) -> None:
    """Runs before each request, those of an SDK included."""
    if request.url.scheme not in ("http", "https"):
        raise OutboundRefused(
            f"Addresses of the kind '{request.url.scheme}:' cannot be called.", hint="Use http or https."
        )
    if request.url.userinfo:
        raise OutboundRefused(
            "An address may not carry a user or password.", hint="Send them in a header, from a secret."
        )
    _budget.set(_new_budget(request.extensions.get("timeout", {}).get("read")))


class _GuardedBackend(NetworkBackend):
    """Connects only to what the guard lets through, and to exactly the address that was checked."""

    def __init__(self, guard: Guard) -> None:
        from httpcore2 import SyncBackend

        self._guard = guard
        self._backend = SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> NetworkStream:
        """A connection to the first address of the host that answers."""
        import httpcore2

        budget = _budget.get() or _new_budget(timeout)
        problem: Exception = httpcore2.ConnectError("no address")
        addresses = self._guard.addresses(host, port)
        for index, address in enumerate(addresses):
            # An address that swallows everything must leave time for the next one.
            seconds = budget.seconds(timeout) / (len(addresses) - index)
            try:
                return _Stream(self._backend.connect_tcp(address, port, seconds, local_address, socket_options), budget)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                problem = failed
        raise problem

    def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> NetworkStream:
        """Always refused: a local socket is no outside service."""
        raise OutboundRefused("Local sockets cannot be called.", hint="Use an http or https address.")

    def sleep(self, seconds: float) -> None:
        """Wait between two tries of the pool."""
        time.sleep(seconds)


class _Stream(NetworkStream):
    """A connection whose reads and writes end with the budget, so that a slow drip cannot hold a run."""

    def __init__(self, stream: NetworkStream, budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most `max_bytes`; LimitExceeded once the answer is too large."""
        data = self._stream.read(max_bytes, self._budget.seconds(timeout))
        self._budget.bytes_left -= len(data)
        if self._budget.bytes_left < 0:
            raise _too_large()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of the buffer; a kept connection takes over the budget of the request that now uses it."""
        self._budget = _budget.get() or self._budget
        self._stream.write(buffer, self._budget.seconds(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        """The same connection under TLS, for the name that was asked for."""
        seconds = self._budget.seconds(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._budget)

    def get_extra_info(self, info: str) -> Any:
        """What the wrapped connection says; `ionflux_budget` is what is left of the request."""
        return self._budget if info == "ionflux_budget" else self._stream.get_extra_info(info)


def give_more_time(response: httpx2.Response, seconds: float) -> None:
    """Let an answer that is being read take longer than was allowed for its beginning."""
    response.extensions["network_stream"].get_extra_info("ionflux_budget").deadline += seconds


def transport_errors() -> tuple[type[Exception], type[Exception]]:
    """What a client raises while an answer is read: for a time that is over, and for any broken connection."""
    import httpx2

    return httpx2.TimeoutException, httpx2.TransportError


def _transport(guard: Guard) -> httpx2.BaseTransport:
    import httpcore2
    import httpx2

    class GuardedTransport(httpx2.HTTPTransport):
        # The parent makes its own, unguarded pool, so it is not called: should a later version keep its pool under
        # another name, every request fails instead of slipping past the guard.
        def __init__(self) -> None:
            self._pool = httpcore2.ConnectionPool(
                ssl_context=_ssl_context(),
                max_connections=100,
                max_keepalive_connections=20,
                keepalive_expiry=15,
                network_backend=_GuardedBackend(guard),
            )

    return GuardedTransport()


@cache
def _ssl_context() -> ssl.SSLContext:
    import httpx2

    # Some 0.1 s of reading certificates: once for all clients.
    return httpx2.create_ssl_context(trust_env=False)


def _redirected(client: httpx2.Client, old: httpx2.Request, new: httpx2.Request) -> httpx2.Request:
    """The next request; across hosts it goes without body and without any header that could be a credential."""
    same_host = old.url.host == new.url.host and old.url.port == new.url.port
    if same_host and (old.url.scheme, new.url.scheme) != ("https", "http"):
        return new
    if old.url.scheme == "https" and new.url.scheme == "http":
        raise OutboundRefused(
            f"{_origin(str(old.url))} redirects to an address without encryption.", hint="Use the final address."
        )
    if new.method not in ("GET", "HEAD"):
        raise OutboundRefused(
            f"{_origin(str(old.url))} wants the request's content sent to another host.",
            hint="Use the final address if you trust it.",
        )
    kept = {name: value for name, value in old.headers.items() if name in _SAFE_HEADERS}
    return client.build_request(new.method, new.url, headers=kept)


def _read(response: httpx2.Response) -> bytes:
    # Counted again after unpacking: a small compressed answer may unfold without end.
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > limits.HTTP_RESPONSE_BYTES:
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _plain_errors(url: str) -> Iterator[None]:
    """Turns the library's errors into ours; from None, so that no address or content hangs on the traceback."""
    import httpx2

    try:
        yield
    except httpx2.TimeoutException:
        raise Unavailable(
            f"{_origin(url)} did not answer in time.", hint="Try again later.", code="outbound_timeout"
        ) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeError) as problem:
        raise Invalid(
            f"The request to {_origin(url)} cannot be made ({type(problem).__name__}).",
            hint="Check the address and the headers: plain text, http or https, no line breaks.",
        ) from None
    except httpx2.ConnectError:
        raise Unavailable(
            f"{_origin(url)} cannot be reached.", hint="Check the address and your connection.", code="outbound_connect"
        ) from None
    except httpx2.HTTPError:
        raise Unavailable(
            f"{_origin(url)} broke off its answer.", hint="Try again later.", code="outbound_broken"
        ) from None


def _too_large() -> LimitExceeded:
    return LimitExceeded(
        f"The answer is larger than {limits.HTTP_RESPONSE_BYTES // limits.MIB} MiB.", hint="Ask for less at once."
    )


def _origin(url: str) -> str:
    """Scheme and host of an address: its path and query may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "the address"
    except ValueError:
        return "the address"
