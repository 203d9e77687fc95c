"""What is kept of flows beside their saved versions, which are those of an instance."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from ionflux_core.storage.tables.base import Id, Moment, metadata

# One for each flow: the text somebody has left unsaved, valid or not.
flow_drafts = Table(
    "flow_drafts",
    metadata,
    Column("flow_id", Id, ForeignKey("agent_configurations.id", ondelete="CASCADE"), primary_key=True),
    Column("yaml", Text, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("by", String(200)),
    Column("at", Moment, nullable=False),
)
