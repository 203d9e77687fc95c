"""A collector of traces as a stand-in: takes OTLP over HTTP, decodes it, and shows what spans it was sent."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.stand_ins.web import Answer, Request, serving


@dataclass(frozen=True)
class Seen:
    """One span as the collector got it; ids as hex, `parent` empty for the first of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    seconds: float
    start: int
    end: int
    kind: int
    ok: bool
    message: str
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What came in; `status` is answered, and `hangs` keeps every sender waiting."""

    port: int = 0
    status: int = 200
    hangs: bool = False
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    _spans: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Seen]:
        """Every span so far."""
        with self._lock:
            return list(self._spans)

    def wait_for(self, found: Callable[[list[Seen]], bool], seconds: float = 20.0) -> list[Seen]:
        """The spans once they are as wished; whatever there is when the time is over."""
        deadline = time.monotonic() + seconds
        while not found(self.spans) and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.spans

    def take(self, request: Request) -> Answer:
        """Answer one batch, as told."""
        if self.hangs:
            return Answer(hangs=True)
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        with self._lock:
            self.paths.append(request.path)
            self.headers.append(request.headers)
            if self.status < 300:
                self.raw.append(body)
                self._spans += _decoded(body)
        return Answer(self.status, b"", {"content-type": "application/x-protobuf"})


def _decoded(body: bytes) -> Iterator[Seen]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    kind=span.kind,
                    ok=span.status.code != 2,
                    message=span.status.message,
                    attributes=_values(span.attributes),
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    resource=about,
                )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


@contextmanager
def collector() -> Iterator[Collector]:
    """A running collector, until the block ends."""
    said = Collector()
    with serving(said.take) as port:
        said.port = port
        yield said
