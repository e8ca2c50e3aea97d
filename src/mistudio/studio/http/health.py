"""Whether the studio's parts work. Asked for without a token and often: one look serves everybody for a second.

Whoever asks later gets the last look and begins the next one; only where the last is too old does he wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal

import psutil

from mistudio.errors import MistudioError
from mistudio.studio.db import options
from mistudio.studio.db.session import Database
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.queue.celery_app import Waker
from mistudio.studio.settings import Settings

_FRESH_SECONDS = 1.0
_STALE_SECONDS = 10.0
_PATIENCE_SECONDS = 2.0
_CONNECT_SECONDS = 0.3
_SILENT_SECONDS = 30.0
"""After how long without a sign a worker is taken for dead; it gives one every five seconds."""
_LOW_BYTES = 2**30

Status = Literal["up", "down"]


class Component(ApiModel):
    """One part of the studio."""

    status: Status
    detail: str
    """In words."""


class Components(ApiModel):
    """The parts of the studio."""

    database: Component
    queue: Component
    """What carries messages to the workers."""
    worker: Component
    engine: Component
    """What holds loaded models."""
    disk: Component


class HealthReport(ApiModel):
    """How the studio is."""

    status: Literal["ok", "degraded", "down"]
    """`degraded`: it answers, but a part is missing; `down`: it cannot answer, for want of its database."""
    components: Components
    checked_at: datetime


class Health:
    """Looks at the parts of the studio."""

    def __init__(self, settings: Settings, database: Database, waker: Waker) -> None:
        self._settings, self._database, self._waker = settings, database, waker
        # Less patient than the one that requests use, which waits for an engine that starts.
        self._engine = EngineClient(settings.engine_address, connect_seconds=_CONNECT_SECONDS)
        self._report: HealthReport | None = None
        self._looked = 0.0
        self._look: asyncio.Task[HealthReport] | None = None

    async def report(self) -> HealthReport:
        """How the studio is, or was some seconds ago."""
        age = time.monotonic() - self._looked
        if self._look is None and (self._report is None or age > _FRESH_SECONDS):
            self._look = asyncio.create_task(self._look_again())
        if self._look is not None and (self._report is None or age > _STALE_SECONDS):
            return await asyncio.shield(self._look)
        assert self._report is not None
        return self._report

    async def _look_again(self) -> HealthReport:
        try:
            self._report = await self._look_at_all()
            self._looked = time.monotonic()
            return self._report
        finally:
            self._look = None

    async def close(self) -> None:
        """Hang up."""
        if self._look is not None:
            await asyncio.gather(self._look, return_exceptions=True)
        await self._engine.close()

    async def _look_at_all(self) -> HealthReport:
        database, queue, worker, engine, disk = await asyncio.gather(
            _asked("The database", self._see_database),
            _asked("The queue", self._see_queue),
            _asked("The worker", self._see_worker),
            _asked("The engine", self._see_engine),
            _asked("The disk", self._see_disk),
        )
        parts = Components(database=database, queue=queue, worker=worker, engine=engine, disk=disk)
        is_whole = all(part.status == "up" for part in (database, queue, worker, engine, disk))
        status: Literal["ok", "degraded", "down"] = "ok" if is_whole else "degraded"
        return HealthReport(
            status="down" if database.status == "down" else status, components=parts, checked_at=datetime.now(UTC)
        )

    async def _see_database(self) -> Component:
        started = time.perf_counter()
        async with self._database.session() as session:
            await options.last_sign(session, "worker")
        return _up(f"Answered in {(time.perf_counter() - started) * 1000:.0f} ms.")

    async def _see_queue(self) -> Component:
        name = "Redis" if self._settings.redis_url else "The folder of messages"
        if await asyncio.to_thread(self._waker.reaches):
            return _up(f"{name} takes messages.")
        return _down(f"{name} cannot be reached.")

    async def _see_worker(self) -> Component:
        async with self._database.session() as session:
            seen = await options.last_sign(session, "worker")
        if seen is None:
            return _down("No worker has been seen yet.")
        seconds = (datetime.now(UTC) - seen).total_seconds()
        words = f"A worker was seen {max(0.0, seconds):.0f} s ago."
        return _up(words) if seconds < _SILENT_SECONDS else _down(words)

    async def _see_engine(self) -> Component:
        loaded = len((await self._engine.status()).loaded)
        return _up(f"{loaded} {'model or SAE is' if loaded == 1 else 'models and SAEs are'} loaded.")

    async def _see_disk(self) -> Component:
        free = psutil.disk_usage(str(self._settings.home)).free
        words = f"{free / 2**30:,.1f} GiB are free."
        return _up(words) if free > _LOW_BYTES else _down(words)


async def _asked(name: str, look: Callable[[], Awaitable[Component]]) -> Component:
    """What a part says, or that it says nothing."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await look()
    except TimeoutError:
        return _down(f"{name} did not answer within {_PATIENCE_SECONDS:.0f} s.")
    except MistudioError as error:
        return _down(error.message)
    except Exception as error:  # noqa: BLE001  whatever it is, the report is of it
        return _down(f"{name} does not answer: {type(error).__name__}.")


def _up(detail: str) -> Component:
    return Component(status="up", detail=detail)


def _down(detail: str) -> Component:
    return Component(status="down", detail=detail)
