"""A stand-in of the Hub's HTTP interface, as far as reading public data sets goes: one folder a repository."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

COMMIT = "a" * 40
_API = re.compile(
    r"/api/datasets/(?P<repo>[^/]+/[^/]+)(/(?P<what>revision|tree|paths-info)/(?P<rev>[^/]+)(?P<path>/.*)?)?"
)
_FILE = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")


@contextmanager
def serve(root: Path) -> Iterator[str]:
    """Serve `root/<owner>/<name>/…` as data sets; yields the endpoint's URL."""

    class Handler(_Handler):
        folder = root

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def log_message(self, *what: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = json.loads(body) if body.startswith("{") else parse_qs(body)
        call = _API.fullmatch(urlparse(self.path).path)
        if call is None or call["what"] != "paths-info":
            self._answer(404, b"{}")
            return
        home = self.folder / call["repo"]
        paths = form["paths"] if isinstance(form["paths"], list) else [form["paths"]]
        self._json([_entry(home, home / path) for path in paths if (home / path).exists()])

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path)
        if call := _API.fullmatch(path):
            self._api(call)
        elif file := _FILE.fullmatch(path):
            self._file(self.folder / file["repo"], file["path"])
        else:
            self._answer(404, b"{}")

    def _api(self, call: re.Match[str]) -> None:
        home = self.folder / call["repo"]
        if not home.is_dir():
            self._missing("RepoNotFound")
        elif (call["rev"] or "main") not in ("main", COMMIT):
            self._missing("RevisionNotFound")
        elif call["what"] == "tree":
            self._tree(home, home / (call["path"] or "").strip("/"))
        else:
            files = [
                {"rfilename": path.relative_to(home).as_posix()} for path in sorted(home.rglob("*")) if path.is_file()
            ]
            self._json({"id": call["repo"], "sha": COMMIT, "private": False, "tags": [], "siblings": files})

    def _tree(self, home: Path, folder: Path) -> None:
        if not folder.is_dir():
            self._missing("EntryNotFound")
            return
        recursive = parse_qs(urlparse(self.path).query).get("recursive", ["false"])[0].lower() in ("true", "1")
        self._json([_entry(home, path) for path in sorted(folder.rglob("*") if recursive else folder.iterdir())])

    def _file(self, home: Path, name: str) -> None:
        path = home / name
        if not path.is_file():
            self._missing("EntryNotFound" if home.is_dir() else "RepoNotFound")
            return
        content, headers = path.read_bytes(), {"ETag": f'"{_digest(path)}"', "X-Repo-Commit": COMMIT}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self._answer(200, content, {**headers, "Accept-Ranges": "bytes"})
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        self._answer(
            206, content[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
        )

    def _missing(self, code: str) -> None:
        self._answer(404, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _json(self, content: Any) -> None:
        self._answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _entry(home: Path, path: Path) -> dict[str, Any]:
    name = path.relative_to(home).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
    return {"type": "file", "path": name, "oid": _digest(path), "size": path.stat().st_size}


def _digest(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
