"""Upgrades: a database of an earlier IONFLUX opens with every run as it was, and a copy of before is kept."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application, set_current
from ionflux_core.errors import Unavailable
from ionflux_core.ids import new_id
from ionflux_core.storage import backup, schema
from ionflux_core.storage.engine import Database
from tests.conftest import MakeApplication
from tests.pages.shown import open_page, plain_words

AT = "2026-03-02T12:00:00.000000+00:00"
STATUSES = ("success", "error", "awaiting_approval", "waiting", "paused", "cancelled_by_user", "budget_stopped")
TABLES = ("users", "workspaces", "agent_definitions", "agent_configurations", "runs", "run_steps", "run_logs",
          "calls", "approvals", "events", "billing_ledger", "records", "artifacts")  # fmt: skip


def first_release(path: Path) -> None:
    """A database as revision 0001 made it, with a run of every kind and something in every table around it."""
    from alembic import command

    database = Database(f"sqlite:///{path}")
    config = schema._config()
    with database.alone() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    database.close()
    with closing(sqlite3.connect(path)) as raw:
        # As a file of that release was made: it could not give anything back.
        raw.execute("PRAGMA auto_vacuum=NONE")
        raw.execute("VACUUM")
        _fill(raw)
        raw.commit()


def _fill(raw: sqlite3.Connection) -> None:
    user, workspace, instance = "u1", "w1", "i1"
    times = {"created_at": AT, "updated_at": AT}
    _row(raw, "users", id=user, email="owner@localhost", name="Local owner", profile={}, **times)
    _row(raw, "workspaces", id=workspace, name="Old shop", owner_user_id=user, settings={"timezone": "UTC"}, **times)
    _row(raw, "memberships", workspace_id=workspace, user_id=user, role="owner", created_at=AT)
    _row(raw, "agent_definitions", id="agent_word_counter", slug="word_counter", name="Word counter", version="1.0.0",
         definition_status="experimental", manifest={}, manifest_sha256="0" * 64, **times)  # fmt: skip
    _row(raw, "agent_configurations", id=instance, workspace_id=workspace, agent_definition_id="agent_word_counter",
         definition_slug="word_counter", definition_version="1.0.0", name="Counter",
         yaml_config_text="inputs:\n  text: a\n", **times)  # fmt: skip
    for status in STATUSES:
        _run(raw, workspace, instance, status)
    _row(raw, "events", id=new_id(), workspace_id=workspace, type="ionflux.old.event", at=AT, source="test",
         correlation_id="c", schema_version="v1.0", payload={"n": 1}, status="processed")  # fmt: skip
    _row(raw, "billing_ledger", id=new_id(), workspace_id=workspace, at=AT, kind="grant", amount_micros=5,
         balance_after_micros=5)  # fmt: skip
    _row(raw, "records", workspace_id=workspace, owner="i1", collection="notes", key="k", at=AT, data={"a": 1})
    _row(
        raw,
        "artifacts",
        workspace_id=workspace,
        sha256="a" * 64,
        name="f",
        media_type="text/plain",
        size=1,
        created_at=AT,
    )


def _run(raw: sqlite3.Connection, workspace: str, instance: str, status: str) -> None:
    run_id = new_id()
    ended = None if status in ("awaiting_approval", "waiting", "paused") else AT
    _row(raw, "runs", id=run_id, workspace_id=workspace, instance_id=instance, definition_slug="word_counter",
         definition_version="1.0.0", target="Counter", trigger_kind="manual", trigger={"kind": "manual"},
         correlation_id=run_id, status=status, dry_run=False, priority=0, concurrency=1, depth=0, attempt=1, claims=0,
         inputs={"text": f"heliotrope {status}"}, config={"inputs": {"text": "a"}}, config_sha256="0" * 64, warnings=[],
         outputs={"report": "two words"} if status == "success" else None, preview=f"preview {status}",
         error={"code": "x", "message": "It broke.", "hint": ""} if status == "error" else None, kpis={"words": 2},
         cost_micros=7, created_at=AT, started_at=AT, finished_at=ended, change_seq=1,
         wait={"topic": "nothing.comes"} if status == "waiting" else None)  # fmt: skip
    _row(raw, "run_steps", run_id=run_id, step_key="count", seq=0, kind="step", title="Count", status="success",
         attempt=1, inputs={"args": []}, outputs={"words": 2}, cost_micros=0, started_at=AT,
         finished_at=AT)  # fmt: skip
    _row(raw, "run_logs", run_id=run_id, at=AT, level="info", message="counted", fields={})
    _row(raw, "calls", id=new_id(), run_id=run_id, kind="llm", provider="local", status="success", tokens_in=1,
         tokens_out=2, latency_ms=1.0, attempt=1, at=AT)  # fmt: skip
    if status == "awaiting_approval":
        _row(raw, "approvals", id=new_id(), workspace_id=workspace, run_id=run_id, step_key="ask", title="Send it?",
             body="The draft", data={"subject": "Hi"}, editable=[], urgency="low", status="pending", on_timeout="deny",
             edits={}, created_at=AT)  # fmt: skip


def _row(raw: sqlite3.Connection, table: str, **values: Any) -> None:
    plain = {name: json.dumps(v) if isinstance(v, dict | list) else v for name, v in values.items()}
    raw.execute(
        f"INSERT INTO {table} ({', '.join(plain)}) VALUES ({', '.join('?' * len(plain))})", list(plain.values())
    )


def contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as raw:
        raw.row_factory = sqlite3.Row
        return {table: [dict(row) for row in raw.execute(f"SELECT * FROM {table} ORDER BY 1, 2")] for table in TABLES}


@pytest.fixture
def old_file(data_dir: Path) -> Path:
    path = data_dir / "ionflux.sqlite"
    first_release(path)
    return path


def upgraded(make: MakeApplication) -> Application:
    application = make(workers=0)
    set_current(application)
    return application


def test_complaint_20_a_database_of_the_first_release_opens_with_its_runs_unchanged_and_rendered(
    old_file: Path, make_application: MakeApplication, caplog: pytest.LogCaptureFixture
) -> None:
    before, whole = contents(old_file), contents(old_file)
    with caplog.at_level(logging.WARNING):
        app = upgraded(make_application)
    assert schema.revision(app.db) == schema.head()
    after = contents(old_file)
    # Definitions are today's, with those the program brings; all else is as it was, with room for what is new.
    definitions = {row["id"] for row in before.pop("agent_definitions")}
    assert definitions and definitions <= {row["id"] for row in after["agent_definitions"]}
    for table, rows in before.items():
        assert len(after[table]) == len(rows) > 0, table
        for old, new in zip(rows, after[table], strict=True):
            assert old == {name: new[name] for name in old}, table
    found = app.runs.find("w1").runs
    assert sorted(run.status for run in found) == sorted(STATUSES)
    assert {run.id for run in app.search.find("w1", narrow("heliotrope")).runs} == {run.id for run in found}
    page = plain_words(open_page("runs", workspace="w1"))
    assert "7 runs" in page
    for run in found:
        words = plain_words(open_page("runs", workspace="w1", run=run.id))
        assert "Counter" in words, run.status
    (copy,) = old_file.parent.glob("ionflux.before-*.sqlite")
    assert copy.name in caplog.text and "0001" in caplog.text
    assert contents(copy) == whole and backup.check_copy(copy) == "0001"
    with app.db.read() as connection:
        assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def narrow(text: str) -> Any:
    from ionflux_core.domain.runs import RunFilter

    return RunFilter(text=text)


def test_a_new_database_is_not_copied_and_only_three_copies_are_kept(
    old_file: Path, tmp_path: Path, make_application: MakeApplication
) -> None:
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert schema.migrate(fresh)
    fresh.close()
    assert list(tmp_path.glob("*before*")) == []
    first = shutil.copy(old_file, tmp_path / "first.sqlite")
    for _ in range(5):
        shutil.copy(first, tmp_path / "again.sqlite")
        database = Database(f"sqlite:///{tmp_path / 'again.sqlite'}")
        assert schema.migrate(database)
        database.close()
        for rest in tmp_path.glob("again.sqlite-*"):
            rest.unlink()
    assert len(list(tmp_path.glob("again.before-*.sqlite"))) == 3


def test_without_room_for_a_copy_nothing_is_changed(
    old_file: Path, make_application: MakeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: usage(1, 1, 1024))
    before = contents(old_file)
    with pytest.raises(Unavailable, match="copy of it has to be kept") as caught:
        make_application(workers=0)
    assert "nothing was changed" in caught.value.hint
    assert contents(old_file) == before and list(old_file.parent.glob("*before*")) == []
