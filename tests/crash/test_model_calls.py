"""kill -9 while a model answers: what was answered and recorded is not asked, and not paid, again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ionflux_core.application import Application
from tests.crash.test_recovery import SEED, Process, _done, looking_on
from tests.stand_ins import wire
from tests.stand_ins.server import Asked, Reply, StandIn, stand_in, whole

__all__ = ["looking_on"]

RUNS, QUESTIONS = 8, 5


def _recorded(app: Application, workspace: str) -> set[str]:
    """Questions whose answer is recorded, as `run/question n`."""
    found = set[str]()
    for run in app.runs.find(workspace, limit=200).runs:
        for number, step in enumerate(app.runs.steps(workspace, run.id)):
            found |= {f"{run.id}/question {number}"} if step.status == "success" else set()
    return found


def _question(asked: Asked) -> str:
    text: str = asked.body["messages"][-1]["content"]
    return text.partition(":")[0]


def _answering(server: StandIn) -> None:
    """Answer each question with its own words, after a moment in which a process can die."""

    def hear(asked: Asked) -> Reply:
        with server._lock:
            server.requests.append(asked)
        return whole(wire.chat(f"On {_question(asked)[-1]}"), delay=0.05)

    server.hear = hear  # type: ignore[method-assign]


@pytest.mark.timeout(300)
def test_model_answers_are_not_paid_again_after_kills_at_random_points(
    looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path
) -> None:
    app, workspace = looking_on("")
    dice, kills, repeated, read = random.Random(SEED), 0, 0, 0
    with stand_in() as server:
        _answering(server)
        settings = {
            "outbound_allow": [f"127.0.0.1:{server.port}"],
            "providers": {"compatible": {"base_url": f"{server.url}/v1", "api": "chat"}},
        }
        app.workspaces.save_settings(workspace, settings)
        started = [app.runs.start(workspace, "agent:five_answers").run_id for _ in range(RUNS)]
        recorded = set[str]()
        while _done(app, workspace) < RUNS:
            assert kills < 100, "the runs do not come to an end"
            worker = Process(app)
            try:
                worker.ready()
                _wait_for_answers(server, read + dice.randint(5, 20), lambda: _done(app, workspace) == RUNS)
            finally:
                worker.kill()
            kills += 1
            asked = [_question(each) for each in server.requests]
            repeated += sum(question in recorded for question in asked[read:])
            read, recorded = len(asked), _recorded(app, workspace)
    assert kills > 2 and repeated == 0
    assert recorded == {f"{run_id}/question {n}" for run_id in started for n in range(QUESTIONS)}
    for run_id in started:
        assert app.runs.get(workspace, run_id).outputs == {"answers": [f"On {n}" for n in range(QUESTIONS)]}
    # What was asked twice was in flight at a kill: at most one question of each of the four workers.
    counts = Counter(_question(each) for each in server.requests)
    assert sum(counts.values()) - len(counts) <= 4 * kills


def _wait_for_answers(server: StandIn, count: int, done: Callable[[], bool]) -> None:
    """Until that many questions have come, or no more do; the first one waits for the client's library to load."""
    came, patience, since = len(server.requests), 30.0, time.monotonic()
    while len(server.requests) < count and time.monotonic() - since < patience and not done():
        if len(server.requests) != came:
            came, patience, since = len(server.requests), 2.0, time.monotonic()
        time.sleep(0.01)
