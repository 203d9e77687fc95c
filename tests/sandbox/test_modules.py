"""WebAssembly in the sandbox: the calling convention, and modules that loop, grow, overflow or lie."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ionflux_core.errors import AgentFailed, IonfluxError, LimitExceeded, Unavailable
from ionflux_core.limits import CODE_MODULE_BYTES, CODE_OUTPUT_BYTES
from ionflux_core.sandbox import wasm
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.sandbox.walls import standing

# Gives back what it was given, after doing what is put in its place.
ECHO = """(module
  (memory (export "memory") 2)
  (global $calls (mut i32) (i32.const 0))
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $ptr i32) (param $len i32) (result i64)
    BODY
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))
  MORE)"""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    if standing().no_wasm:
        pytest.skip(f"{standing().sentence} `make sandbox` installs it.")
    made = Sandbox()
    yield made
    made.close()


def module(body: str = "", more: str = "") -> str:
    return ECHO.replace("BODY", body).replace("MORE", more)


def ask(box: Sandbox, source: str | bytes, *, seconds: float = 10, **inputs: Any) -> Any:
    return box.run("wasm", source, inputs, seconds=seconds)


def test_json_goes_in_and_comes_out(box: Sandbox) -> None:
    assert ask(box, module(), a=[1, 2.5, None], name="Zoë ☂") == {"a": [1, 2.5, None], "name": "Zoë ☂"}
    assert ask(box, module(), text="x" * 100_000) == {"text": "x" * 100_000}


def test_a_module_comes_as_bytes_or_in_base64(box: Sandbox) -> None:
    import wasmtime

    data = bytes(wasmtime.wat2wasm(module()))
    assert ask(box, data, a=1) == {"a": 1}
    assert ask(box, base64.b64encode(data).decode(), a=2) == {"a": 2}


def test_it_is_compiled_once(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    source = module("(drop (i32.const 77))")
    assert ask(box, source, a=1) == {"a": 1}
    monkeypatch.setattr(wasm, "_compiled", lambda source: pytest.fail("compiled again"))
    assert [ask(box, source, n=n) for n in range(200)] == [{"n": n} for n in range(200)]


def test_each_run_starts_from_nothing(box: Sandbox) -> None:
    again = "(if (global.get $calls) (then (unreachable))) (global.set $calls (i32.const 1))"
    assert [ask(box, module(again), a=1) for _ in range(3)] == [{"a": 1}] * 3


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (module("(drop (call $run (local.get $ptr) (local.get $len)))"), "stack overflow"),
        (module("(drop (i32.load (i32.const -8)))"), "memory out of bounds"),
        (module("(unreachable)"), "unreachable"),
        (module("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), "division by zero"),
        (module("(return (i64.const 9))"), "not plain JSON"),
        (module("(return (i64.const -4294967286))"), "outside of its memory"),
        (module().replace("(i32.const 1024)", "(i32.const -16)"), "outside of its memory"),
        (module().replace('(export "run")', '(export "walk")'), "no `run` of the form (i32, i32) -> i64"),
        (module().replace('(export "memory")', ""), "no `memory`"),
        (module().replace("(param i32) (result i32)", "(result i32)"), "no `alloc` of the form (i32) -> i32"),
        ("(module (import \"env\" \"read\" (func)) (func (export \"run\") (call 0)))", "imports something"),
        ("(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func)))", "imports something"),
        ("(module (memory (export \"memory\") 1 1 shared))", "threads"),
        ("(module (func", "expected"),
        (b"\0asm\1\0\0\0\xff\xff\xff", "failed"),
        ("!!!", "neither a module in base64"),
    ],
)  # fmt: skip
def test_what_does_not_work_is_said(box: Sandbox, source: str | bytes, words: str) -> None:
    with pytest.raises(AgentFailed) as failed:
        ask(box, source, a=1)
    assert failed.value.code == "code_failed"
    assert words in failed.value.message


@pytest.mark.parametrize(
    "source",
    [
        module("(loop (br 0))"),
        module(more="(func $first (loop (br 0))) (start $first)"),
        module("(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)) (br 0))"),
    ],
    ids=["a loop", "a loop before anything is asked", "work in the bulk"],
)
def test_time_has_an_end(box: Sandbox, source: str) -> None:
    with pytest.raises(LimitExceeded) as refused:
        ask(box, source, seconds=0.2)
    assert refused.value.code == "code_too_long"


def test_fuel_ends_it_where_no_clock_ticks(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wasm, "_FUEL_PER_SECOND", 1_000_000)
    monkeypatch.setattr(wasm.Ticker, "__enter__", lambda ticker: None)
    monkeypatch.setattr(wasm.Ticker, "__exit__", lambda ticker, *_: None)
    with pytest.raises(LimitExceeded):
        ask(box, module("(loop (br 0))"), seconds=1)


def test_memory_does_not_grow_past_its_limit(box: Sandbox) -> None:
    grown = "(if (i32.ne (memory.grow (i32.const PAGES)) (i32.const VALUE)) (then (unreachable)))"
    assert ask(box, module(grown.replace("PAGES", "900").replace("VALUE", "2")), a=1) == {"a": 1}
    assert ask(box, module(grown.replace("PAGES", "1100").replace("VALUE", "-1")), a=1) == {"a": 1}
    with pytest.raises(AgentFailed):
        ask(box, module().replace('"memory") 2', '"memory") 1100'), a=1)
    with pytest.raises(AgentFailed):
        ask(box, module(more="(table 10000000 funcref)"), a=1)


def test_answers_and_modules_have_a_size(box: Sandbox) -> None:
    long = f"(drop (memory.grow (i32.const 100))) (return (i64.const {CODE_OUTPUT_BYTES + 1}))"
    for source in (module(long), b"\0asm" + b"\0" * CODE_MODULE_BYTES):
        with pytest.raises(LimitExceeded) as refused:
            ask(box, source, a=1)
        assert refused.value.code == "code_too_large"


def test_a_module_that_is_too_costly_to_compile_is_given_up(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wasm, "COMPILE_SECONDS", 1)
    with pytest.raises(LimitExceeded) as refused:
        ask(box, "(module " + "(func)" * 300_000 + ")", a=1)
    assert refused.value.code == "code_too_large"
    assert "compiled" in refused.value.message


def test_many_at_once(box: Sandbox) -> None:
    found: list[Any] = []

    def run(n: int) -> None:
        try:
            found.append(ask(box, module("(loop (br 0))"), seconds=0.1) if n % 2 else ask(box, module(), n=n))
        except IonfluxError as error:
            found.append(error.code)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == ["code_too_long"] * 3 + ["{'n': 0}", "{'n': 2}", "{'n': 4}"]


def test_closing_stops_what_runs(box: Sandbox) -> None:
    other, codes = Sandbox(), list[str]()
    ask(other, module(), a=1)
    ticker = other._modules._ticker
    assert ticker is not None

    def run() -> None:
        with pytest.raises(IonfluxError) as stopped:
            ask(other, module("(loop (br 0))"), seconds=25)
        codes.append(stopped.value.code)

    thread = threading.Thread(target=run)
    thread.start()
    step = threading.Event()
    while not ticker._running:
        step.wait(0.01)
    other.close()
    thread.join(20)
    assert codes == ["stopping"]
    with pytest.raises(Unavailable):
        ask(other, module(), a=1)
