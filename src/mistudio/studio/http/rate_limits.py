"""How often a client may ask: counted in each process, summed over all of them once a second through the database.

A client is a token that is known, or else an address: whoever makes tokens up gains no window by it, and what is
refused for want of a token counts too. A request costs no query. Two processes may together let through what comes
within that second; windows are whole minutes and hours.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mistudio.errors import DatabaseUnavailable, TooManyRequests
from mistudio.studio.db import requests
from mistudio.studio.db.session import Database
from mistudio.studio.http import auth, errors
from mistudio.studio.settings import Settings

COUNT = "count_against"
"""Name, in a request's state, of a function that counts the request against one more limit."""
_FLUSH_SECONDS = 1.0
_PERIODS = {"requests_per_minute": 60, "downloads_per_hour": 3600, "generations_per_hour": 3600}
_DOWNLOADS = re.compile(r"/api/v1/(datasets|models|demo)")
_GENERATIONS = re.compile(r"/api/v1/steering/.+")
_COUNTED = ("/api/", "/metrics")
_FREE = "/api/v1/health"
_WHAT = {
    "requests_per_minute": "requests a minute",
    "downloads_per_hour": "downloads an hour",
    "generations_per_hour": "generations an hour",
}
log = logging.getLogger(__name__)


class Standing(NamedTuple):
    """How a client stands with one limit."""

    name: str
    limit: int
    remaining: int
    reset: int
    """When the window ends, in seconds since 1970."""
    is_over: bool


@dataclass
class _Window:
    start: int
    elsewhere: int = 0
    """What other processes had counted when it was last summed."""
    here: int = 0
    """What this process has counted and the database knows."""
    pending: int = 0
    """What it has counted since."""

    @property
    def count(self) -> int:
        return self.elsewhere + self.here + self.pending


class RateLimits:
    """The counters of one process."""

    def __init__(self, settings: Settings) -> None:
        self._limits = {name: settings.limit(name) for name in _PERIODS}
        self._windows: dict[tuple[str, str], _Window] = {}

    def take(self, client: str, names: list[str]) -> Standing:
        """Count a request against some limits, unless one of them is used up.

        Returns:
            Where the client stands with the limit that is used up, or else with the last that was named.
        """
        seconds = time.time()
        windows = [self._window(client, name, seconds) for name in names]
        for name, window in zip(names, windows, strict=True):
            if window.count >= self._limits[name]:
                return self._standing(name, window, is_over=True)
        for window in windows:
            window.pending += 1
        return self._standing(names[-1], windows[-1], is_over=False)

    async def keep_summing(self, database: Database) -> None:
        """Sum the counters over the processes, once a second, for ever."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.sum(database)
            except DatabaseUnavailable as error:
                log.debug("rate limits are counted in this process alone: %s", error)
            except Exception:
                log.exception("rate limits are counted in this process alone")

    async def sum(self, database: Database) -> None:
        """Tell the database what was counted here, and learn what was counted elsewhere."""
        seconds = time.time()
        for key, window in list(self._windows.items()):
            if window.start + _PERIODS[key[1]] <= seconds:
                del self._windows[key]
        told = {key: (window, window.pending) for key, window in self._windows.items()}
        if not told:
            return
        counts = [(*key, datetime.fromtimestamp(window.start, UTC), pending) for key, (window, pending) in told.items()]
        async with database.session() as session:
            sums = await requests.add_counts(session, counts)
        for client, name, _, total in sums:
            window, pending = told[client, name]
            window.here += pending
            window.pending -= pending
            window.elsewhere = total - window.here

    def _window(self, client: str, name: str, seconds: float) -> _Window:
        start = int(seconds // _PERIODS[name]) * _PERIODS[name]
        window = self._windows.get((client, name))
        if window is None or window.start != start:
            window = self._windows[client, name] = _Window(start)
        return window

    def _standing(self, name: str, window: _Window, *, is_over: bool) -> Standing:
        limit = self._limits[name]
        return Standing(name, limit, max(0, limit - window.count), window.start + _PERIODS[name], is_over)


class RateLimiter:
    """Refuses what comes too often, and tells every client how it stands."""

    def __init__(self, app: ASGIApp, limits: RateLimits, settings: Settings) -> None:
        self._app, self._limits, self._settings = app, limits, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, and pass it on or refuse it."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(_COUNTED) or path.startswith(_FREE):
            await self._app(scope, receive, send)
            return
        client = client_of(self._settings, scope)
        standings = [self._limits.take(client, _limits_of(scope["method"], path))]

        def count(name: str) -> None:
            """Count the request against one more limit, which only its endpoint knows of.

            Raises:
                TooManyRequests: that one is used up.
            """
            standings.append(self._limits.take(client, [name]))
            if standings[-1].is_over:
                raise _too_many(standings[-1])

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers, standing = MutableHeaders(scope=message), standings[-1]
                headers["X-RateLimit-Limit"] = str(standing.limit)
                headers["X-RateLimit-Remaining"] = str(standing.remaining)
                headers["X-RateLimit-Reset"] = str(standing.reset)
                if standing.is_over:
                    headers["Retry-After"] = str(_wait(standing))
            await send(message)

        if standings[-1].is_over:
            await errors.of_error(_too_many(standings[-1]))(scope, receive, tell)
            return
        scope.setdefault("state", {})[COUNT] = count
        await self._app(scope, receive, tell)


def _wait(standing: Standing) -> int:
    return max(1, standing.reset - int(time.time()))


def _too_many(standing: Standing) -> TooManyRequests:
    return TooManyRequests(
        f"More than {standing.limit:,} {_WHAT[standing.name]} were asked for.",
        remedy=f"Wait {_wait(standing)} seconds, or raise MISTUDIO_{standing.name.upper()}.",
    )


def client_of(settings: Settings, scope: Scope) -> str:
    """Who asks: a known token's digest, or the address."""
    if token := auth.known_token(settings, Headers(scope=scope)):
        return f"token:{hashlib.sha256(token.encode()).hexdigest()[:16]}"
    with suppress(TypeError):
        return f"address:{scope['client'][0]}"
    return "address:unknown"


def _limits_of(method: str, path: str) -> list[str]:
    limits = ["requests_per_minute"]
    if method == "POST" and _DOWNLOADS.fullmatch(path):
        limits.append("downloads_per_hour")
    if method == "POST" and _GENERATIONS.fullmatch(path):
        limits.append("generations_per_hour")
    return limits
