"""Channels, messages, what has been read, and the words that are searched."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from ionflux_core.storage.tables.base import Id, Json, Moment, Seq, id_column, metadata, times, workspace_column

chat_channels = Table(
    "chat_channels",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(120), nullable=False),
    Column("type", String(20), nullable=False),
    Column("description", Text, nullable=False),
    # The instance an agent_dedicated channel talks with.
    Column("instance_id", Id),
    Column("members", Json, nullable=False),
    Column("status", String(20), nullable=False),
    # The newest message, for unread marks without counting.
    Column("last_message_id", Id),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

# Ids are UUIDv7, so their order is the order of time. `changed_at` moves with every edit, reaction and reply.
chat_messages = Table(
    "chat_messages",
    metadata,
    id_column(),
    workspace_column(),
    Column("channel_id", Id, ForeignKey("chat_channels.id", ondelete="CASCADE"), nullable=False),
    Column("thread_id", Id, ForeignKey("chat_messages.id", ondelete="CASCADE")),
    Column("sender_type", String(10), nullable=False),
    Column("sender_id", String(140), nullable=False),
    Column("sender_name", String(200), nullable=False),
    Column("content_type", String(30), nullable=False),
    Column("content", Json, nullable=False),
    Column("reactions", Json, nullable=False),
    Column("mentions", Json, nullable=False),
    Column("run_id", Id),
    # A message that a fact has caused is posted once: the fact's key.
    Column("dedup_key", String(300)),
    Column("replies", Integer, nullable=False, server_default="0"),
    Column("last_reply_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("edited_at", Moment),
    Column("deleted_at", Moment),
    UniqueConstraint("workspace_id", "dedup_key"),
    Index(
        "ix_chat_messages_channel",
        "channel_id",
        "id",
        sqlite_where=text("thread_id IS NULL"),
        postgresql_where=text("thread_id IS NULL"),
    ),
    Index("ix_chat_messages_thread", "thread_id", "id"),
    Index("ix_chat_messages_run", "run_id"),
)

# How far a person has read a channel.
chat_reads = Table(
    "chat_reads",
    metadata,
    Column("channel_id", Id, ForeignKey("chat_channels.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("last_read_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
)

# The words of messages, under a full-text index that each database makes in its own way (migration 0003).
chat_texts = Table(
    "chat_texts",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("message_id", Id, ForeignKey("chat_messages.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("words", Text, nullable=False),
)
