"""Requests as they are seen from outside: counted, timed, named in the log and in traces; and what a scrape gets."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ionflux_core.ids import new_id
from ionflux_core.measures import Histogram, Tally
from ionflux_core.redaction import bind
from ionflux_core.services.metrics import Family, Metrics
from ionflux_core.telemetry import Cause, Span, Traces, causing, moment, span_id, traceparent

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from ionflux_core.application import Application

access = logging.getLogger("ionflux_core.web.access")

_PREFIX = "ionflux_"
_AREAS = frozenset(
    {"api", "hooks", "healthz", "metrics", "app", "live", "files", "palette", "oauth", "slack", "shopify"}
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


class Requests:
    """How many requests were answered and how long it took; by area, so that nobody can make a label."""

    def __init__(self) -> None:
        self.answers = Tally("area", "method", "status")
        self.seconds = Histogram("area")

    def note(self, path: str, method: str, status: int, seconds: float = 0.0) -> None:
        """Count one answer."""
        area = area_of(path)
        self.answers.add(area, method if method in _METHODS else "other", str(status))
        self.seconds.observe(seconds, area)

    def families(self) -> list[Family]:
        """Everything that was counted."""
        answers, seconds = self.answers, self.seconds
        return [
            Family("http_requests", "counter", "Requests answered.", answers.labels, answers.counts()),
            Family("http_request_seconds", "histogram", "Until the whole answer was sent.", seconds.labels,
                   seconds.spreads()),
        ]  # fmt: skip


def area_of(path: str) -> str:
    """The part of the house an address belongs to: paths may hold secrets, and anybody can make one up."""
    first = path.lstrip("/").partition("/")[0]
    return "static" if first == "app" else first if first in _AREAS else "pages"


class Counting:
    """Counts and times every HTTP answer on its way out, and gives each request an id that its log lines carry."""

    def __init__(self, app: ASGIApp, *, requests: Requests, traces: Traces | None = None) -> None:
        self._app = app
        self._requests = requests
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        cause = Cause(given.decode() if _ID.match(given) else new_id(), traces=self._traces)
        began, start, status = time.perf_counter(), moment(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", cause.id.encode())]
            await send(message)

        with bind(request_id=cause.id), causing(cause):
            try:
                await self._app(scope, receive, noting)
            finally:
                seconds = time.perf_counter() - began
                self._requests.note(scope["path"], scope["method"], status, seconds)
                if access.isEnabledFor(logging.DEBUG):
                    _tell(scope, status, seconds)
                if self._traces is not None and cause.begun:
                    self._trace(self._traces, cause, scope, status, start, headers.get(b"traceparent", b""))

    @staticmethod
    def _trace(traces: Traces, cause: Cause, scope: Scope, status: int, start: int, came_from: bytes) -> None:
        """One span for each chain the request has begun; whoever sent it with a trace of their own is linked."""
        area, method = area_of(scope["path"]), scope["method"] if scope["method"] in _METHODS else "other"
        linked = traceparent(came_from.decode("latin-1"))
        attributes = {
            "http.request.method": method, "http.response.status_code": status, "ionflux.area": area,
            "ionflux.request.id": cause.id,
        }  # fmt: skip
        error = f"HTTP {status}" if status >= 500 else None
        for correlation_id in cause.begun:
            own = span_id("request", correlation_id)
            traces.add(
                Span(
                    correlation_id, own, None, f"{method} {area}", start, moment(), attributes, "server", error,
                    (linked,) if linked else (),
                )
            )  # fmt: skip


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """The access log: no addresses, because those of webhooks are secrets and others may hold some."""
    area, method = area_of(scope["path"]), scope["method"] if scope["method"] in _METHODS else "other"
    took = round(seconds * 1000, 1)
    access.debug("%s %s", method, area, extra={"method": method, "area": area, "status": status, "ms": took})


class Exposition:
    """The text a scrape gets; its own registry, so that nothing foreign slips in."""

    def __init__(self, application: Application, requests: Requests) -> None:
        self._metrics = Metrics(application)
        self._requests = requests
        self._registry: Any = None

    def text(self) -> bytes:
        """Everything, as of now."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        if self._registry is None:
            registry = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=registry)
            registry.register(self)
            self._registry = registry
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: what is there is known when it is asked for."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What is read at the moment of a scrape."""
        for family in [*self._metrics.families(), *self._requests.families()]:
            yield _exposed(family)


def _exposed(family: Family) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    kinds = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily, "histogram": HistogramMetricFamily}
    made: Any = kinds[family.kind](_PREFIX + family.name, family.text, labels=family.labels)
    for labels, value in family.samples.items():
        if family.kind == "histogram":
            made.add_metric(labels, buckets=list(value.buckets), sum_value=value.sum)  # type: ignore[union-attr]
        else:
            made.add_metric(labels, value)
    exposed: Metric = made
    return exposed
