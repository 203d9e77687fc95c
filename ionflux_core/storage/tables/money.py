"""Money: the ledger, budgets, and what is reserved and spent of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, UniqueConstraint

from ionflux_core.storage.tables.base import Id, Moment, Seq, id_column, metadata, times, workspace_column

billing_ledger = Table(
    "billing_ledger",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    workspace_column(),
    Column("at", Moment, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("balance_after_micros", BigInteger, nullable=False),
    Column("run_id", Id),
    Column("instance_id", Id),
    Column("step_key", String(300)),
    Column("service", String(40)),
    Column("note", Text, nullable=False, server_default=""),
    Column("idempotency_key", String(300), unique=True),
    Index("ix_billing_ledger_workspace", "workspace_id", "seq"),
    Index("ix_billing_ledger_run", "run_id"),
)

budgets = Table(
    "budgets",
    metadata,
    id_column(),
    workspace_column(),
    Column("scope", String(20), nullable=False),
    Column("scope_id", Id, nullable=False),
    Column("period", String(10), nullable=False),
    Column("limit_micros", BigInteger, nullable=False),
    *times(),
    UniqueConstraint("workspace_id", "scope", "scope_id", "period"),
)

# Credits set aside for calls that are being made; a row goes when its call is settled.
reservations = Table(
    "reservations",
    metadata,
    id_column(),
    workspace_column(),
    Column("key", String(300), nullable=False, unique=True),
    Column("run_id", Id, nullable=False),
    Column("instance_id", Id),
    Column("step_key", String(300)),
    Column("service", String(40), nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_reservations_workspace", "workspace_id"),
)

# What a workspace, an instance or a run (`owner`) has spent or set aside by day: a budget is a look at a few rows.
spending = Table(
    "spending",
    metadata,
    workspace_column(),
    Column("owner", Id, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("cost_micros", BigInteger, nullable=False),
)
