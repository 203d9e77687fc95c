"""Copies of a SQLite run store: taken while it is used, checked before they are trusted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ionflux_core.errors import Conflict, Invalid, Unavailable
from ionflux_core.storage.schema import head


def copy_to(source: Path, target: Path) -> None:
    """A consistent copy of a database that others may be writing to."""
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise Unavailable(f"The database could not be copied: {error}.", hint="Check the disk, then again.") from error


def check_copy(path: Path) -> str:
    """The revision of a copy; Invalid when it is damaged, no run store of ours, or newer than this IONFLUX."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
            revision = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError) as error:
        raise Invalid("The backup holds no database of IONFLUX.", hint="Choose another backup.") from error
    if sound != "ok":
        raise Invalid("The database in the backup is damaged.", hint="Choose another backup.")
    if revision > head():
        raise Invalid(f"The backup was made by a newer IONFLUX (revision {revision}).", hint="Update IONFLUX first.")
    return revision


def take_alone(path: Path) -> None:
    """Fold the write-ahead log into the file; Conflict while any other process has the database open."""
    try:
        with closing(sqlite3.connect(path, timeout=1)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise Conflict("IONFLUX is running on this data.", hint="Stop it, then restore.") from error
        # A damaged database is what one restores for: it is only put aside.
        return
