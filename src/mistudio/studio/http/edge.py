"""The outermost layer of HTTP: an id for each request, a line in the log, its time in the metrics, safe headers.

Layers are plain ASGI, because a layer that wraps answers would hold streams back and cost time.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol, runtime_checkable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mistudio.studio.http import errors
from mistudio.studio.http.request_id import HEADER, begin_request

log = logging.getLogger("mistudio.studio.access")

# Styles may stand in the page, because the dialogs' library writes some; scripts come from our files alone.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_QUIET = ("/health", "/api/v1/health", "/assets/", "/metrics")


@runtime_checkable
class Measure(Protocol):
    """Told of every request that was answered."""

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note it."""


class Edge:
    """Names, logs, times and seals every answer."""

    def __init__(self, app: ASGIApp, measure: Measure) -> None:
        self._app, self._measure = app, measure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = begin_request(Headers(scope=scope).get(HEADER))
        started, status, sent = time.perf_counter(), 0, 0

        async def seal(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, seal)
        except Exception as error:
            # The framework has answered and raises again; within a stream there is nothing left to answer.
            log.exception("unhandled error", exc_info=error, extra={"path": scope["path"]})
            if not status:
                await errors.of_bug()(scope, receive, seal)
        finally:
            seconds = time.perf_counter() - started
            route = _route(scope)
            self._measure(scope["method"], route, status, seconds)
            _write(scope, route, status, sent, seconds)


def _route(scope: Scope) -> str:
    """The address with its parameters' names in place of their values, so that there are only so many."""
    path = getattr(scope.get("route"), "path", None)
    if path is not None:
        return str(path)
    return "unknown" if scope["path"].startswith("/api/") else "page"


def _write(scope: Scope, route: str, status: int, sent: int, seconds: float) -> None:
    level = logging.DEBUG if scope["path"].startswith(_QUIET) else logging.INFO
    if not log.isEnabledFor(level):
        return
    client = scope.get("client")
    log.log(
        level if status < 500 else logging.WARNING,
        "request",
        extra={
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "bytes": sent,
            "client": client[0] if client else None,
            **{name: value for name, value in scope.get("path_params", {}).items() if name.endswith("_id")},
        },
    )
