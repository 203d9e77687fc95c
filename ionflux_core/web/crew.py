"""Threads of their own for requests that may wait long: a call goes in, a future of the event loop comes out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Call(NamedTuple):
    context: Context
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class Crew:
    """A fixed number of threads that carry out calls in the order they came.

    Half the price of the threads of anyio, which is felt where a request takes two milliseconds. A call whose future
    was cancelled is not begun; one that has begun goes on to its end. None keeps the process from ending.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._name = name
        self._hired = False
        self._calls: SimpleQueue[_Call] = SimpleQueue()

    @property
    def is_behind(self) -> bool:
        """Whether calls wait although every thread is at work."""
        return self._calls.qsize() > 1

    def call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What `work` will return or raise; to be asked for in the thread of the event loop."""
        if not self._hired:
            self._hire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put(_Call(copy_context(), work, loop, future))
        return future

    def _hire(self) -> None:
        self._hired = True
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._carry_out(self._calls.get())

    @staticmethod
    def _carry_out(call: _Call) -> None:
        """The edge of a thread: what the call raises belongs to whoever awaits it."""
        if call.future.cancelled():
            return
        result, raised = None, None
        try:
            result = call.context.run(call.work)
        except BaseException as error:
            raised = error
        try:
            call.loop.call_soon_threadsafe(_tell, call.future, result, raised)
        except RuntimeError:
            # The event loop has ended, and with it whoever waited.
            return


def _tell(future: asyncio.Future[Any], result: Any, raised: BaseException | None) -> None:
    if future.done():
        return
    if raised is None:
        future.set_result(result)
    else:
        future.set_exception(raised)
