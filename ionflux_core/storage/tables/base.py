"""What all tables are made of: the names of constraints, times in UTC, JSON, ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, ForeignKey, Integer, MetaData, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A UTC time, always aware in Python; SQLite keeps it as sortable ISO text of fixed width."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Text on SQLite, a time with zone elsewhere."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database, in UTC; a time without a zone is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database, in UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


Json = JSON().with_variant(JSONB(), "postgresql")


# JSON as it was written, keys in their order: what a run was given and got back must come back to the byte.
ExactJson = JSON()


Id = String(36)


Seq = BigInteger().with_variant(Integer(), "sqlite")


def id_column() -> Column[str]:
    """The primary key of most tables: a UUIDv7 as text."""
    return Column("id", Id, primary_key=True)


def workspace_column() -> Column[str]:
    """Whose row it is; it goes with its workspace."""
    return Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


def times() -> tuple[Column[Any], Column[Any]]:
    """When a row was made and last changed."""
    return Column("created_at", Moment, nullable=False), Column("updated_at", Moment, nullable=False)
