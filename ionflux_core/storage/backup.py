"""Copies of a SQLite run store: taken while it is used, checked before they are trusted."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from ionflux_core import limits
from ionflux_core.errors import Conflict, Invalid, Unavailable
from ionflux_core.storage.schema import head

_KEPT_COPIES = 3
_SPARE_BYTES = 64 * limits.MIB


def copy_before_upgrade(path: Path, revision: str) -> Path:
    """A copy of a database beside it, named for the revision it is about to get; only the newest three are kept.

    Unavailable, and nothing changed, when the disk has no room for it.
    """
    log = path.with_name(f"{path.name}-wal")
    needed = path.stat().st_size + (log.stat().st_size if log.exists() else 0) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise Unavailable(
            f"The database cannot be upgraded: a copy of it has to be kept, which needs {needed // limits.MIB} MiB, "
            f"and the disk has {free // limits.MIB}.",
            hint="Free some space and start again; nothing was changed.",
            code="no_room_for_copy",
        )
    copy = path.with_name(f"{path.stem}.before-{revision}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}.sqlite")
    try:
        copy_to(path, copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    by_age = sorted(path.parent.glob(f"{path.stem}.before-*.sqlite"), key=lambda each: each.name.rsplit(".", 2)[1])
    for old in by_age[:-_KEPT_COPIES]:
        old.unlink(missing_ok=True)
    return copy


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
