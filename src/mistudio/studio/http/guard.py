"""Who is let in: requests under our own name, from our own pages, with a token where one is wanted."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mistudio.errors import MistudioError
from mistudio.studio.http import auth, errors
from mistudio.studio.settings import Settings


class Guard:
    """Checks requests and sockets before anything else sees them."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._hosts = auth.allowed_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            auth.check_host(self._hosts, headers.get("host"))
            if scope["type"] == "http":
                auth.check_request(self._settings, scope["method"], scope["path"], headers)
        except MistudioError as error:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
            else:
                await errors.of_error(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)
