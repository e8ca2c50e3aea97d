"""Keep the penalty, its coefficient and the revived latents of a line of a training's log; of earlier ones they are 0."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_ADDED = ("penalty", "coefficient", "revived")
_COLUMNS = (
    *(("training_metrics", name) for name in _ADDED),
    *(("training_metric_blocks", f"{name}_{kind}") for name in _ADDED for kind in ("min", "sum", "max")),
)


def upgrade() -> None:
    """Add the columns."""
    for table, name in _COLUMNS:
        op.add_column(table, sa.Column(name, sa.Double(), nullable=False, server_default="0"))
        op.alter_column(table, name, server_default=None)


def downgrade() -> None:
    """Take them away again; the logs stay."""
    for table, name in _COLUMNS:
        op.drop_column(table, name)
