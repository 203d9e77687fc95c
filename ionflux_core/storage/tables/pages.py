"""Pages of blocks with their versions, and the library of prompts."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from ionflux_core.storage.tables.base import ExactJson, Id, Json, Moment, id_column, metadata, times, workspace_column

# Documents whose blocks are live agents. A page is archived, not deleted; its text as it was stands in its versions.
canvas_pages = Table(
    "canvas_pages",
    metadata,
    id_column(),
    workspace_column(),
    Column("parent_page_id", Id, ForeignKey("canvas_pages.id", ondelete="SET NULL")),
    Column("title", String(200), nullable=False),
    Column("icon", String(60), nullable=False, server_default=""),
    Column("position", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    *times(),
    Index("ix_canvas_pages_tree", "workspace_id", "status", "parent_page_id", "position"),
)

# Places and sizes are cells of the page's grid of twelve columns. `revision` is the lock of whoever edits; `output` is
# what others read of a block that computes, `stale` says that what it was computed from has changed since.
canvas_blocks = Table(
    "canvas_blocks",
    metadata,
    id_column(),
    workspace_column(),
    Column("page_id", Id, ForeignKey("canvas_pages.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("type", String(30), nullable=False),
    Column("content", Json, nullable=False),
    Column("position_x", Integer, nullable=False),
    Column("position_y", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("z_index", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("output", ExactJson),
    Column("output_at", Moment),
    Column("run_id", Id),
    Column("error", Json),
    Column("deleted_at", Moment),
    *times(),
    Index("ix_canvas_blocks_page", "page_id", "deleted_at", "position_y", "position_x"),
    Index(
        "ix_canvas_blocks_name",
        "page_id",
        "name",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

canvas_page_versions = Table(
    "canvas_page_versions",
    metadata,
    Column("page_id", Id, ForeignKey("canvas_pages.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    workspace_column(),
    Column("document", Json, nullable=False),
    Column("author", String(200), nullable=False),
    Column("message", String(300), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

prompt_libraries = Table(
    "prompt_libraries",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String(20), nullable=False),
    *times(),
    UniqueConstraint("workspace_id", "name"),
)

prompts = Table(
    "prompts",
    metadata,
    id_column(),
    workspace_column(),
    Column("library_id", Id, ForeignKey("prompt_libraries.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("variables", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("author", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    # The prompt this one was forked from, and at which version.
    Column("derived_from", Json),
    Column("status", String(20), nullable=False),
    *times(),
    UniqueConstraint("library_id", "name"),
    Index("ix_prompts_workspace", "workspace_id", "status", "name"),
)

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("prompt_id", Id, ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    workspace_column(),
    Column("name", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("variables", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("author", String(200), nullable=False),
    Column("message", String(300), nullable=False),
    Column("created_at", Moment, nullable=False),
)
