"""How long two long runs take to be compared, and one to become a file and a run again."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from benchmarks.figures import Figure, median
from benchmarks.stores import BENCH_AGENTS, application
from ionflux_core.application import Application
from ionflux_core.ids import new_id

_WAIT_SECONDS = 60.0
COMPARE_MS = 1_000


def compare(folder: Path, *, quick: bool) -> list[Figure]:
    """Two runs of 20 steps x 10 KB compared up to the JSON a page is given, against difflib over the same texts."""
    rounds = 3 if quick else 11
    started = application(folder / "data", agents=BENCH_AGENTS, workers=2).start()
    try:
        ws = started.workspaces.create("Bench").id
        left, right = (_one_run(started, ws, who) for who in ("everybody in the list", "students"))
        pairs = list(zip(_texts(started, ws, left), _texts(started, ws, right), strict=True))
        size = median(len(text) for text, _ in pairs)
        file = folder / "run.ionrun"
        compared = _timed(rounds, lambda: to_json(started.comparisons.runs(ws, left, right)))
        floor = _timed(rounds, lambda: [_plain_difference(one, two) for one, two in pairs])
        exported = _timed(rounds, lambda: _export(started, ws, left, file))
        imported = _timed(rounds, lambda: _import(started, file))
    finally:
        started.stop()
    note = f"{len(pairs)} steps of {size / 1024:.0f} KB"
    return [
        Figure("compare two runs", "ms", compared, floor, "value<=", COMPARE_MS, note),
        Figure("export a run to .ionrun", "ms", exported, note=f"{file.stat().st_size / 1024:.0f} KB"),
        Figure("import it into another workspace", "ms", imported),
    ]


def _one_run(started: Application, ws: str, who: str) -> str:
    run_id = started.runs.start(ws, "agent:twenty_texts", {"text": who}).run_id
    run = started.runs.wait(ws, run_id, timeout=_WAIT_SECONDS)
    if run.status != "success":
        raise RuntimeError(f"a run of the bench ended as {run.status}")
    return run_id


def _texts(started: Application, ws: str, run_id: str) -> list[str]:
    return [str(step.outputs) for step in started.runs.steps(ws, run_id)]


def _plain_difference(one: str, two: str) -> list[str]:
    return list(difflib.unified_diff(one.splitlines(), two.splitlines(), lineterm=""))


def _export(started: Application, ws: str, run_id: str, file: Path) -> None:
    with file.open("wb") as target:
        started.run_files.export(ws, run_id, target)


def _import(started: Application, file: Path) -> None:
    # A new workspace each time: the same file would only give the same run.
    ws = started.workspaces.create(f"Guest {new_id()}").id
    if started.run_files.bring_in(ws, file).repeated:
        raise RuntimeError("the file had been imported before")


def _timed(rounds: int, work: Callable[[], Any]) -> float:
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)
