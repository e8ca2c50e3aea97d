"""Hear PostgreSQL's notifications on a connection of its own, opened again whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from mistudio.studio.db.session import Database

_RETRY_SECONDS = 0.5
_BACKLOG = 10_000
log = logging.getLogger(__name__)


async def listen(database: Database, channel: str) -> AsyncIterator[str | None]:
    """The payloads that arrive; None where some may have been missed: each time the connection was opened, and where
    more came than could wait.
    """
    while True:
        heard: asyncio.Queue[str | None] = asyncio.Queue(_BACKLOG)
        try:
            async with database.engine.connect() as connection:
                raw: Any = (await connection.get_raw_connection()).driver_connection
                broken = asyncio.Event()
                raw.add_termination_listener(lambda *_, broken=broken: broken.set())
                await raw.add_listener(channel, lambda *_, heard=heard: _put(heard, _[-1]))
                try:
                    yield None
                    ended = asyncio.create_task(broken.wait())
                    while not broken.is_set():
                        arrived = asyncio.create_task(heard.get())
                        await asyncio.wait({arrived, ended}, return_when=asyncio.FIRST_COMPLETED)
                        if arrived.done():
                            yield arrived.result()
                        else:
                            arrived.cancel()
                finally:
                    # The connection is used for nothing else afterwards.
                    await connection.invalidate()
        except (OSError, ConnectionError) as error:
            log.warning("not listening to the database: %s", error)
        except Exception:
            log.exception("not listening to the database")
        await asyncio.sleep(_RETRY_SECONDS)


def _put(heard: asyncio.Queue[str | None], payload: str) -> None:
    if not heard.full():
        heard.put_nowait(payload)
        return
    while not heard.empty():
        heard.get_nowait()
    heard.put_nowait(None)
