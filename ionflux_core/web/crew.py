"""Threads of their own for requests that may wait long: a call goes in, a future of the event loop comes out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
Item = TypeVar("Item", contravariant=True)
Answer = TypeVar("Answer", covariant=True)

_MOST_AT_ONCE = 32
_CROWD = 4
_CROWD_SECONDS = 0.1


class _Call(NamedTuple):
    """Something to carry out (work, or an item of a batch), and where what came of it goes."""

    context: Context
    wanted: Any
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class _Ended(NamedTuple):
    call: _Call
    result: Any
    raised: BaseException | None


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
        call = _asked(work)
        self._calls.put(call)
        return call.future

    def _hire(self) -> None:
        self._hired = True
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if not call.future.cancelled():
                _tell([_ended(call, call.wanted)])


class Batch(Protocol[Item, Answer]):
    """What carries out items together: each is checked alone, those that passed are finished at once."""

    def check(self, item: Item) -> Any:
        """What `finish` needs to know of an item; what it raises is for the one who sent the item."""

    def finish(self, checked: Sequence[Any]) -> Sequence[Answer | Exception]:
        """The answer to each, in their order, or what it failed with."""


class Line(Generic[Item, Answer]):
    """One thread that takes all items that stand in line and carries them out together, up to 32 at once.

    For work that costs about as much for ten as for one, such as bringing a commit to the disk. One thread is better
    here than several, which would only take the interpreter from each other and from the event loop. An item whose
    future was cancelled is not begun.
    """

    def __init__(self, begin: Callable[[], Batch[Item, Answer]], name: str) -> None:
        self._begin = begin
        self._name = name
        self._hired = False
        self._in_hand = 0
        self._crowd_until = 0.0
        self._calls: SimpleQueue[_Call] = SimpleQueue()

    @property
    def is_behind(self) -> bool:
        """Whether several items stand in line or are in hand, or did so a moment ago."""
        return self._in_hand + self._calls.qsize() >= _CROWD or time.monotonic() < self._crowd_until

    def call(self, item: Item) -> asyncio.Future[Answer]:
        """The answer to an item, or what it failed with; to be asked for in the thread of the event loop."""
        if not self._hired:
            self._hired = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        call = _asked(item)
        self._calls.put(call)
        return call.future

    def _work(self) -> None:
        while True:
            calls = self._waiting()
            self._in_hand = len(calls)
            wanted = [call for call in calls if not call.future.cancelled()]
            if wanted:
                _carry_out(self._begin(), wanted)
            if len(calls) >= _CROWD:
                self._crowd_until = time.monotonic() + _CROWD_SECONDS
            self._in_hand = 0

    def _waiting(self) -> list[_Call]:
        calls = [self._calls.get()]
        try:
            while len(calls) < _MOST_AT_ONCE:
                calls.append(self._calls.get_nowait())
        except Empty:
            pass
        return calls


def _asked(wanted: Any) -> _Call:
    loop = asyncio.get_running_loop()
    return _Call(copy_context(), wanted, loop, loop.create_future())


def _carry_out(batch: Batch[Any, Any], calls: Sequence[_Call]) -> None:
    """Who is refused is told at once; the others when all of theirs is finished."""
    checked = [_ended(call, batch.check, call.wanted) for call in calls]
    passed = [each for each in checked if each.raised is None]
    if len(passed) < len(checked):
        _tell(each for each in checked if each.raised is not None)
    if passed:
        _tell(_finished(batch, passed))


def _finished(batch: Batch[Any, Any], passed: Sequence[_Ended]) -> list[_Ended]:
    """The edge of a thread: what finishing raises belongs to all who await it."""
    try:
        answers = batch.finish([each.result for each in passed])
        return [
            _Ended(each.call, answer, answer if isinstance(answer, Exception) else None)
            for each, answer in zip(passed, answers, strict=True)
        ]
    except BaseException as error:
        return [each._replace(raised=error) for each in passed]


def _ended(call: _Call, work: Callable[..., Any], *given: Any) -> _Ended:
    """The edge of a thread: what the work raises belongs to whoever awaits it."""
    try:
        return _Ended(call, call.context.run(work, *given), None)
    except BaseException as error:
        return _Ended(call, None, error)


def _tell(ended: Iterable[_Ended]) -> None:
    """Give what came of calls to those who await it: each event loop is woken once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Ended]] = {}
    for each in ended:
        by_loop.setdefault(each.call.loop, []).append(each)
    for loop, told in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, told)
        except RuntimeError:
            # The event loop has ended, and with it whoever waited.
            continue


def _settle(ended: Sequence[_Ended]) -> None:
    for call, result, raised in ended:
        if call.future.done():
            continue
        if raised is None:
            call.future.set_result(result)
        else:
            call.future.set_exception(raised)
