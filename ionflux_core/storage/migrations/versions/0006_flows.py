"""Drafts of flows."""

import sqlalchemy as sa
from alembic import op

from ionflux_core.storage.tables import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "flow_drafts",
        sa.Column("flow_id", sa.String(length=36), nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_id"],
            ["agent_configurations.id"],
            name=op.f("fk_flow_drafts_flow_id_agent_configurations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("flow_id", name=op.f("pk_flow_drafts")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("flow_drafts")
