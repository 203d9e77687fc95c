"""Figures in the text format of Prometheus: runs, queue, requests, process."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ionflux_core.services.metrics import Metrics

if TYPE_CHECKING:
    from ionflux_core.application import Application

_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0)
_AREAS = ("api", "hooks", "healthz", "metrics", "app")


class Requests:
    """How many requests were answered, by area, method and status; areas, so that nobody can make a label."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def note(self, path: str, method: str, status: int) -> None:
        """Count one answer."""
        first = path.lstrip("/").partition("/")[0]
        area = {"app": "static"}.get(first, first) if first in _AREAS else "pages"
        known = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
        with self._lock:
            self._counts[area, known, str(status)] += 1

    def counts(self) -> dict[tuple[str, str, str], int]:
        """A copy of all counts."""
        with self._lock:
            return dict(self._counts)


class Counting:
    """Counts every HTTP answer on its way out."""

    def __init__(self, app: ASGIApp, *, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note the status of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests.note(scope["path"], scope["method"], message["status"])
            await send(message)

        await self._app(scope, receive, noting)


class Exposition:
    """The text a scrape gets; its own registry, so that nothing foreign slips in."""

    def __init__(self, application: Application, requests: Requests) -> None:
        self._application = application
        self._requests = requests
        self._metrics = Metrics(application.db)
        self._lock = threading.Lock()
        self._made: tuple[Any, Any, Any] | None = None

    def text(self) -> bytes:
        """Everything, as of now."""
        from prometheus_client import generate_latest

        with self._lock:
            registry, ended, seconds = self._made = self._made or self._make()
            for run in self._metrics.ended():
                ended.labels(run.agent, run.status).inc()
                if run.seconds is not None:
                    seconds.labels(run.agent).observe(run.seconds)
            return generate_latest(registry)

    def _make(self) -> tuple[Any, Any, Any]:
        from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        return (
            registry,
            Counter("ionflux_runs_ended", "Runs that ended since the start.", ["agent", "status"], registry=registry),
            Histogram("ionflux_run_seconds", "From first step to end.", ["agent"], buckets=_BUCKETS, registry=registry),
        )

    def collect(self) -> Any:
        """What is read at the moment of a scrape."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        live = GaugeMetricFamily(
            "ionflux_runs_live", "Runs that have not ended; pending is the queue.", labels=["status"]
        )
        for status, count in self._metrics.live().items():
            live.add_metric([status], count)
        yield live
        requests = CounterMetricFamily(
            "ionflux_http_requests", "Requests answered.", labels=["area", "method", "status"]
        )
        for labels, count in self._requests.counts().items():
            requests.add_metric(labels, count)
        yield requests
        yield GaugeMetricFamily(
            "ionflux_uptime_seconds", "Since the start.", value=time.time() - self._application.started_at
        )
        yield GaugeMetricFamily("ionflux_workers", "Runs executed at once.", value=self._application.settings.workers)
