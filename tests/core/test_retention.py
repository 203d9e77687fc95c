"""Retention: what goes and what never does, files by reference, and a disk that gets its space back meanwhile."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ionflux_core import ids
from ionflux_core.domain.runs import RunFilter
from ionflux_core.errors import Conflict
from ionflux_core.ids import new_id, now
from ionflux_core.limits import MIB
from ionflux_core.services.retention import Keeping
from ionflux_core.storage import retention as rows
from ionflux_core.storage.tables import artifacts, runs
from tests.agents_for_tests.world import Clock, World, small_world, world

__all__ = ["small_world", "world"]

FOREVER = {"days": None, "count": None}


@pytest.fixture
def keeper(world: World) -> World:
    """A world with a clock that can be put forward and an agent that fails, waits, or stores a file when told to."""

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        value = inputs.get("value")
        ctx.log("a line")
        ctx.step("work", lambda: 1)
        if value == "fail":
            raise ValueError("no")
        if value == "ask":
            ctx.approve("Send it?")
        ref = ctx.artifact("note.txt", str(value)) if isinstance(value, str) and value.startswith("file") else None
        ctx.kpi("made", 1)
        return {"result": {"sha256": ref.sha256} if ref else None}

    world.agent("probe", run, breaker=100)
    return world


def keep(world: World, **rules: Any) -> None:
    world.app.workspaces.save_settings(world.workspace, {"retention": rules})


def left(world: World) -> set[str]:
    return {run.id for run in world.app.runs.find(world.workspace, limit=200).runs}


def aged(world: World, days: float, *run_ids: str) -> None:
    at = now() - timedelta(days=days)
    world.app.db.write(
        lambda c: c.execute(update(runs).where(runs.c.id.in_(run_ids)).values(finished_at=at, created_at=at))
    )


def test_days_and_counts_hold_for_each_way_a_run_ends(keeper: World) -> None:
    good = [keeper.run("probe").id for _ in range(5)]
    bad = [keeper.run("probe", "fail").id for _ in range(3)]
    stopped = keeper.start("probe", "ask")
    keeper.until(stopped, "awaiting_approval")
    keeper.app.runs.cancel(keeper.workspace, stopped)
    keep(keeper, success={"days": 10, "count": 3}, error=FOREVER, cancelled={"days": 1})
    aged(keeper, 11, good[4], bad[0])
    aged(keeper, 2, stopped)
    plan = keeper.app.keeping.plan(keeper.workspace)
    assert (plan.runs, plan.steps) == (4, 5)
    steps_before = len(keeper.rows("run_steps"))
    removed = keeper.app.keeping.run(keeper.workspace, by="Ana")
    # The newest three successes are 2, 3 and 4, of which 4 is too old; 0 and 1 are one too many each.
    assert left(keeper) == {good[2], good[3], *bad} and removed.runs == 4
    assert len(keeper.rows("run_steps")) == steps_before - plan.steps
    for table in ("run_steps", "run_logs", "calls", "value_entries", "approvals"):
        assert {row.run_id for row in keeper.rows(table)} <= left(keeper)
    assert len(keeper.rows("kpi_points")) == 5
    assert keeper.app.keeping.plan(keeper.workspace).runs == 0
    at, done = keeper.app.keeping.last_pass(keeper.workspace) or (None, {})
    assert at is not None and done["runs"] == 4
    assert keeper.rows("audit_log", action="retention")[0].who == "Ana"


def test_a_run_from_a_file_is_as_old_as_its_import(keeper: World, tmp_path: Path) -> None:
    file = tmp_path / "old.ionrun"
    run = keeper.run("probe").id
    aged(keeper, 400, run)
    with file.open("wb") as target:
        keeper.app.run_files.export(keeper.workspace, run, target)
    imported = keeper.app.run_files.bring_in(keeper.workspace, file, by="Ana").run_id
    keep(keeper, success={"days": 30})
    keeper.app.keeping.run(keeper.workspace)
    assert left(keeper) == {imported}
    ids.set_clock(lambda: datetime.now(UTC) + timedelta(days=31))
    keeper.app.keeping.run(keeper.workspace)
    assert left(keeper) == set()


def test_what_is_needed_stays_whatever_the_rules_say(keeper: World) -> None:
    parent, child, grandchild, alone, replayed = (keeper.run("probe").id for _ in range(5))
    waiting = keeper.run("probe", "ask").id
    keeper.app.stop()

    def lineage(connection: Any) -> None:
        for run_id, origin in ((child, parent), (grandchild, child)):
            connection.execute(update(runs).where(runs.c.id == run_id).values(parent_run_id=origin, lineage="fork"))
        connection.execute(update(runs).where(runs.c.id == grandchild).values(replay_of=replayed))

    app = keeper.application()
    pending = app.runs.start(keeper.workspace, "agent:probe").run_id
    app.db.write(lineage)
    app.workspaces.save_settings(keeper.workspace, {"retention": {"success": {"days": 1}}})
    at = now() - timedelta(days=30)
    app.db.write(lambda c: c.execute(update(runs).where(runs.c.id != grandchild).values(finished_at=at)))

    def here() -> set[str]:
        return {run.id for run in app.runs.find(keeper.workspace, limit=200).runs}

    app.keeping.run(keeper.workspace)
    assert here() == {parent, child, grandchild, replayed, waiting, pending}
    app.db.write(lambda c: c.execute(update(runs).where(runs.c.id == grandchild).values(finished_at=at)))
    app.keeping.run(keeper.workspace)
    assert here() == {waiting, pending} and alone not in here()


def test_a_run_that_becomes_needed_after_the_plan_stays(keeper: World) -> None:
    first, second = keeper.run("probe").id, keeper.run("probe").id
    keeper.app.db.write(
        lambda c: c.execute(update(runs).where(runs.c.id == second).values(parent_run_id=first, lineage="retry"))
    )
    assert keeper.app.db.write(lambda c: rows.remove(c, [first])) == 0
    assert keeper.app.db.write(lambda c: rows.remove(c, [first, second])) == 2


def test_other_workspaces_are_left_alone(keeper: World) -> None:
    mine = keeper.run("probe").id
    other = keeper.app.workspaces.create("Other").id
    keeper.app.workspaces.save_settings(other, {"retention": {"success": {"days": 1, "count": 0}}})
    aged(keeper, 1000, mine)
    keep(keeper, success=FOREVER)
    assert keeper.app.keeping.plan(other).runs == 0
    assert keeper.app.keeping.run(other).runs == 0
    assert left(keeper) == {mine}


def test_old_events_and_firings_go_and_unread_ones_stay(keeper: World) -> None:
    keeper.started()
    for _ in range(3):
        keeper.app.events.publish(keeper.workspace, "test.thing", {})
    keeper.run("probe")
    keeper.app.stop()
    app = keeper.application()
    app.workspaces.save_settings(keeper.workspace, {"retention": {"event_days": 5}})
    app.db.write(
        lambda c: c.exec_driver_sql("UPDATE events SET at = '2020-01-01T00:00:00.000000+00:00', status = "
                                    "CASE WHEN seq = 1 THEN 'pending_processing' ELSE 'processed' END")
    )  # fmt: skip
    plan = app.keeping.plan(keeper.workspace)
    assert plan.events == len(keeper.rows("events")) - 1 > 0
    assert app.keeping.run(keeper.workspace).events >= plan.events
    assert [row.seq for row in keeper.rows("events", status="pending_processing")] == [1]


def _age_files(world: World, days: float = 30) -> None:
    at = now() - timedelta(days=days)
    world.app.db.write(lambda c: c.execute(update(artifacts).values(created_at=at)))
    for path in (world.app.settings.data_dir / "artifacts").glob("??/*"):
        os.utime(path, (time.time() - 86_400 * days,) * 2)


def _stored(world: World) -> set[str]:
    return {path.name for path in (world.app.settings.data_dir / "artifacts").glob("??/*")}


def test_a_file_of_several_runs_stays_until_the_last_of_them_has_gone(keeper: World) -> None:
    first, second = keeper.run("probe", "file shared").id, keeper.run("probe", "file shared").id
    own = keeper.run("probe", "file own").id
    (shared,) = {row.sha256 for row in keeper.rows("artifacts", run_id=first)}
    upload = keeper.app.runs.upload(keeper.workspace, "a.csv", b"used by an instance", "text/csv")["sha256"]
    unused = keeper.app.runs.upload(keeper.workspace, "b.csv", b"used by nobody", "text/csv")["sha256"]
    keeper.instance("probe", yaml=f"inputs:\n  value: {{sha256: {upload}, name: a.csv}}\n")
    keep(keeper, success={"days": 7})
    aged(keeper, 8, first, own)
    assert keeper.app.keeping.run(keeper.workspace).files == 0, "what is fresh is kept: it may be about to be used"
    _age_files(keeper)
    removed = keeper.app.keeping.run(keeper.workspace)
    assert removed.files == 2 and _stored(keeper) == {shared, upload}
    assert {row.sha256 for row in keeper.rows("artifacts")} == {shared, upload}
    aged(keeper, 8, second)
    assert keeper.app.keeping.run(keeper.workspace).files == 1 and _stored(keeper) == {upload}
    assert unused not in _stored(keeper)


def test_a_file_of_another_workspace_and_what_broken_writes_left(keeper: World) -> None:
    other = keeper.app.workspaces.create("Other").id
    sha256 = ""
    for workspace in (keeper.workspace, other):
        sha256 = keeper.app.runs.upload(workspace, "same.txt", b"same bytes", "text/plain")["sha256"]
    folder = keeper.app.settings.data_dir / "artifacts"
    (folder / sha256[:2] / f"{sha256}.x.part").write_bytes(b"half")
    _age_files(keeper)
    keeper.app.db.write(lambda c: c.execute(artifacts.delete().where(artifacts.c.workspace_id == other)))
    keeper.instance("probe", yaml=f"inputs:\n  value: {sha256}\n")
    assert keeper.app.keeping.run(keeper.workspace).files == 1
    assert _stored(keeper) == {sha256}


def test_bytes_that_are_stored_again_while_they_are_swept_are_not_lost(small_world: World) -> None:
    files = small_world.app.files
    sha256 = files.write(b"wanted again")
    path = next((small_world.app.settings.data_dir / "artifacts").glob("??/*"))
    os.utime(path, (0, 0))
    assert files.sweep(lambda hashes: files.write(b"wanted again") and set()) == 0  # type: ignore[func-returns-value]
    assert files.read(sha256) == b"wanted again"


def test_one_process_at_a_time_and_each_workspace_once_a_night(keeper: World) -> None:
    clock = Clock()
    app = keeper.app
    app.workspaces.save_settings(keeper.workspace, {"timezone": "Europe/Lisbon"})
    other = Keeping(app.db, app.workspaces, app.files, app.settings.data_dir)
    other._take_lease()
    with pytest.raises(Conflict, match="under way"):
        app.keeping.run(keeper.workspace)
    app.keeping.nightly()
    assert app.keeping.last_pass(keeper.workspace) is None
    other._drop_lease()
    passes = []
    for _ in range(60):
        clock.forward(hours=1)
        app.workspaces.forget()
        app.keeping.nightly()
        last = app.keeping.last_pass(keeper.workspace)
        if last and last[0] == clock.at:
            passes.append(clock.at.hour)
    assert passes == [3, 3], "the first time it is seen, nothing goes before its people could look at the rules"


def test_a_pass_that_is_told_to_stop_ends_after_its_batch(keeper: World) -> None:
    for _ in range(5):
        keeper.run("probe")
    keep(keeper, success={"days": None, "count": 0})
    keeper.app.keeping.stop()
    assert keeper.app.keeping.run(keeper.workspace).runs == 0


def test_figures_drawn_after_a_pass_know_only_what_is_there(small_world: World) -> None:
    small_world.agent("probe", lambda ctx, inputs: {"result": 1})
    ids = [small_world.run("probe").id for _ in range(4)]
    cache = small_world.app.cache
    cache.refresh(budget=None)
    keep(small_world, success={"days": None, "count": 2})
    small_world.app.keeping.run(small_world.workspace)
    cache.refresh(max_age=0, budget=None)
    found = {row["id"] for row in cache.query("SELECT id FROM runs", {})}
    assert found == set(ids[2:])


# --- the disk


def _fill(world: World, count: int, steps: int = 5) -> None:
    """Copies of one real run with its steps, logs and calls."""
    from ionflux_core.storage.tables import calls, run_logs, run_steps

    first = world.run("probe", {"text": "lorem ipsum " * 20}).id
    kept = {t.name: [row._asdict() for row in world.rows(t.name, run_id=first)] for t in (run_steps, run_logs, calls)}
    (run,) = [row._asdict() for row in world.rows("runs", id=first)]
    step = kept["run_steps"][0]
    for start in range(0, count, 500):
        ids = [new_id() for _ in range(start, min(count, start + 500))]

        def work(connection: Any, ids: list[str] = ids, start: int = start) -> None:
            several = [
                {**run, "id": each, "idempotency_key": None, "status": "error" if n % 10 == 0 else "success",
                 "change_seq": run["change_seq"] + start + n, "correlation_id": each}
                for n, each in enumerate(ids)
            ]  # fmt: skip
            connection.execute(runs.insert(), several)
            connection.execute(
                run_steps.insert(),
                [{**step, "run_id": each, "step_key": f"work[{n}]", "seq": n, "outputs": {"text": f"{each} " * 8}}
                 for each in ids for n in range(steps)],
            )  # fmt: skip
            connection.execute(
                run_logs.insert(),
                [{**line, "seq": None, "run_id": each} for each in ids for line in kept["run_logs"]],
            )

        world.app.db.write(work)


def _live_bytes(world: World, tmp_path: Path) -> int:
    """What a copy without any holes takes."""
    import sqlite3
    from contextlib import closing

    copy = tmp_path / f"live-{new_id()}.sqlite"
    with closing(sqlite3.connect(world.app.settings.data_dir / "ionflux.sqlite")) as raw:
        raw.execute("VACUUM INTO ?", [str(copy)])
    return copy.stat().st_size


def _taken(world: World) -> int:
    return sum(path.stat().st_size for path in world.app.settings.data_dir.glob("ionflux.sqlite*"))


def _work(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    ctx.log("a line")
    return {"result": ctx.step("work", lambda: inputs.get("value"))}


def _disk_comes_back(world: World, tmp_path: Path, count: int, *, fixed: int = 0) -> dict[str, float]:
    world.agent("probe", _work)
    _fill(world, count)
    world.app.search.catch_up()
    before = _taken(world)
    keep(world, success={"days": None, "count": count // 10}, error={"days": None, "count": count // 50})
    stop, waits, failed = threading.Event(), [], []

    def go_on_working() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            run = world.app.runs.call(world.workspace, "agent:probe", {"value": "beside"}, timeout=30)
            waits.append(time.perf_counter() - began)
            if run.status != "success":
                failed.append(run)
            time.sleep(0.02)

    worker = threading.Thread(target=go_on_working)
    worker.start()
    try:
        removed = world.app.keeping.run(world.workspace)
    finally:
        stop.set()
        worker.join()
    after, live = _taken(world), _live_bytes(world, tmp_path)
    waits.sort()
    figures = {
        "runs": removed.runs, "seconds": removed.seconds, "before_mib": before / 2**20, "after_mib": after / 2**20,
        "live_mib": live / 2**20, "ratio": after / live, "beside": len(waits),
        "p50_ms": waits[len(waits) // 2] * 1000, "worst_ms": waits[-1] * 1000,
    }  # fmt: skip
    assert not failed and removed.runs >= count * 0.8
    assert after < 1.3 * live + fixed < before, figures
    return figures


def test_complaint_17_a_small_history_gives_the_disk_back_while_runs_go_on(small_world: World, tmp_path: Path) -> None:
    # A log of the runs beside, and the slack that saves moving pages about, weigh the more the smaller a file is.
    figures = _disk_comes_back(small_world, tmp_path, 2_000, fixed=2 * MIB)
    assert figures["worst_ms"] < 2_000, figures


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_complaint_17_100_000_steps_then_retention_and_the_file_is_small_without_stopping(
    small_world: World, tmp_path: Path
) -> None:
    figures = _disk_comes_back(small_world, tmp_path, 20_000)
    assert figures["worst_ms"] < 2_000, figures
    found = small_world.app.search.find(small_world.workspace, RunFilter(text="lorem"), limit=1)
    assert found.runs


def test_complaint_17_a_file_of_an_older_version_is_written_anew_once(small_world: World, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    app = small_world.app
    app.stop()
    with closing(sqlite3.connect(app.settings.data_dir / "ionflux.sqlite")) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
        raw.execute("PRAGMA auto_vacuum=NONE")
        raw.execute("VACUUM")
    again = small_world.application()
    assert not again.keeping.sizes().gives_back
    before, after = again.keeping.rewrite()
    assert again.keeping.sizes().gives_back and after.log == 0 and before.database > 0
