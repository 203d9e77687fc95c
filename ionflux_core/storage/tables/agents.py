"""Agents: definitions, configured instances with their versions, and what starts them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from ionflux_core.storage.tables.base import Id, Json, Moment, Seq, id_column, metadata, times, workspace_column

agent_definitions = Table(
    "agent_definitions",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("slug", String(100), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("version", String(40), nullable=False),
    Column("definition_status", String(20), nullable=False),
    Column("manifest", Json, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    *times(),
)

agent_configurations = Table(
    "agent_configurations",
    metadata,
    id_column(),
    workspace_column(),
    Column(
        "agent_definition_id",
        String(100),
        ForeignKey("agent_definitions.id", ondelete="RESTRICT"),
        nullable=False,
        index=True,
    ),
    Column("definition_slug", String(100), nullable=False),
    Column("definition_version", String(40), nullable=False),
    Column("brand_id", Id, ForeignKey("brands.id", ondelete="SET NULL")),
    Column("name", String(200), nullable=False),
    Column("description_text", Text, nullable=False, server_default=""),
    Column("created_by_user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("yaml_config_text", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("effective_config_cache", Json),
    Column("resolved_memory_namespace", Text),
    Column("status", String(30), nullable=False, server_default="active"),
    Column("status_reason", Text),
    Column("consecutive_failures", Integer, nullable=False, server_default="0"),
    Column("last_run_summary", Json),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

agent_configuration_versions = Table(
    "agent_configuration_versions",
    metadata,
    Column("instance_id", Id, ForeignKey("agent_configurations.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("yaml_config_text", Text, nullable=False),
    Column("author", String(200)),
    Column("message", Text, nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
)

triggers = Table(
    "triggers",
    metadata,
    id_column(),
    workspace_column(),
    Column("instance_id", Id, ForeignKey("agent_configurations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("key", String(120), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("config", Json, nullable=False),
    Column("payload_to", String(120)),
    Column("enabled", Boolean, nullable=False),
    Column("hook_path", String(200), unique=True),
    Column("next_due", Moment),
    Column("last_fired", Moment),
    Column("last_outcome", Text),
    *times(),
    UniqueConstraint("instance_id", "key"),
    Index("ix_triggers_kind", "kind", "enabled"),
)

trigger_log = Table(
    "trigger_log",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("trigger_id", Id, ForeignKey("triggers.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("run_id", Id),
    Index("ix_trigger_log_trigger", "trigger_id", "seq"),
)
