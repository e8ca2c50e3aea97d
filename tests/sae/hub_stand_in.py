"""A stand-in of the Hub's HTTP interface, as far as one model's files are written and read: a folder a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

COMMIT = "c" * 40


@contextmanager
def serve(root: Path) -> Iterator[str]:
    """Serve and take `root/<owner>/<name>/…` as models; yields the endpoint's URL."""

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

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = self.path.split("?")[0].strip("/").split("/")
        if "authorization" not in {name.lower() for name in self.headers}:
            self._answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif parts == ["api", "repos", "create"]:
            form = json.loads(body)
            name = f"{form.get('organization') or 'me'}/{form['name']}"
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            self._json({"url": f"http://{self.headers['Host']}/{name}", "id": name})
        elif parts[4:5] == ["preupload"]:
            files = json.loads(body)["files"]
            modes = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None} for one in files
            ]
            self._json({"files": modes})
        elif parts[4:5] == ["commit"]:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    (self.folder / "/".join(parts[2:4]) / line["value"]["path"]).write_bytes(content)
            self._json(
                {
                    "commitUrl": f"http://{self.headers['Host']}/me/my-sae/commit/{COMMIT}",
                    "commitOid": COMMIT,
                    "hookOutput": "",
                }
            )
        else:
            self._json({})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        home = self.folder / ("/".join(parts[2:4]) if parts[0] == "api" else "/".join(parts[:2]))
        if not home.is_dir():
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif parts[0] == "api":
            files = sorted(path for path in home.rglob("*") if path.is_file())
            names = {path.relative_to(home).as_posix(): path for path in files}
            tree = [
                {"type": "file", "path": name, "size": path.stat().st_size, "oid": _etag(path)}
                for name, path in names.items()
            ]
            info = {"id": home.name, "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
            self._json(tree if parts[4:5] == ["tree"] else info)
        elif (path := home / "/".join(parts[4:])).is_file():
            self._answer(200, path.read_bytes(), {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT})
        else:
            self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})

    def _json(self, content: Any) -> None:
        self._answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
