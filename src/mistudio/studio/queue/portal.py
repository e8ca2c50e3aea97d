"""A database for threads that are not asynchronous: an event loop of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from mistudio.studio.db.session import Database, Session

_Result = TypeVar("_Result")


class Portal:
    """Runs coroutines on the database from any thread."""

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="database", daemon=True)
        self._thread.start()
        self.database = self._start(self._open(url, pool_size)).result()

    @staticmethod
    async def _open(url: str, pool_size: int) -> Database:
        return Database(url, pool_size=pool_size)

    def _start(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def start(self, work: Callable[[Session], Awaitable[_Result]]) -> Future[_Result]:
        """Begin a transaction in the loop, without waiting for it."""

        async def in_transaction() -> _Result:
            async with self.database.session() as session:
                return await work(session)

        future: Future[_Result] = self._start(in_transaction())
        return future

    def run(self, work: Callable[[Session], Awaitable[_Result]], *, timeout: float = 30.0) -> _Result:
        """Do work in one transaction and wait for it.

        Raises:
            DatabaseUnavailable: the server is away.
            TimeoutError: it took longer than `timeout` seconds, and was rolled back.
        """
        future = self.start(work)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def close(self) -> None:
        """Close the connections and end the loop."""
        self._start(self.database.close()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
