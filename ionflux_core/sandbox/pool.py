"""Workers that are started before they are needed: each is used once, and none is kept when nobody asks for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ionflux_core.errors import Unavailable
from ionflux_core.limits import CODE_AT_ONCE, CODE_WAIT_SECONDS
from ionflux_core.sandbox.worker import Worker

READY = 2
IDLE_SECONDS = 180.0


class Pool:
    """A few workers in stock. A thread of its own starts them at the first use and ends them when they lie idle.

    It is always that thread, because the system ends a worker together with the thread that has started it.
    """

    def __init__(self, start: Callable[[], Worker], *, ready: int = READY, idle_seconds: float = IDLE_SECONDS) -> None:
        self._start, self._most, self._idle = start, ready, idle_seconds
        self._rooms = threading.BoundedSemaphore(CODE_AT_ONCE)
        self._moved = threading.Condition()
        self._ready: deque[Worker] = deque()
        self._out: set[Worker] = set()
        self._used: deque[Worker] = deque()
        self._waiting = 0
        self._asked = 0.0
        self._failed: OSError | None = None
        self._keeper: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """A fresh worker, which is ended afterwards; Unavailable when none can be had."""
        if not self._rooms.acquire(timeout=CODE_WAIT_SECONDS):
            raise Unavailable(
                f"{CODE_AT_ONCE} programs run in the sandbox already.", hint="Try again later.", code="sandbox_busy"
            )
        try:
            worker = self._take()
            try:
                yield worker
            finally:
                self._give_back(worker)
        finally:
            self._rooms.release()

    @property
    def in_stock(self) -> int:
        """Workers that wait for a request."""
        return len(self._ready)

    @property
    def closed(self) -> bool:
        """Whether it has been stopped for good."""
        return self._closed

    def close(self) -> None:
        """End all workers, those at work too."""
        with self._moved:
            self._closed = True
            keeper = self._keeper
            self._moved.notify_all()
        if keeper is not None:
            keeper.join()

    def _take(self) -> Worker:
        with self._moved:
            self._waiting += 1
            self._failed = None
            try:
                self._sort_out()
                self._wake()
                self._moved.wait_for(lambda: self._ready or self._failed or self._closed)
                if self._closed:
                    raise stopping()
                if not self._ready:
                    raise Unavailable(f"No process could be started: {self._failed}.", code="sandbox_down")
                worker = self._ready.popleft()
                self._out.add(worker)
                return worker
            finally:
                self._waiting -= 1

    def _sort_out(self) -> None:
        """Workers that died while they waited are as good as used."""
        for worker in [each for each in self._ready if not each.alive]:
            self._ready.remove(worker)
            self._used.append(worker)

    def _give_back(self, worker: Worker) -> None:
        """The keeper ends it and starts another, so that nobody waits for either."""
        with self._moved:
            self._out.discard(worker)
            if not self._closed:
                self._used.append(worker)
                self._wake()
                return
        worker.end()

    def _wake(self) -> None:
        self._asked = time.monotonic()
        if self._keeper is None and not self._closed:
            self._keeper = threading.Thread(target=self._keep, name="ionflux-sandbox", daemon=True)
            self._keeper.start()
        self._moved.notify_all()

    def _keep(self) -> None:
        while True:
            with self._moved:
                self._moved.wait_for(self._has_work, max(0.0, self._asked + self._idle - time.monotonic()))
                if self._closed or self._is_idle():
                    left = self._leave()
                    break
                used = self._used.popleft() if self._used and not self._lacking() else None
                lacks = used is None and self._has_work()
            if used is not None:
                used.end()
            elif lacks:
                self._stock()
        for worker in left:
            worker.end()

    def _leave(self) -> list[Worker]:
        """What is to be ended before the keeper goes; those at work are killed, and ended by who uses them."""
        left = [*self._ready, *self._used]
        self._ready.clear()
        self._used.clear()
        self._keeper = None
        for worker in self._out:
            worker.kill()
        return left

    def _is_idle(self) -> bool:
        if self._has_work() or self._waiting:
            return False
        if self._out:
            self._asked = time.monotonic()
        return not self._out and time.monotonic() >= self._asked + self._idle

    def _lacking(self) -> bool:
        return self._waiting > len(self._ready) and self._failed is None

    def _has_work(self) -> bool:
        """While code runs, nothing is started beside it unless somebody waits: they would share the processor."""
        short = len(self._ready) < self._most and not self._out and self._failed is None
        return self._closed or bool(self._used) or short or self._lacking()

    def _stock(self) -> None:
        try:
            worker = self._start()
        except OSError as error:
            with self._moved:
                self._failed = error
                self._moved.notify_all()
            return
        with self._moved:
            self._ready.append(worker)
            self._moved.notify_all()


def stopping() -> Unavailable:
    """The refusal while the process ends."""
    return Unavailable("IONFLUX is stopping.", hint="Try again in a moment.", code="stopping")
