"""The floor of a journaled run: a queue written by hand in SQLite, with the same commits and nothing else."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

TABLES = """
CREATE TABLE runs (id TEXT PRIMARY KEY, status TEXT, inputs TEXT, outputs TEXT, created TEXT, started TEXT, ended TEXT);
CREATE INDEX runs_due ON runs (id) WHERE status = 'pending';
CREATE TABLE steps (run_id TEXT, key TEXT, seq INTEGER, outputs TEXT, at TEXT, PRIMARY KEY (run_id, key));
CREATE TABLE events (seq INTEGER PRIMARY KEY, run_id TEXT, type TEXT, payload TEXT, at TEXT);
"""


class FloorQueue:
    """One connection, WAL, synchronous=NORMAL: insert, claim, three steps, finish with its event; six commits."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(TABLES)

    def run(self, text: str) -> str:
        """One run from insert to finish; its id."""
        run_id = str(uuid4())
        new = (run_id, json.dumps({"text": text}), _now())
        self._db.execute("INSERT INTO runs VALUES (?, 'pending', ?, NULL, ?, NULL, NULL)", new)
        claimed = self._db.execute(
            "UPDATE runs SET status = 'running', started = ? WHERE id = "
            "(SELECT id FROM runs WHERE status = 'pending' ORDER BY id LIMIT 1) RETURNING id",
            (_now(),),
        ).fetchone()[0]
        for seq, key in enumerate(("first", "second", "third")):
            self._db.execute("INSERT INTO steps VALUES (?, ?, ?, 'null', ?)", (claimed, key, seq, _now()))
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            "UPDATE runs SET status = 'success', outputs = ?, ended = ? WHERE id = ?",
            (json.dumps({"result": text}), _now(), claimed),
        )
        self._db.execute(
            "INSERT INTO events VALUES (NULL, ?, 'run.completed', ?, ?)",
            (claimed, json.dumps({"run_id": claimed, "status": "success"}), _now()),
        )
        self._db.execute("COMMIT")
        return str(claimed)

    def close(self) -> None:
        self._db.close()


def _now() -> str:
    return datetime.now(UTC).isoformat()
