"""Lineage of runs, what calls cost, budgets, and the outbox."""

import sqlalchemy as sa
from alembic import op

from ionflux_core.storage.tables import Json, Moment, Seq

# How PostgreSQL reads the words of a run: letters and digits, everything else parts them. A query writes it alike.
POSTGRES_WORDS = (
    "to_tsvector('simple', regexp_replace(inputs || ' ' || outputs || ' ' || errors || ' ' || logs,"
    " '[^[:alnum:]]+', ' ', 'g'))"
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# External content: the words stand in run_texts once, the index refers to them and follows by these triggers.
_SQLITE_WORDS = (
    "DROP TABLE IF EXISTS run_words",
    "CREATE VIRTUAL TABLE run_words USING fts5(inputs, outputs, errors, logs, content='run_texts', content_rowid='seq',"
    " tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER run_texts_in AFTER INSERT ON run_texts BEGIN"
    " INSERT INTO run_words(rowid, inputs, outputs, errors, logs)"
    " VALUES (new.seq, new.inputs, new.outputs, new.errors, new.logs); END",
    "CREATE TRIGGER run_texts_out AFTER DELETE ON run_texts BEGIN"
    " INSERT INTO run_words(run_words, rowid, inputs, outputs, errors, logs)"
    " VALUES ('delete', old.seq, old.inputs, old.outputs, old.errors, old.logs); END",
    "CREATE TRIGGER run_texts_anew AFTER UPDATE ON run_texts BEGIN"
    " INSERT INTO run_words(run_words, rowid, inputs, outputs, errors, logs)"
    " VALUES ('delete', old.seq, old.inputs, old.outputs, old.errors, old.logs);"
    " INSERT INTO run_words(rowid, inputs, outputs, errors, logs)"
    " VALUES (new.seq, new.inputs, new.outputs, new.errors, new.logs); END",
)
_POSTGRES_WORDS = f"CREATE INDEX ix_run_texts_words ON run_texts USING gin ({POSTGRES_WORDS})"


def _create_words() -> None:
    op.create_table(
        "run_texts",
        sa.Column("seq", Seq, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("change_seq", sa.BigInteger(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("logs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_texts_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_run_texts")),
        sa.UniqueConstraint("run_id", name=op.f("uq_run_texts_run_id")),
    )
    for statement in _SQLITE_WORDS if op.get_bind().dialect.name == "sqlite" else (_POSTGRES_WORDS,):
        op.execute(statement)


def upgrade() -> None:
    """Apply."""
    _create_words()
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
        "reservations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=True),
        sa.Column("step_key", sa.String(length=300), nullable=True),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_reservations_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
        sa.UniqueConstraint("key", name=op.f("uq_reservations_key")),
    )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index("ix_reservations_workspace", ["workspace_id"], unique=False)

    op.create_table(
        "spending",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.String(length=36), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_spending_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner", "day", name=op.f("pk_spending")),
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
        sa.Column("reasons", Json, nullable=True),
        sa.Column("estimate_micros", sa.BigInteger(), nullable=True),
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
        batch_op.create_index("ix_outbox_kind", ["workspace_id", "kind", "id"], unique=False)
        batch_op.create_index("ix_outbox_workspace", ["workspace_id", "id"], unique=False)

    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reminded_at", Moment(), nullable=True))
        batch_op.add_column(sa.Column("kind", sa.String(length=20), server_default="question", nullable=False))
        batch_op.create_index("ix_approvals_decided", ["workspace_id", "decided_at"], unique=False)

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
        batch_op.add_column(sa.Column("reported", Json, nullable=True))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lineage", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("forked_at", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("changes", Json, nullable=True))
        batch_op.add_column(sa.Column("replay_of", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("clock", Moment(), nullable=True))
        batch_op.add_column(sa.Column("seed", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("imported", Json, nullable=True))
        batch_op.add_column(sa.Column("budget_micros", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("unpriced_calls", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index("ix_runs_parent", ["parent_run_id"], unique=False)
        batch_op.create_index(
            "ix_runs_replay",
            ["replay_of"],
            unique=False,
            sqlite_where=sa.text("replay_of IS NOT NULL"),
            postgresql_where=sa.text("replay_of IS NOT NULL"),
        )

    _keep_json_as("json")


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE run_words")
    op.drop_table("run_texts")
    _keep_json_as("jsonb")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index("ix_runs_replay")
        batch_op.drop_index("ix_runs_parent")
        batch_op.drop_column("unpriced_calls")
        batch_op.drop_column("budget_micros")
        batch_op.drop_column("imported")
        batch_op.drop_column("seed")
        batch_op.drop_column("clock")
        batch_op.drop_column("replay_of")
        batch_op.drop_column("changes")
        batch_op.drop_column("forked_at")
        batch_op.drop_column("lineage")

    with op.batch_alter_table("run_steps", schema=None) as batch_op:
        batch_op.drop_column("reported")
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
        batch_op.drop_index("ix_approvals_decided")
        batch_op.drop_column("kind")
        batch_op.drop_column("reminded_at")

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_workspace")
        batch_op.drop_index("ix_outbox_kind")
        batch_op.drop_index("ix_outbox_status")
        batch_op.drop_index(batch_op.f("ix_outbox_run_id"))

    op.drop_table("outbox")
    op.drop_table("spending")
    op.drop_table("reservations")
    op.drop_table("budgets")
    op.drop_table("marks")


def _keep_json_as(kind: str) -> None:
    """PostgreSQL's jsonb forgets the order of keys; what a run was given and got back keeps it."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in (("runs", ("inputs", "trigger")), ("run_steps", ("inputs", "outputs"))):
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind} USING {column}::{kind}")
