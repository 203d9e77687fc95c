"""Runs one call in a process of its own, with little time and memory, for input that may hang or blow up."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

# Wall clock, only against a hang: the work itself is measured in time of the processor.
SECONDS = 30
MEMORY = 2 * 1024**3


class Came(NamedTuple):
    """What became of a call: its value or the name of its error, and the seconds of the processor it took."""

    value: Any
    error: str
    message: str
    seconds: float


def apart(work: Callable[..., Any], *given: Any) -> Came:
    """What a call comes to; an AssertionError when it does not come back in time or dies."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_inside, args=(theirs, work, given))
    process.start()
    theirs.close()
    came = ours.poll(SECONDS + 2)
    answer = ours.recv() if came and not ours.closed else None
    process.join(1)
    if process.is_alive():
        process.kill()
    assert isinstance(answer, Came), f"{given!r:.200} did not come back"
    return answer


def _held() -> int:
    """Bytes of data this process has from its parent: a test's worker may hold much before it forks."""
    statistics = Path("/proc/self/statm")
    return int(statistics.read_text().split()[5]) * resource.getpagesize() if statistics.exists() else 0


def _inside(answer: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    signal.alarm(SECONDS)
    most = MEMORY + _held()
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    began = time.process_time()
    value, error, message = None, "", ""
    try:
        value = work(*given)
    except BaseException as raised:
        error, message = type(raised).__name__, str(raised)
    answer.send(Came(value, error, message, time.process_time() - began))


def marked(text: str) -> tuple[str, tuple[int, int]]:
    """A text without its mark §, and the line and column where the mark stood."""
    before = text[: text.index("§")]
    return text.replace("§", ""), (before.count("\n") + 1, len(before) - before.rfind("\n"))
