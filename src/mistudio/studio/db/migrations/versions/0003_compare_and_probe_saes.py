"""Let an evaluation name the SAE that it was compared with, and keep what probing found."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("evaluations", sa.Column("against_id", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_evaluations_against_id"), "evaluations", ["against_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_evaluations_against_id"), "evaluations", "saes", ["against_id"], ["id"], ondelete="SET NULL"
    )
    op.create_table(
        "probings",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sae_id", sa.String(length=64), nullable=False),
        sa.Column("dataset_id", sa.String(length=64), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["sae_id"], ["saes.id"], name=op.f("fk_probings_sae_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_probings_dataset_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probings")),
    )
    op.create_index(op.f("ix_probings_sae_id"), "probings", ["sae_id"], unique=False)
    op.create_index(op.f("ix_probings_dataset_id"), "probings", ["dataset_id"], unique=False)


def downgrade() -> None:
    """Take them away again; the files stay, and are indexed once more by a newer studio."""
    op.drop_table("probings")
    op.drop_constraint(op.f("fk_evaluations_against_id"), "evaluations", type_="foreignkey")
    op.drop_index(op.f("ix_evaluations_against_id"), table_name="evaluations")
    op.drop_column("evaluations", "against_id")
