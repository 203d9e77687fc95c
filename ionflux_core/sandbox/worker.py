"""One process that runs one program once: what goes in, what comes out, and when it is ended."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ionflux_core.errors import AgentFailed, LimitExceeded, Unavailable
from ionflux_core.limits import CODE_MEMORY_BYTES, CODE_OUTPUT_BYTES, MIB
from ionflux_core.sandbox.answers import failed, too_large
from ionflux_core.sandbox.walls import ENVIRONMENT

_LOOK_MS = 20
_UP_SECONDS = 30
_END_SECONDS = 2
_READ_BYTES = 64 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Worker:
    """A started process that waits for its one request. It must be ended, whatever happened."""

    def __init__(self, command: list[str], *, own_folder: bool = False) -> None:
        self._folder = tempfile.mkdtemp(prefix="ionflux-code-") if own_folder else None
        told = {"DENO_DIR": self._folder, "HOME": self._folder} if self._folder else {}
        quiet = {"NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"} if self._folder else {}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**ENVIRONMENT, **told, **quiet},
                cwd=self._folder or "/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError:
            self._forget_folder()
            raise
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)

    @property
    def pid(self) -> int:
        """The number of the outermost process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still waits for its request."""
        return self._process.poll() is None

    def answer(self, request: bytes, token: bytes, *, seconds: float) -> bytes:
        """What stands behind the token on a line of its own; whatever else was printed is dropped.

        LimitExceeded when it takes more seconds, memory or output than it may; AgentFailed when it ends without a word;
        Unavailable when it never came up.
        """
        self._wait_until_up()
        talk = _Talk(self._process, request, b"\n" + token)
        until = time.monotonic() + seconds
        while (answer := talk.turn()) is None:
            if talk.over:
                raise self._ended()
            if talk.size > CODE_OUTPUT_BYTES + _READ_BYTES:
                raise too_large()
            if time.monotonic() > until:
                raise too_long(seconds)
            if resident(self.pid) > CODE_MEMORY_BYTES:
                raise _too_much_memory()
        return answer

    def _wait_until_up(self) -> None:
        """Its first sign of life is one byte; the clock of the code does not run before."""
        out = self._process.stdout
        assert out is not None
        poll = select.poll()
        poll.register(out, select.POLLIN)
        if not poll.poll(_UP_SECONDS * 1000) or not out.read(1):
            raise Unavailable(
                "The sandbox did not come up.", hint="See `ionflux doctor`, then try again.", code="sandbox_down"
            )

    def _ended(self) -> LimitExceeded | AgentFailed:
        """Why it ended without an answer: an exit of its own, or the system stopped it."""
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return failed("It shut its output and went on.")
        number = -code if code < 0 else code - 128
        if number in (signal.SIGXCPU, signal.SIGKILL):
            return LimitExceeded("The code used too much time of the processor.", code="code_too_long")
        return _too_much_memory() if number > 0 else failed("It ended without an answer.")

    def kill(self) -> None:
        """Kill it with everything it has started; whoever waits for its answer hears of it.

        bubblewrap itself is left to bury what it watches: orphans would stay as zombies where nobody else does.
        """
        if self._process.poll() is None:
            for number in _below(self.pid) or [self.pid]:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    def end(self) -> None:
        """Kill it and wait until it is gone; nobody may wait for its answer any more."""
        self.kill()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._forget_folder()

    def _forget_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class _Talk:
    """What is still to be written and what has been read, both without waiting for either."""

    def __init__(self, process: subprocess.Popen[bytes], request: bytes, mark: bytes) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self._left, self._mark = memoryview(request), mark
        self._read = bytearray()
        self._looked = 0
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLOUT)
        self._poll.register(self._out, select.POLLIN)
        self.over = False

    @property
    def size(self) -> int:
        """Bytes that came out so far."""
        return len(self._read)

    def turn(self) -> bytes | None:
        """The answer once it is whole; waits a moment for the process at most."""
        for number, _ in self._poll.poll(_LOOK_MS):
            if number == self._out.fileno():
                self._take()
            else:
                self._give()
        return self._answer()

    def _give(self) -> None:
        try:
            written = self._in.write(self._left) or 0
        except BrokenPipeError:
            written = len(self._left)
        self._left = self._left[written:]
        if not self._left:
            self._poll.unregister(self._in)
            self._in.close()

    def _take(self) -> None:
        part = self._out.read(_READ_BYTES)
        if part:
            self._read += part
        elif part is not None:
            self._poll.unregister(self._out)
            self.over = True

    def _answer(self) -> bytes | None:
        begin = self._read.find(self._mark, max(0, self._looked - len(self._mark)))
        if begin < 0:
            self._looked = len(self._read)
            return None
        end = self._read.find(b"\n", begin + len(self._mark))
        return bytes(self._read[begin + len(self._mark) : end]) if end >= 0 else None


def resident(pid: int) -> int:
    """Bytes of memory in use by a process and all below it; 0 where the system does not tell."""
    total = 0
    for number in tree(pid):
        try:
            total += int(Path(f"/proc/{number}/statm").read_bytes().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            continue
    return total


def tree(pid: int) -> Iterator[int]:
    """A process and all below it; itself alone where the system does not tell."""
    yield pid
    for number in _below(pid):
        yield from tree(number)


def _below(pid: int) -> list[int]:
    try:
        return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split()]
    except OSError:
        return []


def too_long(seconds: float) -> LimitExceeded:
    """The refusal of code that needs more than its seconds."""
    return LimitExceeded(
        f"The code did not end within {seconds:g} seconds.",
        hint="Look for a loop that does not end, or give the node a longer timeout.",
        code="code_too_long",
    )


def _too_much_memory() -> LimitExceeded:
    return LimitExceeded(
        f"The code needed more than the {CODE_MEMORY_BYTES // MIB} MiB of memory it may use, or crashed.",
        hint="Work on less at once.",
        code="code_too_large",
    )
