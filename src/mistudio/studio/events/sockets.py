"""Live events to browsers: every API process listens to PostgreSQL and passes on what its own sockets asked for.

1. A client subscribes to a channel, and names the last event that it saw: what it missed comes first.
2. A notification is decoded once and sent to the channel's room.
3. If the listening connection breaks, it is opened again, and what was published meanwhile is read from the table.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import socketio

from mistudio.studio.db import events
from mistudio.studio.db.listen import listen
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import is_channel

SOCKET_PATH = "/ws/socket.io"
_CATCH_UP = 200
log = logging.getLogger(__name__)

Allow = Callable[[dict[str, Any], dict[str, Any]], bool]
"""Given the handshake's environment and the client's `auth`, whether it may connect."""


class LiveEvents:
    """The sockets of one API process."""

    def __init__(self, database: Database, *, allow: Allow, origins: list[str] | None) -> None:
        self._database = database
        self._allow = allow
        # None lets the library compare the Origin header with the host; a list is for pages of other origins.
        self.server = socketio.AsyncServer(
            async_mode="asgi", cors_allowed_origins=origins, transports=["websocket"], ping_interval=20, ping_timeout=20
        )
        self.server.on("connect", self._connect)
        self.server.on("subscribe", self._subscribe)
        self.server.on("unsubscribe", self._unsubscribe)
        self._newest = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End listening and hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.server.shutdown()

    @property
    def count(self) -> int:
        """Sockets that are open."""
        return len(self.server.manager.rooms.get("/", {}).get(None, ()))

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool:
        del sid
        return self._allow(environ, auth if isinstance(auth, dict) else {})

    async def _subscribe(self, sid: str, wish: Any) -> dict[str, Any]:
        channel, after = (wish.get("channel"), wish.get("after")) if isinstance(wish, dict) else (None, None)
        if not isinstance(channel, str) or not is_channel(channel):
            return {"ok": False, "message": f"There is no channel {channel!r}."}
        await self.server.enter_room(sid, channel)
        missed = 0
        if isinstance(after, int):
            async with self._database.session() as session:
                rows = await events.since(session, channel, after, limit=_CATCH_UP)
            for row in rows:
                await self.server.emit("event", _envelope(row), to=sid)
            missed = len(rows)
        return {"ok": True, "channel": channel, "missed": missed}

    async def _unsubscribe(self, sid: str, wish: Any) -> dict[str, Any]:
        channel = wish.get("channel") if isinstance(wish, dict) else None
        if isinstance(channel, str):
            await self.server.leave_room(sid, channel)
        return {"ok": True}

    async def _listen(self) -> None:
        async for message in listen(self._database, events.NOTIFY_CHANNEL):
            try:
                await (self._after_break() if message is None else self._deliver(json.loads(message)))
            except Exception:
                log.exception("an event could not be delivered")

    async def _after_break(self) -> None:
        """The connection is new: nothing was lost the first time, else read what was missed."""
        async with self._database.session() as session:
            if self._newest == 0:
                self._newest = await events.newest(session)
                return
            missed = await events.all_since(session, self._newest)
        for row in missed:
            await self._send(_envelope(row))

    async def _deliver(self, notice: dict[str, Any]) -> None:
        if "data" in notice:
            await self._send(notice)
            return
        async with self._database.session() as session:  # It was too large for a notification.
            row = await events.get(session, notice["seq"])
        if row is not None:
            await self._send(_envelope(row))

    async def _send(self, envelope: dict[str, Any]) -> None:
        self._newest = max(self._newest, envelope["seq"])
        await self.server.emit("event", envelope, room=envelope["channel"])


def _envelope(row: events.EventRow) -> dict[str, Any]:
    return {"seq": row.seq, "channel": row.channel, "data": row.payload, "timestamp": row.at.isoformat()}
