"""The short way to SQLite's driver, for what every transaction needs; its errors come as SQLAlchemy's."""

from __future__ import annotations

import sqlite3
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def execute(connection: Connection, text: str, given: tuple[Any, ...] = ()) -> sqlite3.Cursor:
    """Execute one statement on the driver's own connection, past SQLAlchemy's bookkeeping."""
    try:
        return _driver(connection).execute(text, given)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            text, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def execute_to_end(connection: Connection, text: str) -> None:
    """Execute a statement outside of a transaction until it is done: the driver stops some pragmas after one step."""
    try:
        _driver(connection).executescript(text)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            text, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def in_transaction(connection: Connection) -> bool:
    """Whether the driver has a transaction open."""
    return _driver(connection).in_transaction


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)
