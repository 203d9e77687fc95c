"""kill -9, again and again: no run is lost, and no step that was recorded as finished runs again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ionflux_core.application import Application
from ionflux_core.domain.runs import RunFilter
from ionflux_core.storage.tables import run_steps, runs
from tests.agents_for_tests.world import wait_for

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SEED = 20261121


class Process:
    """A worker process that can be killed."""

    def __init__(self, app: Application) -> None:
        command = [sys.executable, str(HERE / "child.py"), str(app.settings.data_dir), app.settings.database_url]
        self.child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ready(self) -> None:
        """Wait until it works."""
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """No goodbye."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()


@contextmanager
def process(app: Application) -> Iterator[Process]:
    """A process that is surely gone afterwards."""
    started = Process(app)
    try:
        yield started
    finally:
        started.kill()


@pytest.fixture
def looking_on(make_application: Callable[..., Application]) -> Callable[[str], tuple[Application, str]]:
    """An application that executes nothing itself, and a workspace."""

    def make(url: str) -> tuple[Application, str]:
        app = make_application(agents_dir=HERE / "agents", database_url=url, workers=0)
        return app, app.workspaces.create("Crash").id

    return make


def _finished(app: Application) -> set[str]:
    with app.db.read() as connection:
        rows = connection.execute(
            select(run_steps.c.run_id, run_steps.c.step_key).where(run_steps.c.status == "success")
        )
        return {f"{run_id}/{key}" for run_id, key in rows}


def _done(app: Application, workspace: str) -> int:
    return app.runs.count(workspace, RunFilter(statuses=["success"]))


def _kill_until_done(app: Application, workspace: str, file: Path, count: int, dice: random.Random) -> tuple[int, int]:
    """Kill at random points until everything is done; how many kills, and how many recorded steps ran again."""
    kills = repeated = 0
    recorded: set[str] = set()
    read = 0
    while _done(app, workspace) < count:
        assert kills < 300, "the runs do not come to an end"
        worker = Process(app)
        try:
            if dice.random() < 0.1:
                time.sleep(dice.random())
            else:
                worker.ready()
                time.sleep(dice.uniform(0.05, 0.9))
        finally:
            worker.kill()
        kills += 1
        lines = file.read_text().splitlines() if file.exists() else []
        repeated += sum(line in recorded for line in lines[read:])
        read, recorded = len(lines), _finished(app)
    return kills, repeated


def _crash(app: Application, workspace: str, file: Path, count: int, seed: int) -> None:
    dice = random.Random(seed)
    started = [app.runs.start(workspace, "agent:five_steps", {"file": str(file)}).run_id for _ in range(count)]
    kills, repeated = _kill_until_done(app, workspace, file, count, dice)
    assert kills > 0 and repeated == 0
    with app.db.read() as connection:
        statuses = Counter(connection.execute(select(runs.c.status)).scalars())
        totals = set(connection.execute(select(runs.c.outputs)).scalars().all()[0].items())
    assert statuses == {"success": count} and totals == {("total", 10)}
    assert _finished(app) == {f"{run_id}/step {n}" for run_id in started for n in range(5)}
    ran = Counter(file.read_text().splitlines())
    assert set(ran) == _finished(app)
    # What ran twice was in flight at a kill: at most one step of each of the four workers.
    assert sum(ran.values()) - len(ran) <= 4 * kills
    if app.db.is_sqlite:
        with app.db.read() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


@pytest.mark.timeout(900)
def test_200_runs_of_five_steps_survive_kills_at_random_points(
    looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path
) -> None:
    app, workspace = looking_on("")
    _crash(app, workspace, tmp_path / "lines", 200, SEED)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(6))
def test_many_seeds_survive_kills(
    database_url: str, looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path, seed: int
) -> None:
    app, workspace = looking_on(database_url)
    _crash(app, workspace, tmp_path / "lines", 200, seed)


@pytest.mark.timeout(240)
def test_parked_runs_survive_a_kill(
    database_url: str, looking_on: Callable[[str], tuple[Application, str]], tmp_path: Path
) -> None:
    app, workspace = looking_on(database_url)
    file = tmp_path / "lines"
    by_kind = {
        kind: app.runs.start(workspace, "agent:parker", {"file": str(file), "waits_for": kind}).run_id
        for kind in ("approval", "timer", "answer")
    }

    def statuses() -> dict[str, str]:
        return {kind: app.runs.get(workspace, run_id).status for kind, run_id in by_kind.items()}

    parked = {"approval": "awaiting_approval", "timer": "waiting", "answer": "waiting"}
    with process(app) as first:
        first.ready()
        wait_for(lambda: statuses() == parked or statuses()["timer"] == "success", 20, statuses)
    # Nobody is there to take the answers; they must not be lost.
    (question,) = app.approvals.pending(workspace)
    app.approvals.decide(workspace, question.id, approved=True)
    app.events.publish(workspace, "shop.reply", {"paid": True})
    time.sleep(1.5)
    with process(app) as second:
        second.ready()
        wait_for(lambda: set(statuses().values()) == {"success"}, 20, statuses)
    answers = {kind: app.runs.get(workspace, run_id).outputs for kind, run_id in by_kind.items()}
    assert answers == {"approval": {"answer": True}, "timer": {"answer": None}, "answer": {"answer": {"paid": True}}}
    assert Counter(file.read_text().splitlines()) == {
        f"{run_id}/{name}": 1 for run_id in by_kind.values() for name in ("before", "after")
    }
