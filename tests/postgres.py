"""PostgreSQL for tests: one migrated schema, emptied and renamed between two tests.

Migrating takes longer than most tests, emptying a few milliseconds. The new name is what keeps tests apart: a thread
that a test has left behind no longer finds its tables.
"""

from __future__ import annotations

from uuid import uuid4

import psycopg

from ionflux_core.storage.engine import Database
from ionflux_core.storage.schema import migrate

# Emptied tables keep the room of what was in them; after so many tests a new schema is quicker.
_USES = 60

_SHAPE = """
WITH mine AS (SELECT oid, relname, relkind::text FROM pg_class WHERE relnamespace = %(schema)s::regnamespace)
SELECT relname, relkind, '' FROM mine
UNION ALL SELECT relname, attname, format_type(atttypid, atttypmod) || attnotnull
  FROM mine JOIN pg_attribute ON attrelid = mine.oid WHERE attnum > 0 AND NOT attisdropped
UNION ALL SELECT relname, conname, contype::text FROM mine JOIN pg_constraint ON conrelid = mine.oid
UNION ALL SELECT relname, tgname, '' FROM mine JOIN pg_trigger ON tgrelid = mine.oid WHERE NOT tgisinternal
ORDER BY 1, 2, 3
"""
_SEQUENCES = """
SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE schemaname = %(schema)s AND last_value IS NOT NULL
"""
_VERSION = "alembic_version"


class Schemas:
    """Empty, migrated schemas of one server, one at a time; `server` is the address the driver itself takes."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._connection = psycopg.connect(server, autocommit=True)
        self._spare: str | None = None
        self._uses = 0
        self._shape: list[tuple[str, ...]] = []
        self._tables: list[str] = []

    def take(self) -> str:
        """A schema of a name nobody has had; give it back."""
        name, spare = f"ionflux_test_{uuid4().hex}", self._spare
        if spare is None:
            self._make(name)
        else:
            self._spare = None
            self._connection.execute(f'ALTER SCHEMA "{spare}" RENAME TO "{name}"')
        self._uses += 1
        return name

    def address(self, name: str) -> str:
        """The address of a schema as IONFLUX takes it."""
        server = self._server.replace("postgresql://", "postgresql+psycopg://", 1)
        # What a loss of power would take is not asked of it here, and every commit would wait for the disk.
        return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}%20-csynchronous_commit%3Doff"

    def give_back(self, name: str) -> None:
        """Empty the schema for the next test, or drop it when a test has changed more than rows."""
        hidden = f"ionflux_test_{uuid4().hex}"
        self._connection.execute(f'ALTER SCHEMA "{name}" RENAME TO "{hidden}"')
        if self._uses < _USES and self._emptied(hidden):
            self._spare = hidden
        else:
            self._drop(hidden)

    def close(self) -> None:
        """Leave nothing on the server."""
        if self._spare is not None:
            self._drop(self._spare)
        self._connection.close()

    def _make(self, name: str) -> None:
        self._connection.execute(f'CREATE SCHEMA "{name}"')
        database = Database(self.address(name))
        try:
            migrate(database)
        except BaseException:
            self._drop(name)
            raise
        finally:
            database.close()
        self._uses = 0
        self._shape = self._shape_of(name)
        found = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [name])
        self._tables = [table for (table,) in found if table != _VERSION]

    def _shape_of(self, name: str) -> list[tuple[str, ...]]:
        parts = self._connection.execute(_SHAPE, {"schema": name}).fetchall()
        return [*parts, *self._connection.execute(f'SELECT version_num FROM "{name}"."{_VERSION}"').fetchall()]

    def _emptied(self, name: str) -> bool:
        places = [f'"{name}"."{table}"' for table in self._tables]
        try:
            with self._connection.transaction():
                # Whoever still writes from before the new name is waited for.
                self._connection.execute(f"LOCK TABLE {', '.join(places)}")
                # One statement, so that rows that refer to each other go at once.
                gone = ", ".join(f"gone_{n} AS (DELETE FROM {place})" for n, place in enumerate(places))
                self._connection.execute(f"WITH {gone} SELECT 1")
                self._connection.execute(_SEQUENCES, {"schema": name})
            return self._shape_of(name) == self._shape
        except psycopg.Error:
            return False

    def _drop(self, name: str) -> None:
        self._connection.execute(f'DROP SCHEMA "{name}" CASCADE')
