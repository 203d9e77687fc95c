"""A provider that fails again and again is left alone for a while, so that runs fall back or fail at once."""

from __future__ import annotations

import threading
import time

from ionflux_core.errors import Unavailable

FAILURES = 5
REST_SECONDS = 30.0


class Breaker:
    """Opens after five failed attempts in a row; after half a minute one attempt may look whether all is well again."""

    def __init__(self, name: str, *, failures: int = FAILURES, rest_seconds: float = REST_SECONDS) -> None:
        self.name = name
        self._most = failures
        self._rest = rest_seconds
        self._lock = threading.Lock()
        self._failed = 0
        self._closed_until = 0.0

    def check(self) -> None:
        """Unavailable while the provider is left alone; the one who is let through after that is the only one."""
        with self._lock:
            left = self._closed_until - time.monotonic()
            if self._failed < self._most:
                return
            if left <= 0:
                self._closed_until = time.monotonic() + self._rest
                return
        raise Unavailable(
            f"{self.name} failed {self._failed} times in a row and is left alone for now.",
            hint=f"It is tried again in {left:.0f} seconds. A second model in Settings, Models would take over.",
            code="model_resting",
            retry_after=left,
        )

    def succeeded(self) -> None:
        """An attempt was answered: all is well."""
        with self._lock:
            self._failed = 0

    def failed(self) -> None:
        """An attempt failed through no fault of ours."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._most:
                self._closed_until = time.monotonic() + self._rest

    @property
    def is_open(self) -> bool:
        """Whether the provider is left alone right now."""
        return self._failed >= self._most and self._closed_until > time.monotonic()


class Breakers:
    """One breaker for each provider and address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Breaker] = {}

    def of(self, provider: str, base_url: str | None = None) -> Breaker:
        """The breaker of a provider at an address."""
        with self._lock:
            name = f"{provider} at {base_url}" if base_url else provider
            return self._known.setdefault(name, Breaker(name))
