"""The event door: a thread that hands published events to whoever listens, at once here and by polling elsewhere."""

from __future__ import annotations

import logging
import threading

from ionflux_core.services.events import Events

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class EventTriggers:
    """Delivers events until it is stopped. What another process published is found within a second."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._thread = threading.Thread(target=self._deliver, name="ionflux-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)

    def notify(self) -> None:
        """Something was published."""
        self._wake.set()

    def _deliver(self) -> None:
        """The tick edge: an event that breaks its delivery must not stop the others."""
        while not self._stopping:
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            try:
                while not self._stopping and self._events.deliver():
                    pass
            except Exception:
                log.exception("events could not be delivered; trying again")
                self._wake.wait(POLL_SECONDS)
