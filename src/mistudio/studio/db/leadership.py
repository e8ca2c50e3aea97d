"""One process of several does something, and another takes over when it is gone: an advisory lock says which.

The lock belongs to a connection, so it is free as soon as PostgreSQL sees that the process has ended. What the leader
writes goes through the same connection: who has lost the lock can write no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from mistudio.studio.db.session import Database, Session


class Leader:
    """The process that leads."""

    def __init__(self, begin: Callable[[], Session]) -> None:
        self._begin = begin

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A transaction on the connection that holds the lock."""
        async with self._begin() as session, session.begin():
            yield session


@asynccontextmanager
async def leading(database: Database, name: str) -> AsyncIterator[Leader | None]:
    """Lead until the block is left; None where another process leads.

    Raises:
        sqlalchemy.exc.DBAPIError: the connection broke, and the lead with it.
    """
    key = {"name": f"mistudio:{name}"}
    async with database.engine.connect() as connection:
        is_ours = await connection.scalar(text("SELECT pg_try_advisory_lock(hashtext(:name))"), key)
        await connection.commit()
        if not is_ours:
            yield None
            return
        try:
            yield Leader(lambda: AsyncSession(connection, expire_on_commit=False))
        finally:
            with suppress(SQLAlchemyError, OSError):
                await connection.rollback()
                await connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), key)
                await connection.commit()
