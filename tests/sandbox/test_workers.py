"""Workers and their pool, what goes in and comes out, and what is said where programs are missing: without Deno."""

from __future__ import annotations

import math
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.errors import AgentFailed, Forbidden, Invalid, IonfluxError, LimitExceeded, Unavailable
from ionflux_core.limits import CODE_BYTES, CODE_INPUT_BYTES, CODE_OUTPUT_BYTES, JSON_DEPTH
from ionflux_core.sandbox import walls, worker
from ionflux_core.sandbox.answers import failed, packed, unpacked
from ionflux_core.sandbox.pool import Pool
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.sandbox.walls import Walls
from ionflux_core.sandbox.worker import Worker

# A program that is up at once and then does as it is told; `said` is the request.
PROGRAM = "import os, sys; os.write(1, b'.'); said = sys.stdin.buffer.read(); say = lambda text: os.write(1, text)\n"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


class TestWorker:
    """One process, one request."""

    def run(self, program: str, *, request: bytes = b"hello", seconds: float = 20) -> bytes:
        each = Worker([sys.executable, "-I", "-S", "-c", PROGRAM + program])
        try:
            return each.answer(request, b"token", seconds=seconds)
        finally:
            each.end()

    def test_only_the_line_behind_the_token_counts(self) -> None:
        assert self.run(r"say(b'{}\ntoke\nn\nhello\n token8\ntoken' + said[:5] + b'\ntokenlate\n')") == b"hello"

    def test_a_line_that_comes_in_pieces_is_whole(self) -> None:
        assert self.run(r"say(b'\nto'); say(b'ken12'); sys.stdin.close(); say(b'3\n')") == b"123"

    def test_large_requests_and_answers_pass_each_other(self) -> None:
        request = b"x" * 3_000_000
        assert self.run(r"say(b'\ntoken%d\n' % len(said))", request=request) == b"3000000"
        assert len(self.run(r"say(b'\ntoken' + b'y' * 900_000 + b'\n')")) == 900_000

    def test_it_may_end_before_it_has_read_the_request(self) -> None:
        program = Worker([sys.executable, "-I", "-S", "-c", r"import os; os.write(1, b'.\ntoken7\n')"])
        assert program.answer(b"x" * 3_000_000, b"token", seconds=20) == b"7"
        program.end()

    @pytest.mark.parametrize(
        ("program", "kind", "code"),
        [
            ("pass", AgentFailed, "code_failed"),
            ("os._exit(3)", AgentFailed, "code_failed"),
            ("os.close(1)\nwhile True: pass", AgentFailed, "code_failed"),
            ("os.abort()", LimitExceeded, "code_too_large"),
            ("os.kill(os.getpid(), 24)", LimitExceeded, "code_too_long"),
            ("while True: say(b'x' * 65536)", LimitExceeded, "code_too_large"),
            ("held = [bytes(bytearray(b'x' * 1_000_000)) for _ in range(2_000)]", LimitExceeded, "code_too_large"),
        ],
    )
    def test_what_ends_it(
        self, program: str, kind: type[IonfluxError], code: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "_END_SECONDS", 0.2)
        with pytest.raises(kind) as refused:
            self.run(program)
        assert refused.value.code == code

    def test_time_is_over_while_it_still_works(self) -> None:
        with pytest.raises(LimitExceeded) as refused:
            self.run("while True: pass", seconds=0.2)
        assert refused.value.code == "code_too_long"
        assert "0.2 seconds" in refused.value.message

    def test_what_never_comes_up_is_no_fault_of_the_code(self) -> None:
        program = Worker([sys.executable, "-I", "-S", "-c", "raise SystemExit(1)"])
        with pytest.raises(Unavailable) as refused:
            program.answer(b"", b"token", seconds=5)
        program.end()
        assert refused.value.code == "sandbox_down"

    def test_nothing_of_our_environment_reaches_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OUR_KEY", "canary")
        assert b"canary" not in self.run(r"say(b'\ntoken' + repr(os.environ).encode() + b'\n')")

    def test_memory_of_what_it_started_counts_too(self) -> None:
        with pytest.raises(LimitExceeded) as refused:
            self.run("os.fork() and os.wait(); held = b'x' * 300_000_000; sys.stdin.close(); os.read(1, 1)")
        assert refused.value.code == "code_too_large"


