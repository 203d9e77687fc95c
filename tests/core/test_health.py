"""Health checks: a well process says so, and each thing that is broken on purpose is named with what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ionflux_core import ids
from ionflux_core.application import Application
from ionflux_core.limits import MIB
from ionflux_core.services import health
from ionflux_core.services.health import Check, Health, process_memory, versions
from ionflux_core.storage import health as rows
from ionflux_core.storage.engine import Database
from ionflux_core.storage.schema import head

MakeApplication = Callable[..., Application]


def looked(application: Application) -> dict[str, Check]:
    return {check.name: check for check in Health(application).checks()}


@pytest.fixture
def idle(make_application: MakeApplication) -> Iterator[Application]:
    """Open, but nothing executes."""
    yield make_application()


def test_a_started_process_is_well(application: Application) -> None:
    checks = looked(application)
    unwell = {name for name, check in checks.items() if check.status != "ok"}
    # This application keeps no clock, which is said and is no failure.
    assert unwell == {"clock"}
    assert "2 threads, 0 of them busy" in checks["worker"].message
    assert checks["schema"].message == f"At revision {head()}, the newest."
    assert all(check.hint for check in checks.values() if check.status != "ok")


def test_a_process_that_executes_nothing_says_so(idle: Application) -> None:
    checks = looked(idle)
    assert {checks[name].status for name in ("worker", "bus", "clock")} == {"warning"}
    assert checks["database"].status == "ok"


def test_the_probe_is_written_and_read_on_both_databases(database: Database) -> None:
    at = ids.now()
    with database.read() as connection:
        assert rows.read_probe(connection) is None
    database.write(lambda connection: rows.write_probe(connection, "me", at))
    database.write(lambda connection: rows.write_probe(connection, "another", at + timedelta(seconds=1)))
    with database.read() as connection:
        assert rows.read_probe(connection) == at + timedelta(seconds=1)
        assert rows.queue(connection, at) == (0, None)
        assert rows.server_version(connection).split()[0] in ("SQLite", "PostgreSQL")


def test_a_database_that_takes_no_write_is_an_error_with_a_next_step(idle: Application) -> None:
    file = Path(idle.db.url.removeprefix("sqlite:///"))
    idle.db.close()
    for each in file.parent.glob("ionflux.sqlite*"):
        each.unlink()
    file.mkdir()
    check = Health(idle).quick()
    assert check.status == "error"
    assert check.message and check.hint
    assert "Traceback" not in check.message


def test_a_database_without_tables_is_no_crash(idle: Application) -> None:
    idle.db.close()
    for each in idle.settings.data_dir.glob("ionflux.sqlite*"):
        each.unlink()
    checks = looked(idle)
    assert checks["database"].status == "error"
    assert checks["schema"].status == "error"
    assert "needs" in checks["schema"].message


@pytest.mark.parametrize(
    ("free", "status"), [(63 * MIB, "error"), (65 * MIB, "warning"), (1023 * MIB, "warning"), (1024 * MIB, "ok")]
)
def test_the_disk_warns_before_runs_are_refused(
    idle: Application, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    check = looked(idle)["disk"]
    assert check.status == status
    assert bool(check.hint) == (status != "ok")


def test_a_data_folder_that_is_gone_is_named(idle: Application, tmp_path: Path) -> None:
    folder = idle.settings.data_dir
    idle.db.close()
    shutil.move(folder, tmp_path / "elsewhere")
    checks = looked(idle)
    assert checks["data_folder"].status == "error"
    assert str(folder) in checks["data_folder"].message
    assert checks["disk"].status == "error"


def test_the_queue_says_how_many_wait_and_warns_when_they_wait_long(idle: Application) -> None:
    workspace = idle.workspaces.create("Test")
    idle.runs.start(workspace.id, "agent:word_counter", {"text": "one two"})
    check = looked(idle)["queue"]
    assert check.status == "ok"
    assert check.message.startswith("1 run waits")
    later = ids.now() + timedelta(seconds=90)
    ids.set_clock(lambda: later)
    check = looked(idle)["queue"]
    assert check.status == "warning"
    assert "90 s" in check.message or "89 s" in check.message
    assert check.hint


def test_the_clock_is_well_while_somebody_keeps_it(idle: Application) -> None:
    at = ids.now()
    idle.triggers.take_clock("other:1:abc", at=at, until=at + timedelta(seconds=15))
    assert looked(idle)["clock"].message == "other:1:abc keeps the schedules."
    ids.set_clock(lambda: at + timedelta(seconds=16))
    assert looked(idle)["clock"].status == "warning"


def test_looking_at_the_key_makes_none(idle: Application) -> None:
    assert looked(idle)["key"].status == "ok"
    assert not idle.settings.key_file.exists()


def test_a_lost_key_file_is_an_error_even_while_the_key_is_in_memory(idle: Application) -> None:
    workspace = idle.workspaces.create("Test")
    idle.secrets.put(workspace.id, "shop_token", "s3cret-value-of-the-shop")
    well = looked(idle)["key"]
    assert well.status == "ok"
    assert "s3cret" not in well.message
    idle.settings.key_file.unlink()
    check = looked(idle)["key"]
    assert check.status == "error"
    assert str(idle.settings.key_file) in check.message
    assert not idle.settings.key_file.exists()


def test_a_key_that_does_not_open_a_secret_names_the_secret(
    idle: Application, make_application: MakeApplication
) -> None:
    workspace = idle.workspaces.create("Test")
    idle.secrets.put(workspace.id, "shop_token", "a-value-4711")
    idle.settings.key_file.unlink()
    other = make_application(key="A" * 43 + "=")
    check = looked(other)["key"]
    assert check.status == "error"
    assert "shop_token" in check.message


def test_a_broken_agent_folder_is_named(make_application: MakeApplication, agents_dir: Path) -> None:
    (agents_dir / "broken").mkdir()
    (agents_dir / "broken" / "agent.yaml").write_text("slug: [", encoding="utf-8")
    check = looked(make_application())["catalog"]
    assert check.status == "warning"
    assert "broken" in check.message


def test_memory_and_versions_are_measured() -> None:
    memory = process_memory()
    assert memory is not None
    assert 10 * MIB < memory.bytes < 4096 * MIB
    assert {"IONFLUX", "Python", "streamlit", "sqlalchemy"} <= set(versions())


@given(seconds=some.integers(min_value=0, max_value=10**6))
def test_a_wait_is_a_warning_from_a_minute_on(seconds: int) -> None:
    at = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    ids.set_clock(lambda: at)
    parts = SimpleNamespace(db=_Waiting(at - timedelta(seconds=seconds)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "queue", lambda connection, _: (3, connection))
        check = Health(parts)._queue()  # type: ignore[arg-type]
    assert check.status == ("warning" if seconds >= 60 else "ok")
    assert f"the oldest for {seconds} s" in check.message


class _Waiting:
    """A database whose connection is the time the oldest run waits since."""

    def __init__(self, since: datetime) -> None:
        self._since = since

    def read(self) -> _Waiting:
        return self

    def __enter__(self) -> datetime:
        return self._since

    def __exit__(self, *_: object) -> None:
        return None
