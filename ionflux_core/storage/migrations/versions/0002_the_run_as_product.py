"""Lineage of runs, what calls cost, budgets, and the outbox."""

import sqlalchemy as sa
from alembic import op

from ionflux_core.storage.tables import Json, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "marks",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("scope_id", sa.String(length=36), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("limit_micros", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_budgets_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
        sa.UniqueConstraint(
            "workspace_id", "scope", "scope_id", "period", name=op.f("uq_budgets_workspace_id_scope_scope_id_period")
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=True),
        sa.Column("step_key", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.String(length=20), nullable=False),
        sa.Column("approval_id", sa.String(length=36), nullable=True),
        sa.Column("idempotency_key", sa.String(length=300), nullable=False),
        sa.Column("on_uncertain", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("response", Json, nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_outbox_run_id_runs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_outbox_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("workspace_id", "idempotency_key", name=op.f("uq_outbox_workspace_id_idempotency_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_run_id"), ["run_id"], unique=False)
        batch_op.create_index("ix_outbox_status", ["workspace_id", "status", "id"], unique=False)

    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reminded_at", Moment(), nullable=True))

    with op.batch_alter_table("billing_ledger", schema=None) as batch_op:
        batch_op.add_column(sa.Column("instance_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("service", sa.String(length=40), nullable=True))
        batch_op.create_index("ix_billing_ledger_run", ["run_id"], unique=False)
        batch_op.create_index("ix_billing_ledger_workspace", ["workspace_id", "seq"], unique=False)

    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cached_tokens", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("price", Json, nullable=True))
        batch_op.add_column(sa.Column("request_hash", sa.String(length=64), nullable=True))

    with op.batch_alter_table("run_steps", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outputs_hash", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("source_run_id", sa.String(length=36), nullable=True))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lineage", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("forked_at", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("changes", Json, nullable=True))
        batch_op.add_column(sa.Column("replay_of", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("imported", Json, nullable=True))
        batch_op.add_column(sa.Column("budget_micros", sa.BigInteger(), nullable=True))
        batch_op.create_index("ix_runs_parent", ["parent_run_id"], unique=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index("ix_runs_parent")
        batch_op.drop_column("budget_micros")
        batch_op.drop_column("imported")
        batch_op.drop_column("replay_of")
        batch_op.drop_column("changes")
        batch_op.drop_column("forked_at")
        batch_op.drop_column("lineage")

    with op.batch_alter_table("run_steps", schema=None) as batch_op:
        batch_op.drop_column("source_run_id")
        batch_op.drop_column("outputs_hash")

    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_column("request_hash")
        batch_op.drop_column("price")
        batch_op.drop_column("cached_tokens")

    with op.batch_alter_table("billing_ledger", schema=None) as batch_op:
        batch_op.drop_index("ix_billing_ledger_workspace")
        batch_op.drop_index("ix_billing_ledger_run")
        batch_op.drop_column("service")
        batch_op.drop_column("instance_id")

    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.drop_column("reminded_at")

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_status")
        batch_op.drop_index(batch_op.f("ix_outbox_run_id"))

    op.drop_table("outbox")
    op.drop_table("budgets")
    op.drop_table("marks")
