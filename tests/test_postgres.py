"""The PostgreSQL schemas tests get: no test may find anything of the one before it, nor be found by it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from ionflux_core.errors import Unavailable
from ionflux_core.storage.engine import Connection, Database
from tests.conftest import POSTGRES
from tests.postgres import Schemas

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL: apt-get install postgresql, set IONFLUX_TEST_POSTGRES_URL"),
]
_USER = """
INSERT INTO users (id, email, name, profile, created_at, updated_at) VALUES ('a', 'b', 'c', '{}', now(), now())
"""
_FOUND = "SELECT to_regclass('ix_left_behind'), to_regclass('chat_texts')"


def _number(connection: Connection) -> int:
    return int(connection.execute(text("SELECT nextval('events_seq_seq')")).scalar_one())


def _users(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM users")).scalar_one())


def test_the_next_test_finds_neither_rows_nor_numbers_nor_tables_of_the_one_before(schemas: Schemas) -> None:
    for change in ("SELECT 1", "CREATE INDEX ix_left_behind ON users (name)", "DROP TABLE chat_texts", "SELECT 2"):
        name = schemas.take()
        database = Database(schemas.address(name))
        try:
            assert database.write(lambda c: (_users(c), _number(c))) == (0, 1)
            database.write(lambda c: c.execute(text(_USER)))
            database.write(lambda c, change=change: c.execute(text(change)))  # type: ignore[misc]
            with database.read() as connection:
                assert _users(connection) == 1
                found = connection.execute(text(_FOUND)).one()
            assert [each is None for each in found] == ["CREATE" not in change, "DROP" in change]
            schemas.give_back(name)
            # A thread the test has forgotten no longer finds its tables.
            with pytest.raises(Unavailable):
                database.write(lambda c: c.execute(text(_USER)))
        finally:
            database.close()
