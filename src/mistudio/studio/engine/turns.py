"""Whose turn it is: one at a time, and nobody waits for all that somebody else has asked for.

Start-time fair queueing with equal costs: a client's n-th waiting call counts as the n-th from now, and calls are
served in that order, equal ones in the order of their coming.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A fair queue for one thing. To be used from one event loop."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._now = 0
        self._next_of: dict[str, int] = {}
        self._arrivals = 0
        self._taken = False

    @property
    def taken(self) -> bool:
        """Whether somebody has the turn."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return sum(not future.done() for _, _, future in self._heap)

    def ahead_of(self, client: str) -> int:
        """Calls that have the turn or get it before a call that the client would make now."""
        start = self._start_of(client)
        return self._taken + sum(place <= start and not future.done() for place, _, future in self._heap)

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for the turn, and have it."""
        start = self._start_of(client)
        self._next_of[client] = start + 1
        if self._taken:
            await self._wait(start)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _start_of(self, client: str) -> int:
        return max(self._now, self._next_of.get(client, 0))

    async def _wait(self, start: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._heap, (start, self._arrivals, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Hand the turn to the next who still waits; it is never free in between."""
        while self._heap:
            start, _, future = heapq.heappop(self._heap)
            if not future.done():
                self._now = start
                future.set_result(None)
                return
        self._taken = False
        self._now = 0
        self._next_of.clear()