class Clay:
    """A worker that is no process."""

    def __init__(self) -> None:
        self.alive = True
        self.ended = threading.Event()
        self.killed = threading.Event()

    def kill(self) -> None:
        self.alive = False
        self.killed.set()

    def end(self) -> None:
        self.alive = False
        self.ended.set()


class TestPool:
    """Workers in stock."""

    @pytest.fixture
    def made(self) -> list[Clay]:
        return []

    @pytest.fixture
    def pool(self, made: list[Clay]) -> Iterator[Callable[..., Pool]]:
        pools: list[Pool] = []

        def start() -> Any:
            made.append(Clay())
            return made[-1]

        def make(**more: Any) -> Pool:
            pools.append(Pool(more.pop("start", start), **more))
            return pools[-1]

        yield make
        for each in pools:
            each.close()

    def test_nothing_is_started_before_the_first_use(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        pool()
        assert made == []

    def test_each_is_used_once_and_ended(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        one = pool()
        used = []
        for _ in range(6):
            with one.worker() as each:
                used.append(each)
        assert len(set(map(id, used))) == 6
        assert all(each.ended.wait(10) for each in used)  # type: ignore[attr-defined]

    def test_a_crowd_gets_a_worker_each(self, pool: Callable[..., Pool]) -> None:
        one, meet = pool(), threading.Barrier(4, timeout=20)
        met = []

        def use() -> None:
            with one.worker() as each:
                meet.wait()
                met.append(each)

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, met))) == 4

    def test_those_that_died_in_stock_are_not_handed_out(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        one = pool()
        with one.worker():
            pass
        wait_until(lambda: one.in_stock == 2)
        for each in made:
            each.alive = False
        with one.worker() as fresh:
            assert fresh.alive

    def test_nothing_is_kept_when_nobody_asks(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        one = pool(idle_seconds=0.05)
        with one.worker():
            pass
        wait_until(lambda: bool(made) and all(each.ended.is_set() for each in made) and one.in_stock == 0)
        with one.worker() as fresh:
            assert fresh.alive

    def test_what_is_at_work_does_not_count_as_idle(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        one = pool(idle_seconds=0.02)
        with one.worker() as busy:
            assert not made[0].killed.wait(0.3)
            assert busy.alive

    def test_a_failed_start_is_told_and_tried_again(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        broken = [True]

        def start() -> Any:
            if broken[0]:
                raise OSError("no more processes")
            made.append(Clay())
            return made[-1]

        one = pool(start=start)
        with pytest.raises(Unavailable, match="no more processes"), one.worker():
            pass
        broken[0] = False
        with one.worker() as fresh:
            assert fresh.alive

    def test_closing_ends_all_and_refuses_more(self, pool: Callable[..., Pool], made: list[Clay]) -> None:
        one = pool()
        with one.worker() as busy:
            one.close()
            assert not busy.alive
        assert made and all(each.ended.is_set() for each in made)
        with pytest.raises(Unavailable) as refused, one.worker():
            pass
        assert refused.value.code == "stopping"


def wait_until(holds: Callable[[], bool]) -> None:
    step = threading.Event()
    for _ in range(2_000):
        if holds():
            return
        step.wait(0.005)
    raise AssertionError("it did not come to that")


class TestValues:
    """Plain JSON in, plain JSON out."""

    def test_inputs_must_be_plain_and_not_too_large(self) -> None:
        assert packed({"ä": [1, None, True, 0.5]}) == '{"ä":[1,null,true,0.5]}'.encode()
        for wrong in ({"a": math.nan}, {"a": object()}, {"a": "\ud800"}, {"a": nested(100_000)}):
            with pytest.raises(Invalid):
                packed(wrong)
        with pytest.raises(LimitExceeded):
            packed({"a": "x" * CODE_INPUT_BYTES})

    @pytest.mark.parametrize(
        "said",
        [b"", b"{", b"NaN", b"[Infinity]", b"1e999", b'"\\ud800"', b"\xff", b"9" * 5_000, b"[" * 100_000, b"1 2"],
    )
    def test_answers_that_cannot_be_stored_are_failures(self, said: bytes) -> None:
        with pytest.raises(AgentFailed) as refused:
            unpacked(said)
        assert refused.value.code == "code_failed"

    def test_answers_have_a_size_and_a_depth(self) -> None:
        assert unpacked(b'{"a": [1.5, "\\u00e4"]}') == {"a": [1.5, "ä"]}
        assert unpacked(str(nested(JSON_DEPTH)).encode()) == nested(JSON_DEPTH)
        with pytest.raises(AgentFailed, match="deeper"):
            unpacked(str(nested(JSON_DEPTH + 1)).encode())
        with pytest.raises(LimitExceeded):
            unpacked(b" " * (CODE_OUTPUT_BYTES + 1))

    def test_words_of_code_are_cut_and_can_be_stored(self) -> None:
        told = failed("a\n\n  b \ud800" + "x" * 5_000, 3)
        assert "in line 3: a b ?xx" in told.message
        assert len(told.message) < 600


class TestWalls:
    """What is said where something is missing."""

    def script(self, folder: Path, name: str, text: str) -> str:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def test_without_anything_each_language_says_what_to_install(self) -> None:
        box = Sandbox(lambda: Walls())
        for language in ("js", "ts", "wasm"):
            with pytest.raises(Unavailable) as refused:
                box.run(language, "export default () => 1", {}, seconds=1, own=True)
            assert refused.value.code == "sandbox_missing"
            assert "is not installed" in refused.value.message
            assert "make sandbox" in refused.value.hint
        box.close()

    def test_another_program_of_that_name_is_not_taken(self, tmp_path: Path) -> None:
        for said in ("echo deno 1.46.3", "echo hello", "exit 1"):
            found = walls.found(self.script(tmp_path, "deno", said), "")
            assert "no Deno of version 2" in found.no_deno

    def test_walls_that_do_not_hold_are_not_used_for_strangers(self, tmp_path: Path) -> None:
        deno = self.script(tmp_path, "deno", "echo 'deno 2.4.1 (stable)'")
        wall = self.script(tmp_path, "bwrap", "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1")
        found = walls.found(deno, wall)
        assert found.version == "2.4.1"
        assert "No permissions" in found.sentence and not found.whole
        box = Sandbox(lambda: found)
        with pytest.raises(Unavailable, match="did not write itself") as refused:
            box.run("js", "export default () => 1", {}, seconds=1)
        assert refused.value.code == "sandbox_missing"
        box.close()

    def test_the_network_is_not_offered(self) -> None:
        with pytest.raises(Forbidden) as refused:
            Sandbox(lambda: Walls()).run("js", "export default () => 1", {}, seconds=1, net=["api.example.com"])
        assert refused.value.code == "net_not_offered"
        assert "api.example.com" in refused.value.message

    def test_code_has_a_size(self) -> None:
        with pytest.raises(LimitExceeded):
            Sandbox(lambda: Walls()).run("js", "x" * (CODE_BYTES + 1), {}, seconds=1)

    def test_a_closed_sandbox_runs_nothing(self) -> None:
        box = Sandbox(lambda: Walls(program="/bin/true", no_deno="", wall="/bin/true", no_wall=""))
        box.close()
        for language in ("js", "wasm"):
            with pytest.raises(Unavailable) as refused:
                box.run(language, "export default () => 1", {}, seconds=1)
            assert refused.value.code == "stopping"


def test_a_folder_of_its_own_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    says_where = PROGRAM + r"say(b'\ntoken' + os.getcwd().encode() + b'\n')"
    program = Worker([sys.executable, "-I", "-S", "-c", says_where], own_folder=True)
    assert str(tmp_path) in program.answer(b"", b"token", seconds=20).decode()
    program.end()
    assert list(tmp_path.iterdir()) == []
