"""How Alembic reaches the database: through the connection that `migrate` opened."""

from alembic import context
from pgvector.sqlalchemy import HALFVEC  # noqa: F401  known to the comparison of schemas

from mistudio.studio.db.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
