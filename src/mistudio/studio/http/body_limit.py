"""How much a request may send: little, except where files are uploaded."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mistudio.studio.http import errors
from mistudio.studio.settings import Settings

JSON_BYTES = 2**20
_UPLOAD = ("POST", "/api/v1/datasets/upload")
"""The one endpoint that writes a body to disk while it comes."""


class BodyLimit:
    """Refuses bodies that are too large, by what they say of themselves and by what comes."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._upload_bytes = app, settings.max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and stop it where it sends too much."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        largest = self._upload_bytes if (scope["method"], scope["path"]) == _UPLOAD else JSON_BYTES
        stated, received = Headers(scope=scope).get("content-length", ""), 0
        words = f"At most {largest:,} bytes are taken here."
        if stated.isdecimal() and int(stated) > largest:
            await _refusal(words)(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:
                raise HTTPException(413, words)
            return message

        try:
            await self._app(scope, counted, send)
        except HTTPException as error:  # Raised above where a layer, and no endpoint, read the body.
            await _refusal(str(error.detail))(scope, receive, send)


def _refusal(words: str) -> Response:
    return errors.answer(413, *errors.WORDS[413], {"remedy": words})
