"""Events, their deliveries, and the marks and leases of those who read them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint, text

from ionflux_core.storage.tables.base import Id, Json, Moment, Seq, metadata, workspace_column

events = Table(
    "events",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    workspace_column(),
    Column("type", String(200), nullable=False),
    Column("at", Moment, nullable=False),
    Column("source", String(100), nullable=False),
    Column("user_id", Id),
    Column("brand_id", Id),
    Column("correlation_id", Id, nullable=False, index=True),
    Column("causation_run_id", Id),
    Column("dedup_key", String(300)),
    Column("schema_version", String(20), nullable=False),
    Column("payload", Json, nullable=False),
    Column("status", String(30), nullable=False),
    UniqueConstraint("workspace_id", "dedup_key"),
    Index("ix_events_workspace", "workspace_id", "seq"),
    Index(
        "ix_events_open",
        "seq",
        sqlite_where=text("status = 'pending_processing'"),
        postgresql_where=text("status = 'pending_processing'"),
    ),
)

event_deliveries = Table(
    "event_deliveries",
    metadata,
    Column("event_id", Id, ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    Column("trigger_id", Id, primary_key=True),
    Column("status", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    # How often a person has asked for it again; each time is a run of its own.
    Column("replays", Integer, nullable=False, server_default="0"),
    Column("run_id", Id),
    Column("error", Json),
    Column("at", Moment, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("source", String(250), primary_key=True),
    Column("delivery_id", String(200), primary_key=True),
    Column("run_id", Id),
    Column("at", Moment, nullable=False, index=True),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("owner", String(100), nullable=False),
    Column("until", Moment, nullable=False),
)
