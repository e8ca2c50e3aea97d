"""Live events to browsers: every API process listens to PostgreSQL and passes on what its own sockets asked for.

1. A client subscribes to a channel, and names the last event that it saw: what it missed comes first, and what is
   published meanwhile waits until that is sent.
2. A notification is decoded once and sent to the channel's room.
3. If the listening connection breaks, it is opened again, and what was published meanwhile is read from the table.

All of it rests on numbers that rise in the order of commits (db/events.py).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import socketio

from mistudio.errors import DatabaseUnavailable
from mistudio.studio.db import events
from mistudio.studio.db.listen import listen
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import is_channel

SOCKET_PATH = "/ws/socket.io"
_CATCH_UP = 200
_AT_ONCE = 2000
_LARGEST = 2**63 - 1
log = logging.getLogger(__name__)

Allow = Callable[[dict[str, Any], dict[str, Any]], bool]
"""Given the handshake's environment and the client's `auth`, whether it may connect."""
IsAllowed = Callable[[str | None, dict[str, Any]], bool]
"""Given the Origin header and the handshake's environment, whether pages of that origin may connect."""


class LiveEvents:
    """The sockets of one API process."""

    def __init__(self, database: Database, *, allow: Allow, is_allowed: IsAllowed) -> None:
        self._database = database
        self._allow = allow
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            cors_allowed_origins=is_allowed,
            transports=["websocket"],
            ping_interval=20,
            ping_timeout=20,
        )
        self.server.on("connect", self._connect)
        self.server.on("subscribe", self._subscribe)
        self.server.on("unsubscribe", self._unsubscribe)
        self.server.on("disconnect", self._disconnect)
        self._catching_up: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """By client and channel: what is published while the client is sent what it missed."""
        self._newest: int | None = None
        self._read_up_to = 0
        """Up to here events were read from the table, so that their notifications say nothing new."""
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
        if after is None:
            await self.server.enter_room(sid, channel)
            return {"ok": True, "channel": channel, "missed": 0}
        if not isinstance(after, int) or not 0 <= after <= _LARGEST:
            return {"ok": False, "message": "`after` is no number of an event."}
        missed = await self._catch_up(sid, channel, after)
        return {"ok": True, "channel": channel, "missed": missed}

    async def _catch_up(self, sid: str, channel: str, after: int) -> int:
        """Send what was missed, then what came meanwhile, then whatever comes; how much was missed."""
        waiting = self._catching_up[sid, channel] = []
        try:
            rows: list[events.EventRow] = []
            try:
                async with self._database.session() as session:
                    rows = await events.since(session, channel, after, limit=_CATCH_UP)
            except DatabaseUnavailable as error:
                log.warning("what a client missed could not be read: %s", error)
            for row in rows:
                await self.server.emit("event", _envelope(row), to=sid)
            last = rows[-1].seq if rows else 0
            while waiting:
                envelope = waiting.pop(0)
                if envelope["seq"] > last:
                    await self.server.emit("event", envelope, to=sid)
            if self._catching_up.get((sid, channel)) is waiting:  # Else it has left by now.
                await self.server.enter_room(sid, channel)
            return len(rows)
        finally:
            if self._catching_up.get((sid, channel)) is waiting:
                del self._catching_up[sid, channel]

    async def _unsubscribe(self, sid: str, wish: Any) -> dict[str, Any]:
        channel = wish.get("channel") if isinstance(wish, dict) else None
        if isinstance(channel, str):
            self._catching_up.pop((sid, channel), None)
            await self.server.leave_room(sid, channel)
        return {"ok": True}

    async def _disconnect(self, sid: str, *_: Any) -> None:
        for key in [key for key in self._catching_up if key[0] == sid]:
            del self._catching_up[key]

    async def _listen(self) -> None:
        async for message in listen(self._database, events.NOTIFY_CHANNEL):
            try:
                await (self._after_break() if message is None else self._deliver(json.loads(message)))
            except Exception:
                log.exception("an event could not be delivered")

    async def _after_break(self) -> None:
        """The connection is new: nothing was lost the first time, else read what was missed."""
        async with self._database.session() as session:
            newest = await events.newest(session)
        if self._newest is None or newest < self._newest:  # The numbers of a rebuilt database begin anew.
            self._newest, self._read_up_to = newest, 0
            return
        while self._newest < newest:
            async with self._database.session() as session:
                missed = await events.all_since(session, self._newest, limit=_AT_ONCE)
            for row in missed:
                await self._send(_envelope(row))
            self._read_up_to = self._newest
            if len(missed) < _AT_ONCE:
                return

    async def _deliver(self, notice: dict[str, Any]) -> None:
        if notice["seq"] <= self._read_up_to:
            return
        if "data" in notice:
            await self._send(notice)
            return
        async with self._database.session() as session:  # It was too large for a notification.
            row = await events.get(session, notice["seq"])
        if row is not None:
            await self._send(_envelope(row))

    async def _send(self, envelope: dict[str, Any]) -> None:
        self._newest = max(self._newest or 0, envelope["seq"])
        for (_, channel), waiting in self._catching_up.items():
            if channel == envelope["channel"]:
                waiting.append(envelope)
        await self.server.emit("event", envelope, room=envelope["channel"])


def _envelope(row: events.EventRow) -> dict[str, Any]:
    return {"seq": row.seq, "channel": row.channel, "data": row.payload, "timestamp": row.at.isoformat()}
