"""What a journaled run costs in process against a hand-written queue, and how soon its first step begins."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, median, percentile
from benchmarks.floor_queue import FloorQueue
from benchmarks.stores import BENCH_AGENTS, application
from ionflux_core.application import Application

_WAIT_SECONDS = 30.0


def journaled_run(folder: Path, *, quick: bool) -> list[Figure]:
    """Start a run of three steps that do nothing and wait for its success, one after the other, against the floor."""
    rounds, count = (3, 60) if quick else (7, 200)
    started = application(folder / "data", agents=BENCH_AGENTS, workers=1).start()
    queue = FloorQueue(folder / "floor.db")
    try:
        workspace_id, target = _target(started)
        for _ in range(30):
            _one_run(started, workspace_id, target)
            queue.run("warm")
        ours, floor, cpu, called = [], [], [], []
        for _ in range(rounds):
            began, used = time.perf_counter(), time.process_time()
            for _ in range(count):
                _one_run(started, workspace_id, target)
            ours.append((time.perf_counter() - began) * 1000 / count)
            cpu.append((time.process_time() - used) * 1000 / count)
            began = time.perf_counter()
            for _ in range(count):
                started.runs.call(workspace_id, target, {"text": "hello"}, timeout=_WAIT_SECONDS)
            called.append((time.perf_counter() - began) * 1000 / count)
            began = time.perf_counter()
            for _ in range(count):
                queue.run("hello")
            floor.append((time.perf_counter() - began) * 1000 / count)
    finally:
        queue.close()
        started.stop()
    return [
        Figure("journaled run of 3 no-op steps", "ms", median(ours), median(floor), "ratio<=", 10),
        Figure("the same, CPU", "ms", median(cpu), note="budget of section 7: 1 ms over HTTP"),
        Figure("the same, executed by its caller", "ms", median(called), median(floor), "ratio<=", 10),
    ]


def first_step(folder: Path, *, quick: bool) -> list[Figure]:
    """From calling start on an idle process to the recorded beginning of the first step."""
    started = application(folder / "data", agents=BENCH_AGENTS, workers=4).start()
    try:
        workspace_id, target = _target(started)
        for _ in range(20):
            _one_run(started, workspace_id, target)
        waits = []
        for _ in range(80 if quick else 300):
            time.sleep(0.005)
            called = datetime.now(UTC)
            run_id = _one_run(started, workspace_id, target)
            began = started.runs.steps(workspace_id, run_id, limit=1)[0].started_at
            waits.append((began - called).total_seconds() * 1000)
    finally:
        started.stop()
    return [
        Figure("start -> first step, p50", "ms", percentile(waits, 0.5), None, "value<=", 20),
        Figure("start -> first step, p99", "ms", percentile(waits, 0.99), None, "value<=", 150),
    ]


def _target(started: Application) -> tuple[str, str]:
    workspace = started.workspaces.create("Bench")
    return workspace.id, started.agents.create(workspace.id, "three_steps", "Three steps").id


def _one_run(started: Application, workspace_id: str, target: str) -> str:
    run_id = started.runs.start(workspace_id, target, {"text": "hello"}).run_id
    run = started.runs.wait(workspace_id, run_id, timeout=_WAIT_SECONDS)
    if run.status != "success":
        raise RuntimeError(f"a run of the bench ended as {run.status}")
    return run_id
