"""The cache tells what the run store tells: after changes, late commits, damage, another process and a restore."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from ionflux_core import ids
from ionflux_core.analytics import figures, kpis
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.metrics import MEASURES, METRICS
from ionflux_core.analytics.scope import Scope, clock_shifts, day_bounds
from ionflux_core.errors import Unavailable
from ionflux_core.ids import new_id
from ionflux_core.storage import audit, steps, tables
from ionflux_core.storage import kpis as kpi_rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.engine import Database, change_stamp

DAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.fixture
def two_workspaces(database: Database) -> tuple[str, str]:
    names = (new_id(), new_id())

    def work(connection: Any) -> None:
        user = new_id()
        times = {"created_at": DAY, "updated_at": DAY}
        connection.execute(
            tables.users.insert(), {"id": user, "email": "a@example.org", "name": "A", "profile": {}, **times}
        )
        for name in names:
            row = {"id": name, "name": name, "owner_user_id": user, "settings": {}, **times}
            connection.execute(tables.workspaces.insert(), row)

    database.write(work)
    return names


@pytest.fixture
def workspace(two_workspaces: tuple[str, str]) -> str:
    return two_workspaces[0]


@pytest.fixture
def cache(database: Database, data_dir: Path) -> Iterator[AnalyticsCache]:
    opened = AnalyticsCache(data_dir / "analytics.duckdb", database)
    yield opened
    opened.close()


def run_row(workspace: str, **changes: Any) -> dict[str, Any]:
    created = changes.pop("created_at", DAY)
    return {
        "id": new_id(), "workspace_id": workspace, "instance_id": None, "definition_slug": "word_counter",
        "definition_version": "1", "target": "agent:word_counter", "brand_id": None, "trigger_kind": "manual",
        "trigger": {}, "correlation_id": new_id(), "status": "success", "dry_run": False, "priority": 0,
        "concurrency": 1, "depth": 0, "attempt": 1, "claims": 1, "inputs": {}, "config": {}, "config_sha256": "0",
        "warnings": [], "kpis": {}, "cost_micros": 0, "created_at": created, "started_at": created,
        "finished_at": created + timedelta(seconds=2), "error": None,
    } | changes  # fmt: skip


def add(database: Database, *rows: dict[str, Any]) -> None:
    database.write(lambda connection: [run_rows.insert(connection, row) for row in rows])


def point(workspace: str, value: float, *, at: datetime = DAY, **changes: Any) -> dict[str, Any]:
    row = {
        "workspace_id": workspace, "instance_id": "instance-1", "brand_id": None, "definition_slug": "shop",
        "run_id": "r", "name": "revenue", "unit": "USD", "value": value, "at": at, "dims": {},
    } | changes  # fmt: skip
    row["id"] = kpi_rows.point_id(row["instance_id"], row["name"], row["at"], row["dims"])
    return row


def scope(workspace: str, **changes: Any) -> Scope:
    period = {"zone": BERLIN, "since": DAY - timedelta(days=30), "until": DAY + timedelta(days=1)}
    return Scope(workspace, **(period | changes))


def per_status(cache: AnalyticsCache, workspace: str) -> dict[str, int]:
    cache.refresh(max_age=0)
    counted: dict[str, int] = {}
    for row in kpis.runs_per_day(cache.query, scope(workspace)):
        counted[row["status"]] = counted.get(row["status"], 0) + row["runs"]
    return counted


def everything(cache: AnalyticsCache, workspace: str) -> list[Any]:
    part, ask = scope(workspace), cache.query
    queries = (
        kpis.totals, kpis.runs_per_day, kpis.success_per_day, kpis.durations, kpis.durations_per_day,
        kpis.runs_by_trigger, kpis.cost_per_day, kpis.failures_by_code, kpis.slowest_runs, kpis.step_times,
        kpis.values, kpis.kpi_series,
    )  # fmt: skip
    return [query(ask, part) for query in queries]  # type: ignore[operator]


def test_a_run_is_counted_in_its_newest_state(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    run = run_row(workspace, status="running", finished_at=None)
    add(database, run)
    assert per_status(cache, workspace) == {"running": 1}
    database.write(lambda c: run_rows.move(c, run["id"], "success", finished_at=DAY + timedelta(seconds=8)))
    assert per_status(cache, workspace) == {"success": 1}
    assert kpis.totals(cache.query, scope(workspace))["p50"] == pytest.approx(8)


def test_a_commit_that_lands_late_is_not_missed(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    stamp = change_stamp()
    add(database, run_row(workspace))
    assert per_status(cache, workspace) == {"success": 1}
    late = run_row(workspace, status="error", error={"code": "boom"}, change_seq=stamp - 5_000_000)
    database.write(lambda c: c.execute(tables.runs.insert(), late))
    assert per_status(cache, workspace) == {"success": 1, "error": 1}
    assert kpis.failures_by_code(cache.query, scope(workspace))[0]["code"] == "boom"


def test_rebuild_gives_identical_figures(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    fill_with_history(database, workspace)
    cache.refresh()
    before = everything(cache, workspace)
    assert before[0]["runs"] == 60
    cache.rebuild()
    assert everything(cache, workspace) == before


def test_the_file_can_be_deleted_at_any_time(database: Database, workspace: str, data_dir: Path) -> None:
    fill_with_history(database, workspace)
    path, answers = data_dir / "analytics.duckdb", []
    for _ in range(2):
        opened = AnalyticsCache(path, database)
        opened.refresh()
        answers.append(everything(opened, workspace))
        opened.close()
        path.unlink()
    assert answers[0] == answers[1]


def test_what_was_read_is_there_after_a_restart_and_not_read_twice(
    database: Database, workspace: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_with_history(database, workspace)
    first = AnalyticsCache(data_dir / "analytics.duckdb", database)
    first.refresh()
    before = everything(first, workspace)
    first.close()
    again = AnalyticsCache(data_dir / "analytics.duckdb", database)
    monkeypatch.setattr("ionflux_core.storage.feed.steps_of", lambda *_: pytest.fail("read an unchanged run again"))
    again.refresh()
    assert everything(again, workspace) == before
    again.close()


def fill_with_history(database: Database, workspace: str) -> None:
    """60 runs over 30 days with steps, values and KPI points, more than a batch and less than a second."""
    rows = [
        run_row(
            workspace,
            instance_id=None,
            created_at=DAY - timedelta(hours=12 * number),
            status="error" if number % 5 == 0 else "success",
            error={"code": f"e{number % 2}"} if number % 5 == 0 else None,
            trigger_kind=("manual", "schedule", "webhook")[number % 3],
            cost_micros=number * 1000,
        )
        for number in range(60)
    ]
    add(database, *rows)

    def more(connection: Any) -> None:
        steps.record(
            connection,
            [
                {"run_id": row["id"], "step_key": "a", "seq": 1, "kind": "step", "title": "Sum", "status": "success",
                 "attempt": 1, "inputs": None, "inputs_hash": None, "outputs": None, "output_ref": None, "error": None,
                 "cost_micros": 0, "started_at": row["created_at"],
                 "finished_at": row["created_at"] + timedelta(seconds=1)}
                for row in rows
            ],
        )  # fmt: skip
        entry = {"workspace_id": workspace, "unit": "min", "kind": "minutes_returned", "note": "", "at": DAY}
        kpi_rows.put_values(
            connection,
            [
                {**entry, "id": new_id(), "run_id": row["id"], "amount": 5.0, "method": method}
                for row, method in zip(rows, ("measured", "estimate") * 30, strict=True)
            ],
        )
        kpi_rows.put(connection, [point(workspace, 10.0 * n, at=DAY - timedelta(days=n)) for n in range(20)])

    database.write(more)


def test_methods_of_value_are_never_mixed(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    fill_with_history(database, workspace)
    cache.refresh()
    rows = kpis.values(cache.query, scope(workspace))
    assert [(row["method"], row["amount"]) for row in rows] == [("estimate", 150.0), ("measured", 150.0)]


def test_a_restored_older_store_is_read_anew(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    old, new = run_row(workspace), run_row(workspace)
    add(database, old, new)
    assert per_status(cache, workspace) == {"success": 2}
    database.write(lambda c: c.execute(delete(tables.runs).where(tables.runs.c.id == new["id"])))
    assert per_status(cache, workspace) == {"success": 1}
    database.write(lambda c: c.execute(delete(tables.runs)))
    assert per_status(cache, workspace) == {}


def test_one_workspace_never_sees_another(
    database: Database, cache: AnalyticsCache, two_workspaces: tuple[str, str]
) -> None:
    mine, other = two_workspaces
    fill_with_history(database, other)
    cache.refresh()
    empty = everything(cache, mine)
    assert empty[0]["runs"] == 0 and not any(empty[1:])
    hostile = f"{mine}' OR '1'='1"
    part = scope(mine, instance_id=hostile, brand_id='"; DROP TABLE runs; --', definition_slug="%")
    assert kpis.runs_per_day(cache.query, part) == []
    assert kpis.kpi_series(cache.query, scope(mine), name="x' OR 1=1 --") == []
    assert kpis.totals(cache.query, scope(hostile))["runs"] == 0
    assert kpis.totals(cache.query, scope(other))["runs"] == 60


def test_filters_narrow(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    add(
        database,
        run_row(workspace, brand_id="b1", definition_slug="one"),
        run_row(workspace, brand_id="b2", definition_slug="one", status="error"),
        run_row(workspace, brand_id="b2", definition_slug="two", status="cancelled_by_user"),
        run_row(workspace, created_at=DAY - timedelta(days=40)),
    )
    cache.refresh()
    assert kpis.totals(cache.query, scope(workspace))["runs"] == 3
    assert kpis.totals(cache.query, scope(workspace, brand_id="b2"))["runs"] == 2
    assert kpis.totals(cache.query, scope(workspace, brand_id="b2", definition_slug="one"))["failures"] == 1
    assert kpis.totals(cache.query, scope(workspace, statuses=("error", "success")))["runs"] == 2
    # Cancelled runs say nothing about success.
    assert kpis.totals(cache.query, scope(workspace))["rate"] == pytest.approx(0.5)


def test_a_day_is_the_workspaces_day_through_a_clock_change(
    database: Database, cache: AnalyticsCache, workspace: str
) -> None:
    zone = ZoneInfo(BERLIN)
    moments = [
        datetime(2026, 10, 24, 23, 59, tzinfo=zone),
        datetime(2026, 10, 25, 0, 0, tzinfo=zone),
        datetime(2026, 10, 25, 23, 59, tzinfo=zone),
        datetime(2026, 10, 26, 0, 0, tzinfo=zone),
    ]
    add(database, *(run_row(workspace, created_at=moment.astimezone(UTC)) for moment in moments))
    cache.refresh()
    rows = kpis.runs_per_day(cache.query, scope(workspace, since=datetime(2026, 10, 20, tzinfo=UTC)))
    assert [(row["day"], row["runs"]) for row in rows] == [
        (date(2026, 10, 24), 1),
        (date(2026, 10, 25), 2),
        (date(2026, 10, 26), 1),
    ]
    begin, end = day_bounds(date(2026, 10, 25), BERLIN)
    assert end - begin == timedelta(hours=25)


@settings(max_examples=25, deadline=None)
@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    zone=st.sampled_from(
        [BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
    ),
)
def test_clock_shifts_agree_with_the_calendar(moment: datetime, zone: str) -> None:
    until = moment.replace(tzinfo=UTC) + timedelta(days=400)
    shifts = clock_shifts(zone, moment.replace(tzinfo=UTC), until)
    for step in range(0, 400 * 24, 7):
        at = moment + timedelta(hours=step)
        micros = next((micros for change, micros in shifts[:-1] if at < change), shifts[-1][1])
        local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert at + timedelta(microseconds=micros) == local


def test_kpis_keep_the_last_report_and_the_rule_for_labels(
    database: Database, cache: AnalyticsCache, workspace: str
) -> None:
    later = DAY + timedelta(hours=3)
    for rows in (
        [point(workspace, 1.0), point(workspace, 7.0, at=later)],
        [point(workspace, 9.0, at=later)],
        [point(workspace, 4.0, name="saved", dims={"incident": "a"})],
        [point(workspace, 5.0, name="saved", dims={"incident": "b"})],
        [point(workspace, 4.0, name="delay", unit="min", dims={"incident": "a"})],
        [point(workspace, 6.0, name="delay", unit="min", dims={"incident": "b"})],
        [point(workspace, 100.0, at=DAY - timedelta(days=31))],
        [point(workspace, 80.0, unit="EUR", instance_id="instance-2")],
    ):
        database.write(lambda c, rows=rows: kpi_rows.put(c, rows))
    cache.refresh()
    rows = {(row["name"], row["unit"]): row["value"] for row in kpis.kpi_series(cache.query, scope(workspace))}
    assert rows == {("revenue", "USD"): 9.0, ("revenue", "EUR"): 80.0, ("saved", "USD"): 9.0, ("delay", "min"): 5.0}
    before = [row["value"] for row in kpis.kpi_series(cache.query, scope(workspace).before())]
    assert before == [100.0]


def test_a_damaged_file_is_moved_aside_and_filled_anew(database: Database, workspace: str, data_dir: Path) -> None:
    add(database, run_row(workspace))
    path = data_dir / "analytics.duckdb"
    path.write_bytes(b"this is no database" * 500)
    opened = AnalyticsCache(path, database)
    assert per_status(opened, workspace) == {"success": 1}
    assert opened.freshness().place == "file" and opened.freshness().complete
    assert (data_dir / "analytics.duckdb.damaged").read_bytes().startswith(b"this is no database")
    opened.close()


def test_a_file_damaged_in_the_middle_is_no_end(database: Database, workspace: str, data_dir: Path) -> None:
    path = data_dir / "analytics.duckdb"
    fill_with_history(database, workspace)
    first = AnalyticsCache(path, database)
    first.refresh()
    before = everything(first, workspace)
    first.close()
    damaged = bytearray(path.read_bytes())
    for place in range(12_288, len(damaged), 501):
        damaged[place] ^= 0x5A
    path.write_bytes(damaged)
    again = AnalyticsCache(path, database)
    again.refresh()
    assert everything(again, workspace) == before
    again.close()


def test_a_folder_that_cannot_be_written_is_no_end(database: Database, workspace: str, data_dir: Path) -> None:
    add(database, run_row(workspace))
    opened = AnalyticsCache(data_dir / "absent" / "analytics.duckdb", database)
    assert per_status(opened, workspace) == {"success": 1}
    assert opened.freshness().place == "memory" and "memory" in opened.freshness().note
    opened.close()


_HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_says_that_it_has_its_own_copy(database: Database, workspace: str, data_dir: Path) -> None:
    add(database, run_row(workspace))
    path = data_dir / "analytics.duckdb"
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == b"held\n"
        opened = AnalyticsCache(path, database)
        assert per_status(opened, workspace) == {"success": 1}
        fresh = opened.freshness()
        assert fresh.place == "memory" and "Another process" in fresh.note
        opened.close()
        other.stdin.close()
    assert path.exists()


def test_nothing_outside_can_be_reached(cache: AnalyticsCache, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    for sql in (
        f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(Unavailable):
            cache.query(sql, {})


def test_a_big_backlog_is_finished_behind_and_said(
    database: Database, cache: AnalyticsCache, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ionflux_core.analytics.feed.BATCH", 7)
    fill_with_history(database, workspace)
    fresh = cache.refresh(budget=0.0)
    assert not fresh.complete
    for thread in threading.enumerate():
        if thread.name == "analytics-fill":
            thread.join(10)
    assert cache.freshness().complete
    assert kpis.totals(cache.query, scope(workspace))["runs"] == 60


def test_readers_and_writers_do_not_meet(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                run = run_row(workspace, status="running")
                add(database, run)
                cache.refresh(max_age=0)
                database.write(lambda c, run=run: run_rows.move(c, run["id"], "success"))
                kpis.runs_per_day(cache.query, scope(workspace))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert per_status(cache, workspace) == {"success": 20}


def test_a_young_answer_is_not_read_again(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    cache.refresh()
    add(database, run_row(workspace))
    cache.refresh(max_age=60)
    assert kpis.totals(cache.query, scope(workspace))["runs"] == 0
    cache.refresh(max_age=0)
    assert kpis.totals(cache.query, scope(workspace))["runs"] == 1


def test_freshness_names_the_time_of_reading(cache: AnalyticsCache, workspace: str) -> None:
    assert cache.freshness().as_of is None
    ids.set_clock(lambda: DAY)
    assert cache.refresh().as_of == DAY


def test_a_settled_store_is_not_read(
    database: Database, cache: AnalyticsCache, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, run_row(workspace))
    old = change_stamp() - 60_000_000
    database.write(lambda c: c.execute(update(tables.runs).values(change_seq=old)))
    cache.refresh(max_age=0)
    monkeypatch.setattr("ionflux_core.storage.feed.changed_runs", lambda *_, **__: pytest.fail("nothing had changed"))
    cache.refresh(max_age=0)


def test_every_metric_explains_itself() -> None:
    for metric in METRICS.values():
        assert metric.title and metric.definition.endswith(".")


def event_row(workspace: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(), "workspace_id": workspace, "type": "a.b", "at": DAY, "source": "test", "user_id": None,
        "brand_id": None, "correlation_id": new_id(), "causation_run_id": None, "dedup_key": None,
        "schema_version": "v1.0", "payload": {}, "status": "delivered",
    } | changes  # fmt: skip


def counted(cache: AnalyticsCache, name: str, workspace: str, **narrow: Any) -> float | None:
    cache.refresh(max_age=0, budget=None)
    return figures.total(cache.query, MEASURES[name], scope(workspace, **narrow)).value


def test_an_event_that_is_committed_late_is_counted_once(
    database: Database, cache: AnalyticsCache, workspace: str
) -> None:
    for seq in (1, 2, 4):
        database.write(lambda c, seq=seq: c.execute(tables.events.insert(), event_row(workspace, seq=seq)))
    assert counted(cache, "events", workspace) == 3
    database.write(lambda c: c.execute(tables.events.insert(), event_row(workspace, seq=3)))
    assert counted(cache, "events", workspace) == 4
    assert counted(cache, "events", workspace) == 4


def test_events_that_were_forgotten_leave_the_figures_with_a_rebuild(
    database: Database, cache: AnalyticsCache, workspace: str
) -> None:
    database.write(lambda c: c.execute(tables.events.insert(), [event_row(workspace) for _ in range(3)]))
    assert counted(cache, "events", workspace) == 3
    database.write(lambda c: c.execute(delete(tables.events)))
    assert counted(cache, "events", workspace) == 0


def test_a_deleted_message_is_counted_no_more(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    def say(connection: Any) -> None:
        channel = {"id": "c", "workspace_id": workspace, "name": "general", "type": "public", "description": "",
                   "members": [], "status": "active", "created_at": DAY, "updated_at": DAY}  # fmt: skip
        connection.execute(tables.chat_channels.insert(), channel)
        row = {"workspace_id": workspace, "channel_id": "c", "sender_type": "user", "sender_id": "u",
               "sender_name": "U", "content_type": "markdown", "content": {}, "reactions": [], "mentions": [],
               "created_at": DAY, "changed_at": DAY}  # fmt: skip
        connection.execute(tables.chat_messages.insert(), [row | {"id": each} for each in ids_said])

    ids_said = [new_id(), new_id()]
    database.write(say)
    assert counted(cache, "messages", workspace) == 2

    def unsay(connection: Any) -> None:
        own = tables.chat_messages
        connection.execute(update(own).where(own.c.id == ids_said[0]).values(deleted_at=DAY))
        audit.note(connection, workspace, at=DAY, who="u", action="deleted", entity="message", entity_id=ids_said[0])

    database.write(unsay)
    assert counted(cache, "messages", workspace) == 1
    cache.rebuild()
    assert counted(cache, "messages", workspace) == 1


def test_a_person_under_several_names_is_one_builder(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    with database.read() as connection:
        owner = connection.execute(select(tables.users)).one()

    def build(connection: Any) -> None:
        for who in ("local owner", owner.id, owner.name, "demo", None):
            audit.note(connection, workspace, at=DAY, who=who, action="saved", entity="prompt", entity_id="p")

    database.write(build)
    assert counted(cache, "builders", workspace) == 1


def test_a_trigger_narrows_what_belongs_to_runs(database: Database, cache: AnalyticsCache, workspace: str) -> None:
    fill_with_history(database, workspace)
    assert counted(cache, "runs", workspace, trigger_kind="manual") == 20
    parts = figures.total(cache.query, MEASURES["minutes_returned"], scope(workspace, trigger_kind="manual")).parts
    assert sum(row["entries"] for row in parts) == 20
    assert len(kpis.step_times(cache.query, scope(workspace, trigger_kind="nothing"))) == 0


def test_the_caches_shape_can_be_read(cache: AnalyticsCache) -> None:
    shown = cache.tables()
    assert ("created_at", "TIMESTAMP") in shown["runs"] and ("confidence", "DOUBLE") in shown["value_entries"]
    assert "meta" not in shown


def test_events_survive_that_old_runs_are_forgotten(
    database: Database, cache: AnalyticsCache, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ionflux_core.analytics.feed.OVERLAP_MICROS", -1)
    old = run_row(workspace)
    add(database, old, run_row(workspace))
    database.write(lambda c: c.execute(tables.events.insert(), [event_row(workspace) for _ in range(3)]))
    assert counted(cache, "events", workspace) == counted(cache, "events", workspace) == 3
    database.write(lambda c: c.execute(delete(tables.runs).where(tables.runs.c.id == old["id"])))
    add(database, run_row(workspace))
    assert (counted(cache, "runs", workspace), counted(cache, "events", workspace)) == (2, 3)
