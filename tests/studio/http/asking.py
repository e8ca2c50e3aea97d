"""Ask an ASGI application without a network between."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send


def ask(app: Any, method: str, path: str, *, base_url: str = "http://127.0.0.1", **options: Any) -> httpx.Response:
    """One request and its answer."""

    async def run() -> httpx.Response:
        async with through(app, base_url=base_url) as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


def through(app: Any, *, base_url: str = "http://127.0.0.1") -> httpx.AsyncClient:
    """A client of an application."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url=base_url)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the number of bytes it was sent."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": str(size).encode()})
