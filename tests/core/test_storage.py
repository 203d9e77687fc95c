"""The run store: durable commits that share, plain words when the disk refuses, migrations, and the same on both."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select, text

from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.ids import new_id
from ionflux_core.sdk import Record
from ionflux_core.storage import engine, records, triggers
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database
from ionflux_core.storage.schema import head, migrate, revision
from ionflux_core.storage.tables import leases, metadata, users
from ionflux_core.storage.writes import insert_new, upsert
from tests.agents_for_tests.world import together

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

_WORDS = ("run_words", "ix_run_texts_words", "chat_words", "ix_chat_texts_words")


def _lease(name: str, owner: str = "me") -> dict[str, Any]:
    return {"name": name, "owner": owner, "until": NOON}


def _names(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.execute(select(leases.c.name)).scalars())


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        insert_new(connection, leases, _lease("half"))
        raise ValueError("no")

    for durable in (False, True):
        with pytest.raises(ValueError, match="no"):
            database.write(work, durable=durable)
    assert _names(database) == []
    assert database.write(lambda c: insert_new(c, leases, _lease("whole")), durable=True)
    assert not database.write(lambda c: insert_new(c, leases, _lease("whole", "other")))


@pytest.mark.parametrize("all_durable", [False, True])
def test_commits_that_gather_share_and_a_failing_one_takes_no_neighbour(database_url: str, all_durable: bool) -> None:
    database = Database(database_url, all_durable=all_durable)
    entered, gate = threading.Event(), threading.Event()

    def blocking(connection: Connection) -> None:
        insert_new(connection, leases, _lease("first"))
        entered.set()
        gate.wait(5)

    def work(number: int) -> Callable[[Connection], int]:
        def one(connection: Connection) -> int:
            insert_new(connection, leases, _lease(f"n{number:02}"))
            if number % 5 == 0:
                raise [ValueError("own"), Conflict("taken"), KeyError("x")][number // 5 % 3]
            if number == 7:
                connection.execute(users.insert(), {"id": "x"})
            return number

        return one

    first = threading.Thread(target=database.write, args=(blocking,), kwargs={"durable": True})
    first.start()
    entered.wait(5)
    opener = threading.Timer(0.3, gate.set)
    opener.start()
    answers = together(16, lambda n: database.write(work(n), durable=True))
    first.join()
    opener.join()
    failed = {0, 5, 7, 10, 15}
    assert [answer for n, answer in enumerate(answers) if n not in failed] == [n for n in range(16) if n not in failed]
    assert [type(answers[n]).__name__ for n in (0, 5, 10, 15)] == ["ValueError", "Conflict", "KeyError", "ValueError"]
    assert isinstance(answers[7], Conflict) and "INSERT" not in str(answers[7])
    assert _names(database) == sorted(["first", *(f"n{n:02}" for n in range(16) if n not in failed)])
    database.close()


def test_many_threads_write_and_read_at_the_same_time(database: Database) -> None:
    def work(number: int) -> bool:
        for k in range(10):
            database.write(lambda c, k=k: insert_new(c, leases, _lease(f"{number}-{k}")), durable=k % 3 == 0)  # type: ignore[misc]
            _names(database)
        return True

    assert together(6, work) == [True] * 6
    assert len(_names(database)) == 60


def test_reading_never_writes(database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("on PostgreSQL reading and writing share their connections")
    database = Database(database_url)
    with pytest.raises(Unavailable), database.read() as connection:
        connection.execute(leases.insert(), _lease("x"))
    database.close()


def test_upsert_replaces_and_keeps(database: Database) -> None:
    rows = [_lease("a"), _lease("b")]
    for batch in (rows, [_lease("a", "you")], [_lease("a", "he"), _lease("b", "she")]):
        assert database.write(lambda c, b=batch: upsert(c, leases, b, key=("name",), keep=("until",))) == len(batch)  # type: ignore[misc]
    with database.read() as connection:
        found = {row.name: row.owner for row in connection.execute(select(leases))}
    assert found == {"a": "he", "b": "she"}


def test_what_no_database_takes_is_said_in_plain_words(database: Database) -> None:
    user = {"id": new_id(), "email": "a@b.c", "name": "A", "profile": {}, "created_at": NOON, "updated_at": NOON}
    database.write(lambda c: c.execute(users.insert(), user))
    bad: list[tuple[dict[str, Any], type[IonfluxError]]] = [
        ({"id": new_id()}, Conflict),
        ({"id": new_id(), "email": "b", "name": None}, Conflict),
        ({"id": new_id(), "email": "c", "name": "\ud800"}, Invalid),
        ({"id": new_id(), "email": "d", "profile": {"x": "\ud800"}}, Invalid),
        ({"id": new_id(), "email": "e", "created_at": datetime(2026, 1, 1)}, Invalid),
    ]
    for change, kind in bad:
        with pytest.raises(kind) as caught:
            database.write(lambda c, change=change: c.execute(users.insert(), {**user, **change}), durable=True)  # type: ignore[misc]
        assert "a@b.c" not in str(caught.value) and "INSERT" not in str(caught.value) and caught.value.hint


def test_nul_characters_are_stored_on_both(database: Database) -> None:
    user = {"id": new_id(), "email": "a@b.c", "name": "a\0b", "profile": {"k\0": ["\0", "\\u0000", 1.5, None]},
            "created_at": NOON, "updated_at": NOON}  # fmt: skip
    database.write(lambda c: insert_new(c, users, user))
    with database.read() as connection:
        row = connection.execute(select(users)).one()
    nul = "\0" if database.is_sqlite else "\ufffd"
    assert (row.name, row.profile) == (f"a{nul}b", {f"k{nul}": [nul, "\\u0000", 1.5, None]})


def test_times_come_back_in_utc_and_sort(database: Database) -> None:
    lisbon = datetime.fromisoformat("2026-07-01T12:00:00.000001+01:00")
    for name, at in (("b", lisbon), ("a", lisbon - timedelta(microseconds=1)), ("c", lisbon + timedelta(days=400))):
        database.write(lambda c, n=name, at=at: insert_new(c, leases, {**_lease(n), "until": at}))  # type: ignore[misc]
    with database.read() as connection:
        found = connection.execute(select(leases.c.name, leases.c.until).order_by(leases.c.until)).all()
    assert [row.name for row in found] == ["a", "b", "c"]
    assert found[1].until == lisbon and found[1].until.tzinfo is UTC


def test_collections_are_found_by_time_and_prefix(database: Database) -> None:
    with database.read() as connection:
        inspect(connection)
    user = {"id": "u", "email": "a", "name": "A", "profile": {}, "created_at": NOON, "updated_at": NOON}
    shop = {"id": "w", "name": "W", "owner_user_id": "u", "settings": {}, "created_at": NOON, "updated_at": NOON}
    database.write(lambda c: (c.execute(users.insert(), user), c.execute(metadata.tables["workspaces"].insert(), shop)))
    rows = [Record(f"o_{n:04}%", NOON + timedelta(hours=n), {"n": n}) for n in range(1200)]
    assert database.write(lambda c: records.put(c, "w", "me", "orders", rows)) == 1200
    database.write(lambda c: records.put(c, "w", "me", "orders", [Record("o_0001%", NOON, {"n": -1})]))
    with database.read() as connection:
        found = records.find(
            connection, "me", "orders", since=NOON + timedelta(hours=5), until=NOON + timedelta(hours=8)
        )
        assert [record.data["n"] for record in found] == [5, 6, 7]
        assert [r.data["n"] for r in records.find(connection, "me", "orders", prefix="o_0001%")] == [-1]
        assert records.find(connection, "me", "orders", prefix="o%0") == []
        newest = records.find(connection, "me", "orders", newest_first=True, limit=2)
        assert [record.data["n"] for record in newest] == [1199, 1198]
        assert records.find(connection, "other", "orders") == []
        assert records.sizes(connection, "me") == {"orders": 1200}


def test_a_named_lease_has_one_owner_until_it_is_over(database: Database) -> None:
    def take(owner: str, minute: int) -> bool:
        at = NOON + timedelta(minutes=minute)
        return database.write(lambda c: triggers.take_lease(c, "clock", owner, at=at, until=at + timedelta(minutes=5)))

    assert take("a", 0) and take("a", 1) and not take("b", 2) and not take("b", 6)
    assert take("b", 7) and not take("a", 8)
    database.write(lambda c: triggers.drop_lease(c, "clock", "a"))
    assert not take("a", 9)
    database.write(lambda c: triggers.drop_lease(c, "clock", "b"))
    assert take("a", 9)


def test_several_processes_take_a_lease_once(database_url: str) -> None:
    handles = [Database(database_url) for _ in range(4)]
    until = NOON + timedelta(minutes=5)
    answers = together(
        4, lambda n: handles[n].write(lambda c: triggers.take_lease(c, "clock", str(n), at=NOON, until=until))
    )
    assert sorted(answers) == [False, False, False, True]
    for handle in handles:
        handle.close()


# --- migrations


@pytest.fixture
def bare_url(database_url: str) -> str:
    """The address of a database without tables."""
    database = Database(database_url)

    def empty(connection: Connection) -> None:
        connection.execute(text("DROP VIEW agent_run_logs"))
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))

    database.write(empty)
    database.close()
    return database_url


def test_migrating_makes_exactly_the_tables_there_are(bare_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = Database(bare_url)
    assert revision(database) is None
    assert migrate(database) and revision(database) == head()
    assert not migrate(database)
    with database.read() as connection:
        # The indexes of words are each database's own.
        opts = {"include_object": lambda thing, name, *_: not str(name).startswith(_WORDS)}
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), metadata) == []
        assert connection.execute(text("SELECT count(*) FROM agent_run_logs")).scalar() == 0
    database.close()


def test_processes_that_start_together_migrate_once(bare_url: str) -> None:
    handles = [Database(bare_url) for _ in range(3)]
    answers = together(3, lambda n: migrate(handles[n]))
    assert sorted(answers, key=str) == [False, False, True]
    assert revision(handles[0]) == head()
    for handle in handles:
        handle.close()


def test_a_database_of_a_newer_ionflux_is_refused_and_left_alone(database: Database) -> None:
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(Unavailable, match="newer IONFLUX") as caught:
        migrate(database)
    assert "Update IONFLUX" in caught.value.hint and revision(database) == "9999"


def test_an_older_database_without_tables_is_named(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with pytest.raises(Unavailable, match="no tables") as caught:
        database.write(lambda c: insert_new(c, leases, _lease("x")))
    assert "migrate" in caught.value.hint
    database.close()


def test_the_run_log_view_has_the_names_of_the_seeds(database: Database) -> None:
    with database.read() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("agent_run_logs")}
    assert {"run_id", "agent_configuration_id", "trigger_type", "start_time", "end_time", "output_data_json"} <= columns


# --- a disk that refuses


def test_a_locked_database_is_busy_in_plain_words_and_works_again(
    data_dir: Path, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)
    path = data_dir / "ionflux.sqlite"
    shutil.copy(empty_sqlite, path)
    database = Database(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for durable in (False, True):
        with pytest.raises(Unavailable, match="busy") as caught:
            database.write(lambda c: insert_new(c, leases, _lease("x")), durable=durable)
        assert caught.value.hint and "sqlite" not in str(caught.value).lower()
    assert _names(database) == []
    other.execute("COMMIT")
    other.close()
    assert database.write(lambda c: insert_new(c, leases, _lease("x")), durable=True)
    database.close()


def test_a_damaged_file_is_named_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"this is no database at all, whatever its name says" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(Unavailable, match="damaged") as caught:
        revision(database)
    assert "restore" in caught.value.hint
    database.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'x.sqlite'}")
    with pytest.raises(Unavailable, match="cannot be opened"):
        revision(database)
    database.close()


def test_a_server_that_is_away_is_named() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="does not answer") as caught:
        revision(database)
    assert "IONFLUX_DATABASE_URL" in caught.value.hint
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if not mounted or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: run the tests as root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_refuses_in_plain_words_and_keeps_what_was_there(small_disk: Path, empty_sqlite: Path) -> None:
    shutil.copy(empty_sqlite, small_disk / "ionflux.sqlite")
    database = Database(f"sqlite:///{small_disk / 'ionflux.sqlite'}")
    written = 0

    def fill(number: int) -> None:
        user = {"id": str(number), "email": str(number), "name": "x", "profile": {"text": "x" * 200_000},
                "created_at": NOON, "updated_at": NOON}  # fmt: skip
        database.write(lambda c: insert_new(c, users, user), durable=number % 2 == 0)

    with pytest.raises(Unavailable, match="disk") as caught:
        for number in range(100):
            fill(number)
            written += 1
    assert caught.value.hint and written > 0
    with database.read() as connection:
        assert len(connection.execute(select(users.c.id)).all()) == written
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    files = ArtifactFiles(small_disk / "artifacts")
    with pytest.raises(Unavailable, match="could not be stored"):
        files.write(b"x" * 8_000_000)
    assert [path for path in (small_disk / "artifacts").rglob("*") if path.is_file()] == []
    database.close()


def test_a_read_only_disk_refuses_in_plain_words(small_disk: Path, empty_sqlite: Path) -> None:
    shutil.copy(empty_sqlite, small_disk / "ionflux.sqlite")
    database = Database(f"sqlite:///{small_disk / 'ionflux.sqlite'}")
    database.write(lambda c: insert_new(c, leases, _lease("before")))
    database.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    database = Database(f"sqlite:///{small_disk / 'ionflux.sqlite'}")
    for durable in (False, True):
        with pytest.raises(Unavailable) as caught:
            database.write(lambda c: insert_new(c, leases, _lease("after")), durable=durable)
        assert caught.value.hint
    database.close()


def test_files_are_stored_once_and_found_by_their_hash_only(tmp_path: Path) -> None:
    files = ArtifactFiles(tmp_path / "files")
    names = together(6, lambda n: files.write(b"same bytes"))
    assert len(set(names)) == 1 and files.read(names[0]) == b"same bytes"
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1
    for name in ("0" * 64, "../../../etc/passwd", "A" * 64, ""):
        with pytest.raises(NotFound):
            files.read(name)


def test_log_when_carried_over_is_in_the_file_itself(empty_sqlite: Path, tmp_path: Path) -> None:
    path = shutil.copy(empty_sqlite, tmp_path / "one.sqlite")
    opened = Database(f"sqlite:///{path}")
    names = [f"lease-{number:03}" for number in range(engine._CARRIED_COMMITS + 1)]
    for name in names:
        opened.write(lambda connection, name=name: insert_new(connection, leases, _lease(name)))
    opened.carry_over()
    # The file alone, as it would be found without its log.
    with sqlite3.connect(shutil.copy(path, tmp_path / "alone.sqlite")) as alone:
        assert [row[0] for row in alone.execute("SELECT name FROM leases ORDER BY name")] == names
    opened.close()
