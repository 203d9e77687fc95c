"""The processes of the sandbox: when they end, none stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ionflux_core.errors import IonfluxError, LimitExceeded
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.sandbox.walls import Walls
from ionflux_core.sandbox.worker import Worker, tree

ROOT = Path(__file__).resolve().parents[2]
NEVER = "export default () => new Promise(() => setInterval(() => {}, 1))"


class TestProcesses:
    """No process stays, not even a dead one."""

    def test_all_of_a_worker_is_gone_once_it_is_ended(self, walls: Walls) -> None:
        worker = Worker(walls.command())
        with pytest.raises(LimitExceeded):
            request = b'{"token":"t","language":"js","code":"for (;;);","input":{}}'
            worker.answer(request, b"t", seconds=0.1)
        numbers = list(tree(worker.pid))
        assert len(numbers) == 3
        worker.end()
        wait_until(lambda: not any(Path(f"/proc/{number}").exists() for number in numbers))

    def test_killing_our_process_kills_them(self, walls: Walls) -> None:
        program = (
            "import sys, time; from ionflux_core.sandbox.sandbox import Sandbox; box = Sandbox()\n"
            "box.run('js', 'export default () => 1', {}, seconds=20)\n"
            "while box.in_stock < 2: time.sleep(0.01)\n"
            "print('up', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as ours:
            assert ours.stdout is not None and ours.stdout.readline() == b"up\n"
            numbers = [number for number in _descendants(ours.pid) if number != ours.pid]
            assert len(numbers) >= 2
            os.kill(ours.pid, signal.SIGKILL)
        wait_until(lambda: not any(lives(number) for number in numbers))

    def test_closing_stops_what_runs(self, walls: Walls) -> None:
        box, codes = Sandbox(lambda: walls), list[str]()

        def run() -> None:
            with pytest.raises(IonfluxError) as stopped:
                box.run("js", NEVER, {}, seconds=25)
            codes.append(stopped.value.code)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: box._pool is not None and bool(box._pool._out))
        box.close()
        thread.join()
        assert codes == ["stopping"]


def _descendants(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for number in (task / "children").read_text().split():
            yield from _descendants(int(number))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    step = threading.Event()
    for _ in range(1_000):
        if holds():
            return
        step.wait(0.01)
    raise AssertionError("it did not come to that")
