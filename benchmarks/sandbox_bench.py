"""What a step with code takes: JavaScript from the stock of started processes and without it, WebAssembly, crowds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, median, percentile
from benchmarks.pages_bench import NotHere
from ionflux_core.sandbox import pool
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.sandbox.walls import standing
from ionflux_core.sandbox.worker import Worker, resident

SCRIPT_MS, MODULE_MS = 40, 1
LINES = [{"sku": f"A-{at}", "price": at * 1.5, "count": at % 7} for at in range(100)]
SCRIPT = "export default ({ lines }) => lines.reduce((sum, line) => sum + line.price * line.count, 0)"
TYPED = SCRIPT.replace("({ lines })", "({ lines }: { lines: { price: number; count: number }[] }): number")
# Gives back what it was given.
MODULE = """(module (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "run") (param $ptr i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))))"""
AT_ONCE = 4


def sandbox(folder: Path, *, quick: bool) -> list[Figure]:
    """Steps over 100 order lines, each answer checked; pauses let the stock fill up, as between steps of a flow."""
    if not standing().whole:
        raise NotHere(standing().sentence)
    rounds = 8 if quick else 30
    right = sum(line["price"] * line["count"] for line in LINES)  # type: ignore[operator]
    box = Sandbox()
    try:
        script = _step(box, "js", SCRIPT, right)
        script()
        stocked = _timed(rounds, script, before=lambda: _until_stocked(box))
        typed = _timed(rounds, _step(box, "ts", TYPED, right), before=lambda: _until_stocked(box))
        empty = _timed(rounds, script)
        crowd = _crowd(script, rounds // AT_ONCE)
        module = _step(box, "wasm", MODULE, {"lines": LINES})
        began = time.perf_counter()
        module()
        compiled = (time.perf_counter() - began) * 1000
        warm = _timed(rounds * 10, module)
    finally:
        box.close()
    return [
        Figure("JavaScript, from the stock", "ms", median(stocked), None, "value<=", SCRIPT_MS),
        Figure("JavaScript, from the stock, 95 of 100", "ms", percentile(stocked, 0.95)),
        Figure("TypeScript, from the stock", "ms", median(typed), None, "value<=", SCRIPT_MS),
        Figure("JavaScript, one right after the other", "ms", median(empty), note=f"a stock of {pool.READY}"),
        Figure(f"JavaScript, {AT_ONCE} at once", "ms", crowd, note="each, until all are done"),
        Figure("WebAssembly", "ms", median(warm), None, "value<=", MODULE_MS),
        Figure("WebAssembly, the first time", "ms", compiled, note="compiled in a process of its own"),
        Figure("memory of a process in stock", "MiB", _weight()),
    ]


def _step(box: Sandbox, language: Any, source: str, right: object) -> Callable[[], None]:
    def step() -> None:
        if box.run(language, source, {"lines": LINES}, seconds=20) != right:
            raise RuntimeError("the sandbox computed something else")

    return step


def _timed(rounds: int, work: Callable[[], None], *, before: Callable[[], None] = lambda: None) -> list[float]:
    took = []
    for _ in range(rounds):
        before()
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return took


def _until_stocked(box: Sandbox) -> None:
    """Until the stock is full, and its processes have had time to come up."""
    while box.in_stock < pool.READY:
        time.sleep(0.005)
    time.sleep(0.2)


def _crowd(work: Callable[[], None], rounds: int) -> float:
    took = []
    for _ in range(max(1, rounds)):
        threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took.append((time.perf_counter() - began) * 1000 / AT_ONCE)
    return median(took)


def _weight() -> float:
    worker = Worker(standing().command())
    try:
        time.sleep(1)
        return resident(worker.pid) / 1024**2
    finally:
        worker.end()
