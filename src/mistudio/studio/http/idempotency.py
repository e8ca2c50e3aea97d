"""Requests that may be sent twice: the second with the same Idempotency-Key gets the first one's answer.

A failure of ours, a refusal for lack of room or time, and a stream are not kept: those may be tried again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mistudio.errors import BadInput, DatabaseUnavailable, MistudioError, NotAllowedNow
from mistudio.studio.db import requests
from mistudio.studio.db.requests import IdempotencyKey
from mistudio.studio.db.session import Database
from mistudio.studio.http import errors
from mistudio.studio.http.rate_limits import client_of
from mistudio.studio.settings import Settings

_METHODS = frozenset({"POST", "PATCH", "DELETE"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED = "Idempotent-Replayed"
log = logging.getLogger(__name__)


class Idempotency:
    """Keeps answers for their keys."""

    def __init__(self, app: ASGIApp, database: Database, settings: Settings) -> None:
        self._app, self._database, self._settings = app, database, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or repeat the answer that it had."""
        given = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if given is None or scope["method"] not in _METHODS or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(scope, receive)
            key = _key_of(client_of(self._settings, scope), scope, given)
            fingerprint = hashlib.sha256(body).hexdigest()
            async with self._database.session() as session:
                known = await requests.begin(session, key, fingerprint)
            if known is not None:
                await _repeat(known, fingerprint)(scope, receive, send)
                return
        except MistudioError as error:
            await errors.of_error(error)(scope, receive, send)
            return
        await self._answer(scope, _replay(body, receive), send, key)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, key: str) -> None:
        """Pass the request on and keep its answer before it is sent, so that whoever has seen it finds it again."""
        held, is_kept, is_done = list[Message](), False, False

        async def keep(message: Message) -> None:
            nonlocal is_kept, is_done
            if message["type"] == "http.response.start":
                is_kept = _is_kept(message["status"], Headers(raw=message["headers"]))
            if not is_kept:
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                is_done = await self._finish(key, held)
                for each in held:
                    await send(each)

        try:
            await self._app(scope, receive, keep)
        finally:
            if not is_done:
                await self._forget(key)

    async def _finish(self, key: str, answer: list[Message]) -> bool:
        body = b"".join(part.get("body", b"") for part in answer)
        try:
            async with self._database.session() as session:
                await requests.finish(session, key, answer[0]["status"], body.decode())
        except DatabaseUnavailable as error:  # What was asked for is done, and the client should know.
            log.warning("an answer is not kept for its key: %s", error)
            return False
        return True

    async def _forget(self, key: str) -> None:
        with suppress(DatabaseUnavailable):
            async with self._database.session() as session:
                await requests.forget(session, key)


def _is_kept(status: int, headers: Headers) -> bool:
    return status < 500 and status not in (408, 425, 429) and headers.get("content-type", "") == "application/json"


def _key_of(client: str, scope: Scope, given: str) -> str:
    if not _KEY.fullmatch(given):
        raise BadInput("The Idempotency-Key is not understood.", remedy="Send 1 to 255 printable characters.")
    parts = [client, scope["method"], scope["path"], scope["query_string"].decode("latin-1"), given]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


async def _read(scope: Scope, receive: Receive) -> bytes:
    if scope["path"].endswith("/upload"):
        raise BadInput("An upload takes no Idempotency-Key.", remedy="Send it without: what was begun is not kept.")
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("The request ended before it was whole.", remedy="Send it again.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, and then whatever the client does."""
    waiting = [body]

    async def again() -> Message:
        return {"type": "http.request", "body": waiting.pop()} if waiting else await receive()

    return again


def _repeat(known: IdempotencyKey, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise BadInput(
            "This Idempotency-Key was used for another request.", remedy="Choose a new key for every new request."
        )
    if known.status is None:
        error = NotAllowedNow("The first request with this key is being answered.", remedy="Ask again in a second.")
        return errors.of_error(error, {"Retry-After": "1"}, retryable=True)
    response = Response(known.body, status_code=known.status, media_type="application/json")
    MutableHeaders(raw=response.raw_headers)[REPLAYED] = "true"
    return response
