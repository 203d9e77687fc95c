"""Who works where: users, workspaces, brands, creators, secrets, tokens, accounts, and who did what."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Text, UniqueConstraint, text

from ionflux_core.storage.tables.base import Id, Json, Moment, Seq, id_column, metadata, times, workspace_column

users = Table(
    "users",
    metadata,
    id_column(),
    Column("email", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("password_hash", Text),
    Column("profile", Json, nullable=False),
    *times(),
)

workspaces = Table(
    "workspaces",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False),
    Column("owner_user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("settings", Json, nullable=False),
    Column("status", String(20), nullable=False, server_default="active"),
    *times(),
)

memberships = Table(
    "memberships",
    metadata,
    Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
)

brands = Table(
    "brands",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(200), nullable=False),
    Column("profile", Json, nullable=False),
    Column("persona_namespace", Text),
    Column("status", String(20), nullable=False, server_default="active"),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

creators = Table(
    "creators",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(200), nullable=False),
    Column("profile", Json, nullable=False),
    Column("persona_namespace", Text),
    Column("status", String(20), nullable=False, server_default="active"),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_id", String(40), nullable=False),
    *times(),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(120), nullable=False),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("created_at", Moment, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    workspace_column(),
    Column("at", Moment, nullable=False),
    Column("who", String(200)),
    Column("action", String(60), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("entity_id", String(140), nullable=False),
    Column("details", Json, nullable=False),
    Index("ix_audit_log_entity", "entity", "entity_id", "seq"),
)

# Accounts with outside services. `secrets` holds names of stored secrets by field.
accounts = Table(
    "accounts",
    metadata,
    id_column(),
    workspace_column(),
    Column("brand_id", Id),
    Column("connector", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("settings", Json, nullable=False),
    Column("secrets", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("label", String(300), nullable=False, server_default=""),
    Column("facts", Json, nullable=False),
    Column("error", Json),
    Column("tested_at", Moment),
    Column("synced_at", Moment),
    Column("synced", Json, nullable=False),
    Column("sync_error", Json),
    Column("cursor", Json, nullable=False),
    *times(),
    UniqueConstraint("workspace_id", "connector", "name"),
)

# Addresses nobody mails any more: they bounced, complained, unsubscribed, or somebody said so.
suppressions = Table(
    "suppressions",
    metadata,
    Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("address", String(320), primary_key=True),
    Column("reason", String(20), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("at", Moment, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    id_column(),
    workspace_column(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("title", String(300), nullable=False),
    Column("body", Text, nullable=False),
    # Where it leads: {"page": noun, "parameters": {...}}.
    Column("link", Json, nullable=False),
    Column("dedup_key", String(300), nullable=False),
    Column("read_at", Moment),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("user_id", "workspace_id", "dedup_key"),
    Index("ix_notifications_user", "user_id", "workspace_id", "id"),
    Index(
        "ix_notifications_unread",
        "user_id",
        "workspace_id",
        sqlite_where=text("read_at IS NULL"),
        postgresql_where=text("read_at IS NULL"),
    ),
)
