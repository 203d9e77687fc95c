"""Every table of the run store, with indexes written for the queries that use them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
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


def _id() -> Column[str]:
    return Column("id", Id, primary_key=True)


def _workspace() -> Column[str]:
    return Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


def _times() -> tuple[Column[Any], Column[Any]]:
    return Column("created_at", Moment, nullable=False), Column("updated_at", Moment, nullable=False)


users = Table(
    "users",
    metadata,
    _id(),
    Column("email", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("password_hash", Text),
    Column("profile", Json, nullable=False),
    *_times(),
)

workspaces = Table(
    "workspaces",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    Column("owner_user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("settings", Json, nullable=False),
    Column("status", String(20), nullable=False, server_default="active"),
    *_times(),
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
    _id(),
    _workspace(),
    Column("name", String(200), nullable=False),
    Column("profile", Json, nullable=False),
    Column("persona_namespace", Text),
    Column("status", String(20), nullable=False, server_default="active"),
    *_times(),
    UniqueConstraint("workspace_id", "name"),
)

creators = Table(
    "creators",
    metadata,
    _id(),
    _workspace(),
    Column("name", String(200), nullable=False),
    Column("profile", Json, nullable=False),
    Column("persona_namespace", Text),
    Column("status", String(20), nullable=False, server_default="active"),
    *_times(),
    UniqueConstraint("workspace_id", "name"),
)

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
    *_times(),
)

agent_configurations = Table(
    "agent_configurations",
    metadata,
    _id(),
    _workspace(),
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
    *_times(),
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
    _id(),
    _workspace(),
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
    *_times(),
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

runs = Table(
    "runs",
    metadata,
    _id(),
    _workspace(),
    Column("instance_id", Id, ForeignKey("agent_configurations.id", ondelete="CASCADE")),
    Column("definition_slug", String(100), nullable=False),
    Column("definition_version", String(40), nullable=False),
    Column("target", String(300), nullable=False),
    Column("brand_id", Id),
    Column("trigger_kind", String(20), nullable=False),
    Column("trigger_id", Id),
    Column("trigger", ExactJson, nullable=False),
    Column("task", String(200)),
    Column("triggered_by_user_id", Id),
    Column("correlation_id", Id, nullable=False, index=True),
    Column("parent_run_id", Id),
    # How a run came from its parent (retry, fork, replay), at which step, and what was changed.
    Column("lineage", String(10)),
    Column("forked_at", String(300)),
    Column("changes", Json),
    # The run whose clock, seed and recorded answers a replay uses.
    Column("replay_of", Id),
    # The time and the seed a run goes by when they are those of the run it came from.
    Column("clock", Moment),
    Column("seed", BigInteger),
    # Where a run of another IONFLUX came from; it is only looked at and replayed.
    Column("imported", Json),
    Column("budget_micros", BigInteger),
    Column("idempotency_key", String(300)),
    Column("status", String(30), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("lease_owner", String(100)),
    Column("lease_until", Moment),
    Column("control", String(10)),
    Column("wake_at", Moment),
    Column("wait", Json),
    Column("inputs", ExactJson, nullable=False),
    Column("config", Json, nullable=False),
    Column("config_sha256", String(64), nullable=False),
    Column("warnings", Json, nullable=False),
    Column("outputs", Json),
    Column("preview", Text),
    Column("error", Json),
    Column("kpis", Json, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    # Model calls that were answered at a price nobody knows: their cost is not in the sum.
    Column("unpriced_calls", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("change_seq", BigInteger, nullable=False),
    UniqueConstraint("workspace_id", "idempotency_key"),
    Index("ix_runs_workspace", "workspace_id", "id"),
    Index("ix_runs_instance", "instance_id", "id"),
    Index("ix_runs_change", "change_seq"),
    Index("ix_runs_parent", "parent_run_id"),
    Index(
        "ix_runs_replay",
        "replay_of",
        sqlite_where=text("replay_of IS NOT NULL"),
        postgresql_where=text("replay_of IS NOT NULL"),
    ),
    Index(
        "ix_runs_due",
        "priority",
        "id",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index(
        "ix_runs_live",
        "status",
        "workspace_id",
        sqlite_where=text("status IN ('pending', 'running', 'waiting', 'awaiting_approval', 'paused')"),
        postgresql_where=text("status IN ('pending', 'running', 'waiting', 'awaiting_approval', 'paused')"),
    ),
)

run_steps = Table(
    "run_steps",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("step_key", String(300), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("kind", String(30), nullable=False),
    Column("title", String(300), nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("inputs", ExactJson),
    Column("inputs_hash", String(64)),
    Column("outputs", ExactJson),
    Column("output_ref", String(64)),
    Column("outputs_hash", String(64)),
    # The run that really executed a reused step.
    Column("source_run_id", Id),
    # The figures a step has reported for its run.
    Column("reported", Json),
    Column("error", Json),
    Column("cost_micros", BigInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
)

run_logs = Table(
    "run_logs",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("level", String(10), nullable=False),
    Column("message", Text, nullable=False),
    Column("step_key", String(300)),
    Column("fields", Json, nullable=False),
    Index("ix_run_logs_run", "run_id", "seq"),
)

calls = Table(
    "calls",
    metadata,
    _id(),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("step_key", String(300)),
    Column("kind", String(10), nullable=False),
    Column("provider", String(60), nullable=False),
    Column("model", String(120)),
    Column("request", Json),
    Column("response", Json),
    Column("status", String(20), nullable=False),
    Column("error", Json),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False, server_default="0"),
    Column("price", Json),
    Column("cost_micros", BigInteger),
    Column("request_hash", String(64)),
    Column("latency_ms", Float, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("name", String(300), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("run_id", Id),
    Column("created_at", Moment, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    _id(),
    _workspace(),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("step_key", String(300), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("data", Json, nullable=False),
    Column("editable", Json, nullable=False),
    # What is asked: an agent's own question, whether an effect may go out, or whether one did go out.
    Column("kind", String(20), nullable=False, server_default="question"),
    Column("urgency", String(10), nullable=False),
    Column("status", String(20), nullable=False),
    Column("on_timeout", String(10), nullable=False),
    Column("expires_at", Moment),
    Column("decided_by", String(200)),
    Column("comment", Text),
    Column("edits", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Column("reminded_at", Moment),
    UniqueConstraint("run_id", "step_key"),
    Index("ix_approvals_pending", "workspace_id", "status"),
    Index("ix_approvals_decided", "workspace_id", "decided_at"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    _workspace(),
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

billing_ledger = Table(
    "billing_ledger",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    _workspace(),
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
    _id(),
    _workspace(),
    Column("scope", String(20), nullable=False),
    Column("scope_id", Id, nullable=False),
    Column("period", String(10), nullable=False),
    Column("limit_micros", BigInteger, nullable=False),
    *_times(),
    UniqueConstraint("workspace_id", "scope", "scope_id", "period"),
)

# Credits set aside for calls that are being made; a row goes when its call is settled.
reservations = Table(
    "reservations",
    metadata,
    _id(),
    _workspace(),
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
    _workspace(),
    Column("owner", Id, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("cost_micros", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _workspace(),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("instance_id", Id),
    Column("step_key", String(300), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("target", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("policy", String(20), nullable=False),
    # Why a person is asked, in sentences: the policy, and the outside text the run has read.
    Column("reasons", Json),
    Column("estimate_micros", BigInteger),
    Column("approval_id", Id),
    Column("idempotency_key", String(300), nullable=False),
    Column("on_uncertain", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("response", Json),
    Column("error", Json),
    Column("sent_at", Moment),
    *_times(),
    UniqueConstraint("workspace_id", "idempotency_key"),
    Index("ix_outbox_status", "workspace_id", "status", "id"),
    Index("ix_outbox_kind", "workspace_id", "kind", "id"),
    Index("ix_outbox_workspace", "workspace_id", "id"),
)

kpi_points = Table(
    "kpi_points",
    metadata,
    Column("id", String(64), primary_key=True),
    _workspace(),
    Column("instance_id", Id),
    Column("brand_id", Id),
    Column("definition_slug", String(100), nullable=False),
    Column("run_id", Id, nullable=False),
    Column("name", String(120), nullable=False),
    Column("unit", String(30), nullable=False),
    Column("value", Float),
    Column("at", Moment, nullable=False),
    Column("dims", Json, nullable=False),
    Column("change_seq", BigInteger, nullable=False, index=True),
)

value_entries = Table(
    "value_entries",
    metadata,
    _id(),
    _workspace(),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("amount", Float, nullable=False),
    Column("unit", String(30), nullable=False),
    Column("method", String(20), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_value_entries_run", "run_id"),
)

records = Table(
    "records",
    metadata,
    _workspace(),
    Column("owner", String(140), primary_key=True),
    Column("collection", String(100), primary_key=True),
    Column("key", String(300), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_records_time", "owner", "collection", "at"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_id", String(40), nullable=False),
    *_times(),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    _id(),
    _workspace(),
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
    _workspace(),
    Column("at", Moment, nullable=False),
    Column("who", String(200)),
    Column("action", String(60), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("entity_id", String(140), nullable=False),
    Column("details", Json, nullable=False),
    Index("ix_audit_log_entity", "entity", "entity_id", "seq"),
)

# The words of runs, cut to a size, under a full-text index that each database makes in its own way (migration 0002).
run_texts = Table(
    "run_texts",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("change_seq", BigInteger, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("logs", Text, nullable=False),
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
