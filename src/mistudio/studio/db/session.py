"""Connections: one transaction a request or step, committed at the edge."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from mistudio.errors import BadInput, DatabaseUnavailable

Session = AsyncSession

_PASSING = ("08", "40", "53", "55", "57", "58")
"""Classes of PostgreSQL's errors that say something of the server's state, and nothing of the statement."""


def is_passing(error: BaseException) -> bool:
    """Whether the same work may succeed in a moment: the server is away, starts, or has too much to do."""
    if isinstance(error, DatabaseUnavailable | InterfaceError | OperationalError | PoolTimeout | OSError):
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
    return state.startswith(_PASSING) or bool(getattr(error, "connection_invalidated", False))


def asyncpg_url(url: str) -> str:
    """The same database through asyncpg, whatever driver the address names."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


class Database:
    """A pool of connections.

    Args:
        url: of a PostgreSQL.
        pool_size: connections that are kept.
    """

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.url = asyncpg_url(url)
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            connect_args={"server_settings": {"application_name": f"mistudio-{os.getpid()}"}, "timeout": 10},
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_if_closed)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end, rolled back if the block raises.

        Raises:
            DatabaseUnavailable: the server is away.
            BadInput: a text holds what PostgreSQL's cannot (NUL, half a surrogate pair), or a number is too large.
        """
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except (InterfaceError, ConnectionError) as error:
            raise DatabaseUnavailable("The database does not answer.") from error
        except OperationalError as error:
            raise DatabaseUnavailable("The database does not answer.") from error
        except DBAPIError as error:
            if not _is_about_a_value(error):
                raise
            raise BadInput(
                "There is a text or number in the request that cannot be kept.",
                remedy="Leave out characters that cannot be seen, and numbers beyond 64 bits.",
            ) from error

    def connections(self) -> dict[str, int]:
        """How many connections are in use, and how many wait to be."""
        pool: Any = self.engine.pool
        return {"in_use": pool.checkedout(), "idle": pool.checkedin()}

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _is_about_a_value(error: DBAPIError) -> bool:
    """Whether PostgreSQL, or the driver before it, cannot hold a value: class 22 of its errors."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state.startswith("22") or str(error.orig).startswith("invalid input for query argument")


def _refuse_if_closed(connection: Any, *_: Any) -> None:
    """Let the pool open another connection in place of one that the server has closed.

    Asking the server each time, as `pool_pre_ping` does, takes three messages; a short query takes three in all.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def columns(row: Any) -> dict[str, Any]:
    """A row's values by column name."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
