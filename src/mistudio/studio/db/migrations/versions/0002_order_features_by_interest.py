"""Order features by how well they suit a first look.

The number comes from the artifacts: what is loaded of them is dropped, and read anew when the studio next starts.
Labels, notes and stars come back from their journals.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_DROP_PARTITIONS = """
    DO $$
    DECLARE partition regclass;
    BEGIN
        FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'features'::regclass LOOP
            EXECUTE format('DROP TABLE %s', partition);
        END LOOP;
    END $$
"""


def upgrade() -> None:
    """Add the column, and its index."""
    _unload()
    op.add_column("features", sa.Column("interest", sa.REAL(), nullable=False))
    op.create_index(
        "ix_features_interest",
        "features",
        ["feature_set_id", "interest", "latent"],
        unique=False,
        postgresql_include=["count", "max", "starred", "labelled"],
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_features_interest", table_name="features")
    op.drop_column("features", "interest")


def _unload() -> None:
    op.execute(_DROP_PARTITIONS)
    op.execute("UPDATE feature_sets SET loaded = false")
