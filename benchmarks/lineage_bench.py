"""How soon a fork stands, how long a replay takes, for a run of 20 steps x 10 KB; and what recording calls costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.figures import Figure, median
from benchmarks.stores import BENCH_AGENTS, application
from ionflux_core.application import Application
from ionflux_core.runtime.calls import Calls

_WAIT_SECONDS = 60.0
FORK_MS, REPLAY_MS = 100, 1_000
RECORDING_MS = 1


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
        recorded, unrecorded = [], []
        for _ in range(rounds):
            for took, each in ((recorded, _recorded), (unrecorded, _unrecorded)):
                with each():
                    took.append(_timed(4, lambda: _asked(started, ws))[0])
    finally:
        started.stop()
    with_rows, without = median(recorded), median(unrecorded)
    return [
        Figure("fork at step 16 of 20, accepted", "ms", forked, None, "value<=", FORK_MS, "15 steps reused"),
        Figure("replay of 20 steps, to its end", "ms", replayed, None, "value<=", REPLAY_MS),
        Figure("run of 5 model calls, recorded", "ms", with_rows, without, note="floor: the same without call rows"),
        Figure(
            "recording one model call",
            "ms",
            (with_rows - without) / 5,
            None,
            "value<=",
            RECORDING_MS,
            "a tenth of the fastest call a run can make: 10 ms",
        ),
    ]


def _timed(rounds: int, work: Callable[[], str]) -> tuple[float, list[str]]:
    took, answers = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        answers.append(work())
        took.append((time.perf_counter() - began) * 1000)
    return median(took), answers


def _asked(started: Application, ws: str) -> str:
    run = started.runs.call(ws, "agent:five_answers", {"text": "linen"}, timeout=_WAIT_SECONDS)
    if run.status != "success":
        raise RuntimeError(f"a run of the bench ended as {run.status}")
    return run.id


@contextmanager
def _recorded() -> Iterator[None]:
    yield


@contextmanager
def _unrecorded() -> Iterator[None]:
    @contextmanager
    def nothing(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
        yield {}

    with patch.object(Calls, "recorded", nothing):
        yield
