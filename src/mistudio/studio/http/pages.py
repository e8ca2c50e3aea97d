"""The pages: the bundle that `make ui` builds, each file known by name before anyone asks for it.

Assets have a digest in their name and are kept for ever by browsers; index.html answers every other address, so that
the pages' own addresses can be opened and reloaded. No path is ever joined from a request.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mistudio.studio.http import errors

STATIC = Path(__file__).parents[1] / "static"
_INDEX = "/index.html"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_PACKED = ("text/", "application/json", "image/svg+xml", "application/manifest+json")
_SMALL = 1000
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_WITHOUT_BUNDLE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>miStudio</title>
<style>body{background:#020617;color:#cbd5e1;font:16px/1.6 system-ui;margin:15vh auto;max-width:34rem;padding:0 1rem}
code{background:#0f172a;color:#34d399;padding:.1rem .4rem;border-radius:.3rem}a{color:#34d399}</style>
<h1>The pages are not built</h1><p>The studio runs, but this installation has no pages. Build them with
<code>make ui</code> and reload. The API answers meanwhile: see <a href="/api/docs">what there is</a>.</p></html>"""


@dataclass
class _File:
    path: Path
    content: bytes
    type: str
    lasts: bool

    @cached_property
    def packed(self) -> bytes | None:
        """Compressed, where that helps; made at the first request and kept."""
        if len(self.content) < _SMALL or not self.type.startswith(_PACKED):
            return None
        return gzip.compress(self.content, 9)

    @cached_property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:24]}"'


class Pages:
    """Serves the bundle; what begins with one of `elsewhere` goes to the application."""

    def __init__(self, app: ASGIApp, elsewhere: tuple[str, ...], folder: Path = STATIC) -> None:
        self._app, self._elsewhere, self._folder = app, elsewhere, folder
        self._files: dict[str, _File] = {}
        self._stamp: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, or pass on."""
        if scope["type"] != "http" or _is_below(scope["path"], self._elsewhere):
            await self._app(scope, receive, send)
            return
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return errors.answer(405, *errors.WORDS[405], {"remedy": "Pages are only read."}, {"Allow": "GET, HEAD"})
        self._look()
        file = self._files.get(scope["path"])
        if file is None and scope["path"].startswith("/assets/"):
            return errors.answer(404, *errors.WORDS[404], {"remedy": "Reload the page: it was built anew."})
        file = file or self._files.get(_INDEX)
        if file is None:
            return HTMLResponse(_WITHOUT_BUNDLE, headers={"Cache-Control": _ASK})
        return _response(file, Headers(scope=scope))

    def _look(self) -> None:
        """Read the bundle, at first and whenever it has been built anew."""
        try:
            stamp = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            self._files, self._stamp = {}, None
            return
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._files = {
            f"/{path.relative_to(self._folder).as_posix()}": _File(
                path,
                path.read_bytes(),
                _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
                lasts=path.parent.name == "assets",
            )
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _response(file: _File, asked: Headers) -> Response:
    headers = {"Cache-Control": _FOR_EVER if file.lasts else _ASK, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if asked.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    content, packed = file.content, file.packed
    if packed is not None and "gzip" in asked.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = packed, "gzip"
    return Response(content, headers=headers, media_type=file.type)
