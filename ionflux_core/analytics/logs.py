"""Filling the cache with what is only ever added (ledger, events, activity, messages), and with the agents."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ionflux_core.analytics.rows import Row, append, keep_mark, mark_of, plain
from ionflux_core.analytics.tables import LOG_TABLES
from ionflux_core.storage import feed_logs
from ionflux_core.storage.engine import Database
from ionflux_core.storage.feed_logs import People, Standing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH = 5_000
# Numbers are given before they are committed, so a row may appear behind the mark: so many are looked at again.
OVERLAP_ROWS = 500
# The same for ids that hold their time.
OVERLAP_MILLIS = 10_000
_PAUSE_SECONDS = 0.005
LOCAL_OWNER = "local owner"
# Names under which the program itself acts.
NOBODY = ("", "IONFLUX", "ionflux", "demo", "demo story", "notifications", "import", "dry run", "its parent")


def read_logs(db: Database, cursor: DuckDBPyConnection, now: Standing, go_on: Callable[[], bool]) -> bool:
    """Bring all of them up to date; False when `go_on` ended it before. What was read by then is kept."""
    with db.read() as connection:
        known = feed_logs.people(connection)
    reached = dict(zip(LOG_TABLES, (now.ledger, now.events, now.activity), strict=True))
    for table in LOG_TABLES:
        if not _read_log(db, cursor, table, reached[table], known, go_on):
            return False
    if not _read_messages(db, cursor, now.message, go_on):
        return False
    _read_agents(db, cursor, now, known)
    return True


def is_behind(cursor: DuckDBPyConnection, now: Standing) -> bool:
    """True when a source has come less far than the cache has read: it is another store's."""
    reached = dict(zip(LOG_TABLES, (now.ledger, now.events, now.activity), strict=True))
    if any(number < mark_of(cursor, table)[0] for table, number in reached.items()):
        return True
    return now.message < mark_of(cursor, "messages")[1]


def _read_log(
    db: Database,
    cursor: DuckDBPyConnection,
    table: str,
    newest: int,
    known: People,
    go_on: Callable[[], bool],
) -> bool:
    start = max(mark_of(cursor, table)[0] - OVERLAP_ROWS, 0)
    if not newest:
        return True
    there = {row[0] for row in cursor.execute(f"SELECT seq FROM {table} WHERE seq > $1", [start]).fetchall()}
    while go_on():
        with db.read() as connection:
            rows = feed_logs.LOGS[table](connection, start, limit=BATCH)
        if rows:
            start = rows[-1].seq
            fresh = with_people([row for row in rows if row.seq not in there], "person", known)
            _add(cursor, table, fresh, start)
        if len(rows) < BATCH:
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _read_messages(db: Database, cursor: DuckDBPyConnection, newest: str, go_on: Callable[[], bool]) -> bool:
    gone = "SELECT entity_id FROM activity WHERE entity = 'message' AND action = 'deleted'"
    cursor.execute(f"DELETE FROM messages WHERE id IN ({gone})")
    mark = mark_of(cursor, "messages")[1]
    start = _earlier(mark)
    if not newest:
        return True
    there = {row[0] for row in cursor.execute("SELECT id FROM messages WHERE id > $1", [start]).fetchall()}
    while go_on():
        with db.read() as connection:
            rows = feed_logs.messages(connection, start, limit=BATCH)
        if rows:
            start = rows[-1].id
            mark = max(mark, start)
            _add(cursor, "messages", plain([row for row in rows if row.id not in there]), 0, mark)
        if len(rows) < BATCH:
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _earlier(message_id: str) -> str:
    """The first id of some seconds before this one: such an id begins with its time in milliseconds."""
    digits = message_id.replace("-", "")[:12]
    try:
        millis = max(int(digits, 16) - OVERLAP_MILLIS, 0)
    except ValueError:
        return ""
    return f"{millis:012x}"[:8] + "-" + f"{millis:012x}"[8:]


def _read_agents(db: Database, cursor: DuckDBPyConnection, now: Standing, known: People) -> None:
    """Versions and agents are few: when there are others than before, all are read anew."""
    shape = f"{now.versions} {now.version} {now.instances}"
    if mark_of(cursor, "agents")[1] == shape:
        return
    with db.read() as connection:
        versions, instances = feed_logs.versions(connection), feed_logs.instances(connection)
    rows = {"versions": with_people(versions, "person", known), "instances": plain(instances)}

    def work() -> None:
        for table, each in rows.items():
            cursor.execute(f"DELETE FROM {table}")
            append(cursor, table, each)
        keep_mark(cursor, "agents", 0, shape)

    _in_one(cursor, work)


def with_people(rows: Sequence[Any], column: str, known: People, **changed: Callable[[Any], Any]) -> list[Row]:
    """Rows as the cache keeps them, with the person that is meant in place of the name."""
    made = plain(rows, **changed)
    if rows and column in rows[0]._fields:
        names = rows[0]._fields
        person, workspace = names.index(column), names.index("workspace_id")
        for row in made:
            row[person] = _person(row[person], row[workspace], known)
    return made


def _person(name: str | None, workspace_id: str, known: People) -> str | None:
    """One word for one person, whether the screen, the chat or the API has noted them; None for the program itself."""
    if name is None or name in NOBODY:
        return None
    if name in (LOCAL_OWNER, "owner"):
        return known.owners.get(workspace_id, name)
    return known.ids.get(name, name)


def _add(cursor: DuckDBPyConnection, table: str, rows: list[Row], number: int, text: str = "") -> None:
    def work() -> None:
        append(cursor, table, rows)
        keep_mark(cursor, table, number, text)

    _in_one(cursor, work)


def _in_one(cursor: DuckDBPyConnection, work: Callable[[], None]) -> None:
    cursor.execute("BEGIN")
    try:
        work()
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
