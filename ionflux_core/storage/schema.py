"""Bringing a database to today's tables: migrations forward, a check that costs nothing when there are none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from ionflux_core.errors import Unavailable
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.storage.space import file_of, gives_back, rewrite

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"


def head() -> str:
    """The newest revision there is, read from the file names so that a start need not import Alembic."""
    return max(path.stem.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def revision(db: Database) -> str | None:
    """The revision a database is at; None for one without tables."""
    with db.read() as connection:
        return _revision_at(connection)


def _revision_at(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def migrate(db: Database) -> bool:
    """Bring the database to the newest revision; True when something was done.

    A database written by a newer IONFLUX is refused, never changed. Of several processes that start at once, one
    migrates and the others wait for it. A SQLite file with data is copied beside itself before, and written anew
    after, so that it can give back what is deleted from it.
    """
    current, newest = revision(db), head()
    if current == newest:
        return False
    if current is not None and current > newest:
        raise Unavailable(
            f"This database was written by a newer IONFLUX (revision {current}).",
            hint="Update IONFLUX, or point IONFLUX_DATA_DIR to another folder.",
            code="database_newer",
        )
    from alembic import command

    config = _config()
    with db.alone() as connection:
        if _revision_at(connection) == newest:
            return False
        _keep_copy(db, current)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    _make_room(db, current)
    return True


def _keep_copy(db: Database, current: str | None) -> None:
    path = file_of(db)
    if current is None or path is None:
        return
    # The module of copies asks for the newest revision, which is known here.
    from ionflux_core.storage.backup import copy_before_upgrade

    copy = copy_before_upgrade(path, head())
    log.warning("the database is brought from revision %s to %s; a copy of before is %s", current, head(), copy)


def _make_room(db: Database, current: str | None) -> None:
    if current is None or not db.is_sqlite or gives_back(db):
        return
    if not rewrite(db):
        log.warning("the disk has no room to write the database anew: run `ionflux compact` when there is")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
