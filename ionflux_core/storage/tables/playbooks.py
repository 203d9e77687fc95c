"""Playbooks and their versions."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from ionflux_core.storage.tables.base import Id, Json, Moment, id_column, metadata, times, workspace_column

# What a person edits stands in `document`; the name is beside it, so that it is unique and found. `flow_id` is the
# flow the playbook runs as, once it has been active.
playbooks = Table(
    "playbooks",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(120), nullable=False),
    Column("slug", String(60), nullable=False),
    Column("document", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("author", String(200), nullable=False),
    # The playbook this one was cloned from, and at which version.
    Column("derived_from", Json),
    Column("flow_id", Id),
    *times(),
    UniqueConstraint("workspace_id", "name"),
    UniqueConstraint("workspace_id", "slug"),
    Index("ix_playbooks_status", "workspace_id", "status", "name"),
)

playbook_versions = Table(
    "playbook_versions",
    metadata,
    Column("playbook_id", Id, ForeignKey("playbooks.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    workspace_column(),
    Column("document", Json, nullable=False),
    Column("author", String(200), nullable=False),
    Column("message", String(300), nullable=False),
    Column("created_at", Moment, nullable=False),
)
