"""How soon a fork stands, and how long a replay takes, for a run of 20 steps x 10 KB."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, median
from benchmarks.stores import BENCH_AGENTS, application

_WAIT_SECONDS = 60.0
FORK_MS, REPLAY_MS = 100, 1_000


def lineage(folder: Path, *, quick: bool) -> list[Figure]:
    """A fork late in a run, until it is accepted with its steps verified; a replay, from the click to its end."""
    rounds = 5 if quick else 21
    started = application(folder / "data", agents=BENCH_AGENTS, workers=2).start()
    try:
        ws = started.workspaces.create("Bench").id
        inputs = {"text": "everybody in the list"}
        parent = started.runs.call(ws, "agent:twenty_texts", inputs, timeout=_WAIT_SECONDS)
        at = started.runs.steps(ws, parent.id)[15].step_key

        def ended(run_id: str) -> None:
            run = started.runs.wait(ws, run_id, timeout=_WAIT_SECONDS)
            if run.status != "success":
                raise RuntimeError(f"a run of the bench ended as {run.status}")

        forked, made = _timed(rounds, lambda: started.forks.fork(ws, parent.id, step=at, inputs={"text": "x"}).run_id)
        for run_id in made:
            ended(run_id)
        replayed, _ = _timed(rounds, lambda: str(ended(started.forks.replay(ws, parent.id).run_id)))
    finally:
        started.stop()
    return [
        Figure("fork at step 16 of 20, accepted", "ms", forked, None, "value<=", FORK_MS, "15 steps reused"),
        Figure("replay of 20 steps, to its end", "ms", replayed, None, "value<=", REPLAY_MS),
    ]


def _timed(rounds: int, work: Callable[[], str]) -> tuple[float, list[str]]:
    took, answers = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        answers.append(work())
        took.append((time.perf_counter() - began) * 1000)
    return median(took), answers
