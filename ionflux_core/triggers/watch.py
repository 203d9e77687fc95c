"""The watch's door: a thread that looks around, whether or not the clock still lives."""

from __future__ import annotations

import logging
import threading
import time

from ionflux_core.services.watch import LOOK_SECONDS, Watch

log = logging.getLogger(__name__)

# After a start, what was missed is made up for first.
_SETTLE_SECONDS = 180.0


class WatchTriggers:
    """Looks until it is stopped."""

    def __init__(self, watch: Watch, owner: str, *, seconds: float = LOOK_SECONDS) -> None:
        self._watch = watch
        self._owner = owner
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def start(self) -> None:
        """Begin to look, a little after everything else has begun."""
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._keep_looking, name="ionflux-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the look in hand and let another process watch."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
            try:
                self._watch.leave(self._owner)
            except Exception:
                log.exception("the watch could not be handed over; another process takes it in a minute")

    def _keep_looking(self) -> None:
        """The tick edge: what cannot be seen now is looked at again."""
        while not self._stopping.wait(self._seconds):
            try:
                self._watch.look(self._owner, settled=time.monotonic() - self._began > _SETTLE_SECONDS)
            except Exception:
                log.exception("the watch met an error and goes on")
