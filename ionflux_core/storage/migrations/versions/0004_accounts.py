"""Connected accounts, effects that are sent under one decision, and addresses that are not mailed any more."""

import sqlalchemy as sa
from alembic import op

from ionflux_core.storage.tables import Json, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_IN_A_BATCH = sa.text("batch_id IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("brand_id", sa.String(length=36), nullable=True),
        sa.Column("connector", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("secrets", Json, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=300), server_default="", nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("error", Json, nullable=True),
        sa.Column("tested_at", Moment(), nullable=True),
        sa.Column("synced_at", Moment(), nullable=True),
        sa.Column("synced", Json, nullable=False),
        sa.Column("sync_error", Json, nullable=True),
        sa.Column("cursor", Json, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_accounts_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("workspace_id", "connector", "name", name=op.f("uq_accounts_workspace_id_connector_name")),
    )
    op.create_table(
        "suppressions",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_suppressions_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "address", name=op.f("pk_suppressions")),
    )
    op.add_column("outbox", sa.Column("batch_id", sa.String(length=36), nullable=True))
    op.create_index(
        "ix_outbox_batch", "outbox", ["batch_id", "id"], sqlite_where=_IN_A_BATCH, postgresql_where=_IN_A_BATCH
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_outbox_batch", "outbox")
    op.drop_column("outbox", "batch_id")
    op.drop_table("suppressions")
    op.drop_table("accounts")
