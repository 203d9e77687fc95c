"""The followers' door: a thread that tells the program's own parts what has happened, soon after it has."""

from __future__ import annotations

import logging
import threading

from ionflux_core.services.followers import Followers

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# What happens together is told together: a storm of runs must not wake this thread for each of them.
_GATHER_SECONDS = 0.15


class FollowTriggers:
    """Tells followers until it is stopped. What another process has done is found within about a second."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._thread = threading.Thread(target=self._follow, name="ionflux-followers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the facts in hand."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
        self._followers.settle()

    def notify(self) -> None:
        """Something has happened here."""
        self._wake.set()

    def _follow(self) -> None:
        """The tick edge: facts that cannot be read now are read later."""
        while not self._stopping.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            self._stopping.wait(_GATHER_SECONDS)
            try:
                self._followers.catch_up()
            except Exception:
                log.exception("followers could not be told; trying again")
                self._stopping.wait(POLL_SECONDS)
