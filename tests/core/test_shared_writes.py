"""Works that are written together: one commit and one wait for the disk, and still nobody's error is another's."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from ionflux_core.errors import Conflict, Unavailable
from ionflux_core.storage import engine
from ionflux_core.storage.engine import Database
from ionflux_core.storage.tables import leases
from ionflux_core.storage.writes import insert_new
from tests.core.test_storage import NOON

Work = Callable[[Connection], str]


def _work(name: str, fails: Exception | None = None) -> Work:
    def work(connection: Connection) -> str:
        if not insert_new(connection, leases, {"name": name, "owner": "me", "until": NOON}):
            return f"{name} is there"
        if fails is not None:
            raise fails
        return name

    return work


def _names(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.execute(select(leases.c.name)).scalars())


def test_each_gets_its_own_answer_and_sees_what_came_before_it(database: Database) -> None:
    answers = database.write_each([_work("a"), _work("b"), _work("a")], durable=True)
    assert answers == ["a", "b", "a is there"] and _names(database) == ["a", "b"]
    assert database.write_each([], durable=True) == []
    assert database.write_each([_work("c")]) == ["c"]


def test_what_one_raises_is_its_own_and_the_others_are_kept(database: Database) -> None:
    works = [_work("a"), _work("b", Conflict("taken", hint="Choose another.")), _work("b"), _work("c", KeyError("x"))]

    def unstorable(connection: Connection) -> str:
        connection.execute(leases.insert(), {"name": "\ud800", "owner": "me", "until": NOON})
        return "never"

    answers = database.write_each([*works, unstorable, _work("d")], durable=True)
    assert [answers[place] for place in (0, 2, 5)] == ["a", "b", "d"]
    assert [type(answers[place]).__name__ for place in (1, 3, 4)] == ["Conflict", "KeyError", "Invalid"]
    assert _names(database) == ["a", "b", "d"]


def test_all_are_on_the_disk_when_they_are_answered_and_wait_for_it_once(
    data_dir: Path, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_sqlite, data_dir / "ionflux.sqlite")
    database = Database(f"sqlite:///{data_dir / 'ionflux.sqlite'}")
    there: list[list[str]] = []
    monkeypatch.setattr(database, "_sync_log", lambda: there.append(_names(database)))
    database.write_each([_work(name) for name in "abc"])
    assert there == []
    database.write_each([_work(name) for name in "defgh"], durable=True)
    # Whatever was committed when the log was brought to the disk is on it.
    assert there == [list("abcdefgh")]
    database.write_each([_work("i"), _work("j", ValueError("own")), _work("k")], durable=True)
    assert there[1:] == [list("abcdefghik")]
    database.close()


def test_a_database_that_is_held_by_another_program_is_waited_for_once_for_all(
    data_dir: Path, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    path = shutil.copy(empty_sqlite, data_dir / "ionflux.sqlite")
    database = Database(f"sqlite:///{path}")
    tried: list[str] = []
    commit: Any = database._commit

    def counted(work: Any) -> Any:
        tried.append("once")
        return commit(work)

    monkeypatch.setattr(database, "_commit", counted)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy"):
        database.write_each([_work(name) for name in "abcdefgh"], durable=True)
    assert tried == ["once"] and _names(database) == []
    other.execute("COMMIT")
    other.close()
    assert database.write_each([_work("a"), _work("b")], durable=True) == ["a", "b"]
    database.close()
