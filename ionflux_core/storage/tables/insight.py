"""What analysts keep: views, questions and their files, marks on charts, digests, alert rules and incidents."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from ionflux_core.storage.tables.base import Id, Json, Moment, Seq, id_column, metadata, times, workspace_column

# A page as somebody has narrowed it: `parameters` are those of its address.
saved_views = Table(
    "saved_views",
    metadata,
    id_column(),
    workspace_column(),
    Column("page", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("parameters", Json, nullable=False),
    Column("created_by", String(200)),
    *times(),
    UniqueConstraint("workspace_id", "page", "name"),
)

# Figures that are sent by schedule; what is due is found by the clock.
digests = Table(
    "digests",
    metadata,
    id_column(),
    workspace_column(),
    Column("view_id", Id, ForeignKey("saved_views.id", ondelete="SET NULL")),
    Column("name", String(120), nullable=False),
    Column("cron", String(120), nullable=False),
    Column("timezone", String(60), nullable=False),
    Column("days", Integer, nullable=False),
    # How it goes out: {"channel": "email", "to": ["a@b.example"]}.
    Column("destination", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("next_at", Moment),
    Column("last_at", Moment),
    Column("last_outcome", Text, nullable=False, server_default=""),
    *times(),
    Index("ix_digests_due", "enabled", "next_at"),
)

# What somebody wrote on the charts; version changes and incidents are marked by themselves.
chart_notes = Table(
    "chart_notes",
    metadata,
    id_column(),
    workspace_column(),
    Column("at", Moment, nullable=False),
    Column("words", String(300), nullable=False),
    Column("instance_id", Id),
    Column("created_by", String(200)),
    Column("created_at", Moment, nullable=False),
    Index("ix_chart_notes_at", "workspace_id", "at"),
)

saved_questions = Table(
    "saved_questions",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(120), nullable=False),
    Column("sql_text", Text, nullable=False),
    # How the answer is drawn: {"kind": "bar", "x": ..., "y": ...}; empty for a table.
    Column("chart", Json, nullable=False),
    Column("created_by", String(200)),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

# What was asked lately, right or wrong, newest last.
asked_questions = Table(
    "asked_questions",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    workspace_column(),
    Column("sql_text", Text, nullable=False),
    Column("who", String(200)),
    Column("at", Moment, nullable=False),
    Column("seconds", Float),
    Column("row_count", Integer),
    Column("error", Text),
    Index("ix_asked_questions_workspace", "workspace_id", "seq"),
)

# Files that questions may read: kept as Parquet among the artifacts, under a name that SQL knows.
datasets = Table(
    "datasets",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(60), nullable=False),
    Column("filename", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("row_count", Integer, nullable=False),
    # [{"name": ..., "type": "text" | "number" | "time" | "day" | "boolean" | "json"}]
    Column("columns", Json, nullable=False),
    Column("created_by", String(200)),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(120), nullable=False),
    Column("measure", String(60), nullable=False),
    # What it looks at: {"definition_slug": ..., "instance_id": ..., "brand_id": ...}; empty for the whole workspace.
    Column("target", Json, nullable=False),
    Column("comparison", String(10), nullable=False),
    Column("threshold", Float, nullable=False),
    Column("period_minutes", Integer, nullable=False),
    # Where it is told: [{"channel": "chat", "to": "alerts"}, ...]; the app itself always shows it.
    Column("destinations", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("muted_until", Moment),
    Column("created_by", String(200)),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

# Something that is not as it should be, from its first sight to its end. `subject` says of what, so that one trouble
# is one open incident; a rule that was deleted leaves its incidents behind.
incidents = Table(
    "incidents",
    metadata,
    id_column(),
    workspace_column(),
    Column("rule_id", Id, ForeignKey("alert_rules.id", ondelete="SET NULL")),
    Column("kind", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("title", String(300), nullable=False),
    Column("detail", Text, nullable=False),
    Column("instance_id", Id),
    Column("value", Float),
    Column("status", String(20), nullable=False),
    Column("sightings", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("told_at", Moment),
    Column("muted_until", Moment),
    Column("resolved_at", Moment),
    Column("resolved_by", String(200)),
    Index(
        "uq_incidents_open",
        "workspace_id",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
    Index("ix_incidents_workspace", "workspace_id", "id"),
)
