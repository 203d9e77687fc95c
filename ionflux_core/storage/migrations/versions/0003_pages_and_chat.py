"""Pages of live blocks, prompt libraries, chat, and notifications."""

import sqlalchemy as sa
from alembic import op

from ionflux_core.storage.tables import Json, Moment, Seq

# How PostgreSQL reads the words of a message; a query writes it alike.
POSTGRES_WORDS = "to_tsvector('simple', regexp_replace(words, '[^[:alnum:]]+', ' ', 'g'))"

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# External content, as migration 0002 does it for runs.
_SQLITE_WORDS = (
    "DROP TABLE IF EXISTS chat_words",
    "CREATE VIRTUAL TABLE chat_words USING fts5(words, content='chat_texts', content_rowid='seq',"
    " tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER chat_texts_in AFTER INSERT ON chat_texts BEGIN"
    " INSERT INTO chat_words(rowid, words) VALUES (new.seq, new.words); END",
    "CREATE TRIGGER chat_texts_out AFTER DELETE ON chat_texts BEGIN"
    " INSERT INTO chat_words(chat_words, rowid, words) VALUES ('delete', old.seq, old.words); END",
    "CREATE TRIGGER chat_texts_anew AFTER UPDATE ON chat_texts BEGIN"
    " INSERT INTO chat_words(chat_words, rowid, words) VALUES ('delete', old.seq, old.words);"
    " INSERT INTO chat_words(rowid, words) VALUES (new.seq, new.words); END",
)
_POSTGRES_WORDS = f"CREATE INDEX ix_chat_texts_words ON chat_texts USING gin ({POSTGRES_WORDS})"
_TABLES = (
    "canvas_pages", "canvas_blocks", "canvas_page_versions", "prompt_libraries", "prompts", "prompt_versions",
    "chat_channels", "chat_messages", "chat_reads", "chat_texts", "notifications",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "canvas_pages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("parent_page_id", sa.String(length=36), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("icon", sa.String(length=60), server_default="", nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_page_id"],
            ["canvas_pages.id"],
            name=op.f("fk_canvas_pages_parent_page_id_canvas_pages"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_canvas_pages_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canvas_pages")),
    )
    with op.batch_alter_table("canvas_pages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_canvas_pages_tree", ["workspace_id", "status", "parent_page_id", "position"], unique=False
        )

    op.create_table(
        "chat_channels",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=True),
        sa.Column("members", Json, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("last_message_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_chat_channels_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_channels")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_chat_channels_workspace_id_name")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", Json, nullable=False),
        sa.Column("dedup_key", sa.String(length=300), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_notifications_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "user_id", "workspace_id", "dedup_key", name=op.f("uq_notifications_user_id_workspace_id_dedup_key")
        ),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notifications_unread",
            ["user_id", "workspace_id"],
            unique=False,
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        )
        batch_op.create_index("ix_notifications_user", ["user_id", "workspace_id", "id"], unique=False)

    op.create_table(
        "prompt_libraries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_prompt_libraries_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_libraries")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_prompt_libraries_workspace_id_name")),
    )
    op.create_table(
        "canvas_blocks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("page_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("position_x", sa.Integer(), nullable=False),
        sa.Column("position_y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("z_index", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("output", sa.JSON(), nullable=True),
        sa.Column("output_at", Moment(), nullable=True),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["page_id"], ["canvas_pages.id"], name=op.f("fk_canvas_blocks_page_id_canvas_pages"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_canvas_blocks_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canvas_blocks")),
    )
    with op.batch_alter_table("canvas_blocks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_canvas_blocks_name",
            ["page_id", "name"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_canvas_blocks_page", ["page_id", "deleted_at", "position_y", "position_x"], unique=False
        )

    op.create_table(
        "canvas_page_versions",
        sa.Column("page_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["page_id"],
            ["canvas_pages.id"],
            name=op.f("fk_canvas_page_versions_page_id_canvas_pages"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_canvas_page_versions_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("page_id", "version", name=op.f("pk_canvas_page_versions")),
    )
    op.create_table(
        "chat_messages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("channel_id", sa.String(length=36), nullable=False),
        sa.Column("thread_id", sa.String(length=36), nullable=True),
        sa.Column("sender_type", sa.String(length=10), nullable=False),
        sa.Column("sender_id", sa.String(length=140), nullable=False),
        sa.Column("sender_name", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=30), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("reactions", Json, nullable=False),
        sa.Column("mentions", Json, nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("dedup_key", sa.String(length=300), nullable=True),
        sa.Column("replies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_reply_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("edited_at", Moment(), nullable=True),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["chat_channels.id"],
            name=op.f("fk_chat_messages_channel_id_chat_channels"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"],
            ["chat_messages.id"],
            name=op.f("fk_chat_messages_thread_id_chat_messages"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_chat_messages_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_messages")),
        sa.UniqueConstraint("workspace_id", "dedup_key", name=op.f("uq_chat_messages_workspace_id_dedup_key")),
    )
    with op.batch_alter_table("chat_messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_chat_messages_channel",
            ["channel_id", "id"],
            unique=False,
            sqlite_where=sa.text("thread_id IS NULL"),
            postgresql_where=sa.text("thread_id IS NULL"),
        )
        batch_op.create_index("ix_chat_messages_run", ["run_id"], unique=False)
        batch_op.create_index("ix_chat_messages_thread", ["thread_id", "id"], unique=False)

    op.create_table(
        "chat_reads",
        sa.Column("channel_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("last_read_id", sa.String(length=36), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["chat_channels.id"],
            name=op.f("fk_chat_reads_channel_id_chat_channels"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_chat_reads_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("channel_id", "user_id", name=op.f("pk_chat_reads")),
    )
    op.create_table(
        "prompts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("library_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("derived_from", Json, nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"],
            ["prompt_libraries.id"],
            name=op.f("fk_prompts_library_id_prompt_libraries"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_prompts_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompts")),
        sa.UniqueConstraint("library_id", "name", name=op.f("uq_prompts_library_id_name")),
    )
    with op.batch_alter_table("prompts", schema=None) as batch_op:
        batch_op.create_index("ix_prompts_workspace", ["workspace_id", "status", "name"], unique=False)

    op.create_table(
        "chat_texts",
        sa.Column("seq", Seq, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["chat_messages.id"],
            name=op.f("fk_chat_texts_message_id_chat_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_chat_texts")),
        sa.UniqueConstraint("message_id", name=op.f("uq_chat_texts_message_id")),
    )
    op.create_table(
        "prompt_versions",
        sa.Column("prompt_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompts.id"], name=op.f("fk_prompt_versions_prompt_id_prompts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_prompt_versions_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("prompt_id", "version", name=op.f("pk_prompt_versions")),
    )
    for statement in _SQLITE_WORDS if op.get_bind().dialect.name == "sqlite" else (_POSTGRES_WORDS,):
        op.execute(statement)


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE chat_words")
    for table in reversed(_TABLES):
        op.drop_table(table)
