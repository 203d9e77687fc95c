"""Traces for an OpenTelemetry collector: spans whose ids follow from our own ids, sent by a thread of its own.

Nothing has to be remembered to connect spans: a trace is a correlation id, a span's id is made from the id of what it
tells of, so a child finds its parent in another thread, after a wait of days, and after a crash.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import time
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from ionflux_core import __version__
from ionflux_core.redaction import IN_LOGS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger(__name__)

_QUEUE: Final = 8_192
_BATCH: Final = 512
_EVERY_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0
_REQUESTS_KNOWN: Final = 10_000
_BEGUN_BY_ONE: Final = 50
_NAME_CHARS: Final = 120
_TRACES_PATH: Final = "/v1/traces"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?\Z")

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attribute = str | int | float | bool


class Linked(NamedTuple):
    """A span of any trace that another one points to."""

    trace: int
    span: int


class Span(NamedTuple):
    """Something that took time. `correlation_id` says which trace it is of; times are nanoseconds since 1970."""

    correlation_id: str
    id: int
    parent: int | None
    name: str
    start: int
    end: int
    attributes: Mapping[str, Attribute | None] = {}
    kind: Kind = "internal"
    error: str | None = None
    links: tuple[Linked, ...] = ()


def trace_id(correlation_id: str) -> int:
    """The trace of a correlation id: the very same 128 bits, so that a person can search for them."""
    try:
        number = uuid.UUID(correlation_id).int
    except ValueError:
        number = 0
    return number or int.from_bytes(hashlib.blake2b(correlation_id.encode(), digest_size=16).digest())


def span_id(*parts: str) -> int:
    """The id of the span that tells of something, such as `span_id("run", run_id)`."""
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()) or 1


def nanoseconds(at: datetime) -> int:
    """A time as spans have it."""
    return int(at.timestamp() * 1_000_000) * 1000


def traceparent(header: str | None) -> Linked | None:
    """What a W3C `traceparent` header names; None when it names nothing."""
    found = _TRACEPARENT.match((header or "").strip()[:200].lower())
    if found is None or found[0].startswith("ff"):
        return None
    linked = Linked(int(found[1], 16), int(found[2], 16))
    return linked if linked.trace and linked.span else None


@dataclass
class Cause:
    """A request that may begin something: what it has begun is noted by its correlation id."""

    id: str
    begun: list[str] = field(default_factory=list)
    traces: Traces | None = None


_cause: ContextVar[Cause | None] = ContextVar("ionflux_cause", default=None)


@contextmanager
def causing(cause: Cause) -> Iterator[None]:
    """Inside the block, what begins was begun by this request."""
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


def caused(correlation_id: str) -> str:
    """The correlation id itself, noted with the request at hand when there is one."""
    cause = _cause.get()
    if cause is None or cause.traces is None or len(cause.begun) >= _BEGUN_BY_ONE:
        return correlation_id
    if correlation_id not in cause.begun:
        cause.begun.append(correlation_id)
        cause.traces.note_request(correlation_id)
    return correlation_id


class Traces:
    """Takes spans and sends them later: nobody waits for a collector, and what does not fit is counted as dropped."""

    def __init__(self, endpoint: str, *, instance: str = "", queue: int = _QUEUE) -> None:
        self.endpoint = endpoint if endpoint.endswith(_TRACES_PATH) else endpoint.rstrip("/") + _TRACES_PATH
        self._instance = instance
        self._limit = queue
        self._spans: deque[Span] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._counts: Counter[str] = Counter(sent=0, dropped=0, failed=0)
        self._requests: OrderedDict[str, None] = OrderedDict()
        self._down = False

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._send, name="ionflux-traces", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 3.0) -> None:
        """Send what is there, for a moment, and end."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(patience)

    def add(self, span: Span) -> None:
        """Keep a span for the next batch."""
        with self._lock:
            if len(self._spans) >= self._limit:
                self._counts["dropped"] += 1
                return
            self._spans.append(span)
            full = len(self._spans) >= _BATCH
        if full:
            self._wake.set()

    def counts(self) -> dict[str, int]:
        """How many spans were sent, failed to be, and were dropped for lack of room."""
        with self._lock:
            return dict(self._counts)

    @property
    def waiting(self) -> int:
        """How many spans are still here."""
        return len(self._spans)

    def note_request(self, correlation_id: str) -> None:
        """A request of this process has begun this chain, so its span will be there to be a parent."""
        with self._lock:
            self._requests[correlation_id] = None
            while len(self._requests) > _REQUESTS_KNOWN:
                self._requests.popitem(last=False)

    def has_request(self, correlation_id: str) -> bool:
        """Whether a request that this process remembers has begun the chain."""
        return correlation_id in self._requests

    def _send(self) -> None:
        """The tick edge: a collector that is away costs its spans and nothing else."""
        exporter = None
        while True:
            self._wake.wait(_EVERY_SECONDS)
            self._wake.clear()
            while batch := self._taken():
                try:
                    exporter = exporter or _exporter(self.endpoint)
                    well = _exported(exporter, batch, self._instance)
                except Exception as error:
                    log.debug("spans could not be sent: %s", error)
                    well = False
                self._note(len(batch), well)
            if self._stopping and not self._spans:
                break
        if exporter is not None:
            exporter.shutdown()

    def _taken(self) -> list[Span]:
        with self._lock:
            return [self._spans.popleft() for _ in range(min(_BATCH, len(self._spans)))]

    def _note(self, count: int, well: bool) -> None:
        with self._lock:
            self._counts["sent" if well else "failed"] += count
        if well == self._down:
            self._down = not well
            if well:
                log.info("the trace collector takes spans again")
            else:
                log.warning("the trace collector at %s takes no spans; they are given up", self.endpoint)


def traces_to(endpoint: str) -> Traces | None:
    """Traces for a collector; None without one: then nothing of OpenTelemetry is loaded."""
    return Traces(endpoint, instance=f"{socket.gethostname()[:60]}:{os.getpid()}") if endpoint else None


def _exporter(endpoint: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # What it says about each failed batch is said once by us.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return OTLPSpanExporter(endpoint=endpoint, timeout=_PATIENCE_SECONDS)


def _exported(exporter: SpanExporter, batch: Sequence[Span], instance: str) -> bool:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExportResult

    about = {"service.name": "ionflux", "service.version": __version__, "service.instance.id": instance}
    resource = Resource(about)
    return exporter.export([_readable(span, resource) for span in batch]) is SpanExportResult.SUCCESS


def _readable(span: Span, resource: Any) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode

    trace = trace_id(span.correlation_id)
    attributes = {name: _clean(value) for name, value in span.attributes.items() if value is not None}
    return ReadableSpan(
        name=str(_clean(span.name)) or "unnamed",
        context=_context(trace, span.id),
        parent=_context(trace, span.parent) if span.parent else None,
        resource=resource,
        attributes={**attributes, "ionflux.correlation_id": span.correlation_id},
        links=[Link(_context(link.trace, link.span)) for link in span.links],
        kind=SpanKind[span.kind.upper()],
        status=Status(StatusCode.ERROR, str(_clean(span.error))) if span.error else Status(StatusCode.OK),
        start_time=span.start,
        end_time=max(span.start, span.end),
        instrumentation_scope=InstrumentationScope("ionflux", __version__),
    )


def _context(trace: int, span: int) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _clean(value: Attribute) -> Attribute:
    """A short value without secrets."""
    return IN_LOGS.text(value)[:_NAME_CHARS] if isinstance(value, str) else value


def moment() -> int:
    """Now, as spans have it."""
    return time.time_ns()
