"""A cache with the figures of two workspaces, for tests of questions in SQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.storage.engine import Database

OURS, THEIRS = "01999999-0000-7000-8000-00000000000a", "01999999-0000-7000-8000-00000000000b"
DAY = datetime(2026, 11, 20, 12, 0)


@contextmanager
def two_workspaces(folder: Path, empty_sqlite: Path) -> Iterator[AnalyticsCache]:
    """Twelve runs of ours and eight of theirs, a day apart, each with a figure."""
    shutil.copy(empty_sqlite, folder / "ionflux.sqlite")
    database = Database(f"sqlite:///{folder / 'ionflux.sqlite'}")
    opened = AnalyticsCache(folder / "analytics.duckdb", database)
    opened.refresh(budget=None)
    with opened.cursor() as cursor:
        for number in range(20):
            _insert(cursor, number)
    yield opened
    opened.close()
    database.close()


def _insert(cursor: Any, number: int) -> None:
    workspace, slug = (OURS, "ours") if number < 12 else (THEIRS, "theirs")
    at = DAY - timedelta(days=number)
    status, code = ("error", "boom") if number % 4 == 0 else ("success", None)
    whose = {"workspace_id": workspace, "definition_slug": slug, "change_seq": number}
    run = {"id": f"run{number}", "status": status, "trigger_kind": "manual", "dry_run": False, "error_code": code}
    times = {"created_at": at, "started_at": at, "finished_at": at + timedelta(seconds=number)}
    _put(cursor, "runs", {**whose, **run, **times, "cost_micros": 250_000})
    point = {"id": f"p{number}", "run_id": f"run{number}", "name": "orders", "unit": "count", "value": float(number)}
    _put(cursor, "kpi_points", {**whose, **point, "at": at, "dims": "{}"})


def _put(cursor: Any, table: str, row: dict[str, Any]) -> None:
    columns, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values())).fetchall()
