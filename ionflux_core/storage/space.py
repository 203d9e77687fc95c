"""What the run store takes on the disk, and giving back what deletes have freed while others go on working.

SQLite keeps freed pages in its file. A file made by this IONFLUX gives them back in small steps; an older one is
rewritten once, when it is brought to today's tables. PostgreSQL sees to it by itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import make_url

from ionflux_core.storage import driver
from ionflux_core.storage.engine import Connection, Database

_CHECKPOINT_PATIENCE_MS = 100


class Space(NamedTuple):
    """Bytes of the database, of its write-ahead log, and those in it that hold nothing."""

    database: int
    log: int
    free: int


def file_of(db: Database) -> Path | None:
    """The file of a SQLite database; None in memory or on a server."""
    name = make_url(db.url).database if db.is_sqlite else None
    return Path(name) if name and name != ":memory:" else None


def measure(db: Database) -> Space:
    """How large the database is."""
    if not db.is_sqlite:
        with db.read() as connection:
            return Space(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one(), 0, 0)
    with db.read() as connection:
        page, free = _number(connection, "page_size"), _number(connection, "freelist_count")
        pages = _number(connection, "page_count")
    path = file_of(db)
    log = path.with_name(f"{path.name}-wal") if path else None
    return Space(page * pages, log.stat().st_size if log and log.exists() else 0, page * free)


def gives_back(db: Database) -> bool:
    """Whether freed pages can be given back in steps."""
    if not db.is_sqlite:
        return False
    with db.read() as connection:
        return _number(connection, "auto_vacuum") == 2


def free_pages(db: Database) -> tuple[int, int]:
    """How many pages of a SQLite file hold nothing, and how many there are."""
    with db.read() as connection:
        return _number(connection, "freelist_count"), _number(connection, "page_count")


def give_back(db: Database, pages: int) -> None:
    """Cut this many free pages off the end of a SQLite file, moving what lies there."""
    with db.between_writes() as connection:
        driver.execute_to_end(connection, f"PRAGMA incremental_vacuum({int(pages)})")


def empty_log(db: Database) -> bool:
    """Bring SQLite's write-ahead log into the file and cut it to nothing; False while somebody still reads in it."""
    with db.between_writes() as connection:
        # What is left to do under the lock is little: most of it goes over without stopping anybody.
        driver.execute(connection, "PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        before = driver.execute(connection, "PRAGMA busy_timeout").fetchone()[0]
        driver.execute(connection, f"PRAGMA busy_timeout={_CHECKPOINT_PATIENCE_MS}").fetchall()
        try:
            busy = driver.execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            driver.execute(connection, f"PRAGMA busy_timeout={int(before)}").fetchall()
    return not busy


def rewrite(db: Database) -> bool:
    """Write a SQLite file anew without its holes, so that it can give back from now on; False for lack of room.

    Nobody writes meanwhile, so it is for the start, for an idle hour, and for files of older versions.
    """
    path = file_of(db)
    if path is None or shutil.disk_usage(path.parent).free < 2 * path.stat().st_size:
        return False
    with db.between_writes() as connection:
        driver.execute(connection, "PRAGMA auto_vacuum=INCREMENTAL").fetchall()
        driver.execute_to_end(connection, "VACUUM")
    return True


def _number(connection: Connection, pragma: str) -> int:
    return int(connection.execute(text(f"PRAGMA {pragma}")).scalar_one())
